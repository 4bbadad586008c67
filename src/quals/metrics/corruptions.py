"""What would a false claim look like? FactCC's training data, made by rule.

After Kryscinski et al. (2020). A rule takes a claim sentence, its source document and a generator,
and returns the corrupted sentence, or None where it does not apply. OntoNotes entities are all that
a pipeline must give; parts of speech sharpen the rules where there are any.

Deviations: FactCC also paraphrases claims by translating them to another language and back. That
has no counterpart offline, so every claim starts as a sentence of its document. ORDINAL counts as a
number here, and misprints in FactCC's table of pronouns are put right.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from quals.jsonl import Row
from quals.text import normalise, sentences, words

Rule = Callable[[Doc, Doc, random.Random], str | None]

# FactCC swaps within these three groups, not within one label: a person may become a place.
NAMES = {"PERSON", "ORG", "NORP", "FAC", "GPE", "LOC", "PRODUCT", "WORK_OF_ART", "EVENT"}
NUMBERS = {"MONEY", "CARDINAL", "QUANTITY", "PERCENT", "ORDINAL"}
DATES = {"DATE", "TIME"}

# "I" and "it" are left out, as in FactCC: their verbs or their two cases would not fit.
PRONOUNS = {
    "subject": ["he", "she", "we", "they", "you"],
    "object": ["him", "her", "us", "them", "me", "you"],
    "possessive": ["his", "her", "its", "our", "their", "my", "your"],
    "reflexive": ["himself", "herself", "itself", "ourselves", "themselves", "myself", "yourself"],
}
CASES = {
    pronoun: [case for case, pronouns in PRONOUNS.items() if pronoun in pronouns]
    for pronoun in chain(*PRONOUNS.values())
}

BE_HAVE_DO = ["are", "is", "was", "were", "have", "has", "had", "do", "does", "did"]
CONTRACTED = {"can": "can't", "will": "won't"}
CONTRACTED |= {verb: f"{verb}n't" for verb in [*BE_HAVE_DO, "could", "should", "would"]}
AUXILIARIES = {*CONTRACTED, "am", "may", "might", "must", "shall"}
CUT_SHORT = {"ca": "can", "wo": "will", "sha": "shall"}  # how spaCy splits "can't" and its like
CONTRACTIONS = ("n't", "n\u2019t")
NEGATIONS = {"not", *CONTRACTIONS}
DENIALS = {"no", "never", "none", "neither", "nor", "nothing", "nobody"}

GENITIVES = {"'s", "\u2019s", "'", "\u2019"}
PIECE = re.compile(r"(?:\w+(?:[-'\u2019.,]\w+)*|\S)\s*")  # a word or a sign with its space
DROPPED = 0.8  # share of noisy words that are dropped, not doubled (FactCC's code)


@dataclass(frozen=True)
class ClaimExample:
    """A claim about a document, label 1 if consistent; `rule` is what corrupted it, if anything."""

    id: str
    document: str
    claim: str
    label: int
    rule: str | None


def swap_entity(claim: Doc, document: Doc, rng: random.Random) -> str | None:
    """One of the claim's named entities becomes another one of the document."""
    return _swap(claim, document, NAMES, rng)


def swap_number(claim: Doc, document: Doc, rng: random.Random) -> str | None:
    """One of the claim's amounts, counts, shares or ranks becomes another one of the document."""
    return _swap(claim, document, NUMBERS, rng)


def swap_date(claim: Doc, document: Doc, rng: random.Random) -> str | None:
    """One of the claim's dates or times becomes another one of the document."""
    return _swap(claim, document, DATES, rng)


def _swap(claim: Doc, document: Doc, labels: set[str], rng: random.Random) -> str | None:
    replaceable = _entities(claim, labels)
    # Most claims lack a label, and finding a document's entities means walking through all of it.
    known = list(dict.fromkeys(e.text for e in _entities(document, labels))) if replaceable else []
    choices = []
    for entity in replaceable:
        old = entity.text.lower()
        # Part of a name may mean the same ("Holt" for "Anna Holt"), so it is no replacement.
        others = [text for text in known if text.lower() not in old and old not in text.lower()]
        if others:
            choices.append((entity, others))
    if not choices:
        return None
    entity, others = rng.choice(choices)
    new = " ".join(rng.choice(others).split())
    if entity.start == 0 and entity.text[0].isupper():
        new = new[0].upper() + new[1:]
    return _spliced(claim, entity.start, entity.end, new)


def _entities(doc: Doc, labels: set[str]) -> list[Span]:
    """Entities with these labels, without the genitive ending that recognisers often include."""
    return [
        entity[:-1] if len(entity) > 1 and entity[-1].text in GENITIVES else entity
        for entity in doc.ents
        if entity.label_ in labels
    ]


def _spliced(claim: Doc, start: int, end: int, new: str) -> str:
    """The claim's text with the tokens from `start` up to `end` replaced."""
    tokens = [token.text_with_ws for token in claim]
    tokens[start:end] = [new + claim[end - 1].whitespace_]
    return "".join(tokens).strip()


def swap_pronoun(claim: Doc, document: Doc, rng: random.Random) -> str | None:
    """One of the claim's pronouns becomes another one of its case; a first capital is kept."""
    places = [(token, case) for token in claim if (case := _case(token))]
    if not places:
        return None
    token, case = rng.choice(places)
    new = rng.choice([word for word in PRONOUNS[case] if word != token.lower_])
    return _spliced(claim, token.i, token.i + 1, new.capitalize() if token.is_title else new)


def _case(token: Token) -> str | None:
    """Which list of `PRONOUNS` the token belongs to; None for other words and for "you"."""
    cases = CASES.get(token.lower_, [])
    if not cases or not (token.is_lower or token.is_title):  # "US" is a country
        return None
    if token.lower_ == "her":
        return "possessive" if _owns(token) else "object"
    return cases[0] if len(cases) == 1 else None


def _owns(her: Token) -> bool:
    """Whether this "her" stands before a noun; without tags, before a word of content."""
    if her.tag_:
        return her.tag_ == "PRP$"
    if her.i + 1 == len(her.doc):
        return False
    following = her.nbor()
    return following.is_alpha and (not following.is_stop or following.lower_ == "own")


def negate(claim: Doc, document: Doc, rng: random.Random) -> str | None:
    """One of the claim's auxiliary verbs gains or loses its "not" or "n't".

    Without parts of speech any form of be, have, do or a modal is an auxiliary, as in FactCC.
    """
    verbs = [token for token in claim if _takes_negation(token)]
    if not verbs:
        return None
    verb = rng.choice(verbs)
    if _neighbour(verb, 1) in NEGATIONS:
        return _spliced(claim, verb.i, verb.i + 2, CUT_SHORT.get(verb.text, verb.text))
    negated = ["cannot" if verb.text == "can" else f"{verb.text} not"]
    if verb.text in CONTRACTED:
        negated.append(CONTRACTED[verb.text])
    return _spliced(claim, verb.i, verb.i + 1, rng.choice(negated))


def _takes_negation(token: Token) -> bool:
    """Whether the token is the first auxiliary of its clause and not negated by another word."""
    # Lower case only: "May" and "Will" are names, and a statement does not begin with its verb.
    known = token.text in AUXILIARIES
    known |= token.text in CUT_SHORT and _neighbour(token, 1) in NEGATIONS
    if not known or token.pos_ not in ("", "AUX"):
        return False
    before, after = _neighbour(token, -1), _neighbour(token, 1)
    return before not in AUXILIARIES | NEGATIONS and after not in DENIALS


def _neighbour(token: Token, step: int) -> str:
    """The lower-cased token `step` places on, or nothing beyond the ends."""
    place = token.i + step
    return token.doc[place].lower_ if 0 <= place < len(token.doc) else ""


RULES: dict[str, Rule] = {
    "entity": swap_entity,
    "number": swap_number,
    "date": swap_date,
    "pronoun": swap_pronoun,
    "negation": negate,
}


def add_noise(text: str, other: str, rng: random.Random, *, chance: float) -> str:
    """Drop or double each word or sign with probability `chance`.

    What `text` has and `other` has not stays whole, and so do negations: noise must neither heal a
    false claim nor falsify a true one, nor touch what was swapped in one half of a pair only.
    """
    start, end = difference(other, text)
    pieces: list[str] = []
    for match in PIECE.finditer(text):
        piece, word = match.group(), match.group().strip().lower()
        changed = match.start() < end and match.end() > start
        if changed or _denies(word) or rng.random() >= chance:
            pieces.append(piece)
        elif rng.random() >= DROPPED:
            pieces += [piece.rstrip() + " ", piece]
        elif pieces and piece[-1].isspace():
            pieces[-1] = pieces[-1].rstrip() + " "  # the words around it do not grow together
    return "".join(pieces).strip() or text


def _denies(word: str) -> bool:
    return word in NEGATIONS | DENIALS | {"cannot"} or word.endswith(CONTRACTIONS)


def difference(other: Sequence, text: Sequence) -> tuple[int, int]:
    """Where `text` differs from `other`: start and end of what is between equal ends."""
    shorter = min(len(other), len(text))
    start = next((i for i in range(shorter) if other[i] != text[i]), shorter)
    rest = shorter - start
    tail = next((i for i in range(rest) if other[-1 - i] != text[-1 - i]), rest)
    return start, len(text) - tail


def training_examples(
    rows: Sequence[Row],
    nlp: Language,
    rng: random.Random,
    *,
    pairs_per_document: int,
    shortest: int,
    noise_share: float,
    noise_chance: float,
) -> list[ClaimExample]:
    """Pairs of a document's sentence (label 1) and its corruption (label 0), pair after pair.

    `rows` have `id` and `document`. Sentences of at least `shortest` words are claims; each serves
    once, and a document gives at most `pairs_per_document` pairs. The rule that has made the fewest
    corruptions so far goes first, which evens the rules out as far as the text allows. A claim gets
    noise with probability `noise_share` whatever its label, and then each word with `noise_chance`.
    Ids are the row's id, the pair's number and the rule or "clean".
    """
    counts = dict.fromkeys(RULES, 0)
    examples: list[ClaimExample] = []
    documents = [str(row["document"]) for row in rows]
    for row, document in zip(rows, nlp.pipe(documents), strict=True):
        claims = [claim for claim in claim_docs(document) if len(words(claim.text)) >= shortest]
        rng.shuffle(claims)
        stated = {normalise(part) for part in sentences(document.text)}
        for number in range(pairs_per_document):
            made = _corrupt_one(claims, document, stated, counts, rng)
            if made is None:
                break
            claim, rule, corrupted = made
            claims.remove(claim)
            counts[rule] += 1
            clean = claim.text.strip()
            for text, other, name in ((clean, corrupted, None), (corrupted, clean, rule)):
                label = int(name is None)
                if rng.random() < noise_share:
                    noisy = add_noise(text, other, rng, chance=noise_chance)
                    # Dropping words can make one sentence of the document into another one.
                    text = noisy if label or normalise(noisy) not in stated else text
                example_id = f"{row['id']}-{number}-{name or 'clean'}"
                examples.append(ClaimExample(example_id, document.text, text, label, name))
    return examples


def claim_docs(document: Doc) -> Iterator[Doc]:
    """The document's sentences with their entities, split as a summary is when FactCC scores it."""
    text, start = document.text, 0
    for part in sentences(text):
        start = text.index(part, start)
        span = document.char_span(start, start + len(part), alignment_mode="expand")
        start += len(part)
        yield span.as_doc()


def _corrupt_one(
    claims: list[Doc],
    document: Doc,
    stated: set[str],
    counts: dict[str, int],
    rng: random.Random,
) -> tuple[Doc, str, str] | None:
    """The first claim that the rarest applicable rule corrupts into something not `stated`."""
    order = list(RULES)
    rng.shuffle(order)
    for rule in sorted(order, key=counts.__getitem__):
        for claim in claims:
            corrupted = RULES[rule](claim, document, rng)
            if corrupted is not None and normalise(corrupted) not in stated:
                return claim, rule, corrupted
    return None
