"""How is text compared? Normalising, token F1, sentences, n-grams, copy rates."""

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
# A point after these, or after a single capital ("J. Holt", "U.S. Army"), ends no sentence.
_TITLES = ["Mr", "Mrs", "Ms", "Dr", "Prof", "Rev", "Sen", "Rep", "Gov", "Gen", "Col", "Lt", "Capt"]
_MONTHS = ["Jan", "Feb", "Aug", "Sept", "Oct", "Nov", "Dec"]
_SENTENCE_END = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][\"')\u201d\u2019]))"
    + "".join(rf"(?<!\b{short}\.)" for short in ("[A-Z]", "No", "St", "vs", *_TITLES, *_MONTHS))
    + r"\s+(?=[\"'(\u201c\u2018]?[A-Z0-9£$€])"
)
_IN_NUMBERS = ".,"
WORD = re.compile(r"\w+(?:[-'.,]\w+)*")


def normalise(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces (SQuAD v1.1 script)."""
    lowered = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def token_f1(prediction: str, truth: str) -> float:
    """SQuAD token F1 in [0, 1]; two empty answers score 1, one empty answer scores 0."""
    predicted, expected = normalise(prediction).split(), normalise(truth).split()
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def exact_match(prediction: str, truth: str) -> float:
    """1 if both are equal after `normalise`, else 0."""
    return float(normalise(prediction) == normalise(truth))


def sentences(text: str) -> list[str]:
    """The sentences of a text, split after . ! ? where a capital, digit or quote follows.

    Closing quotes stay with their sentence; common abbreviations and initials do not end one.
    """
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


def words(text: str) -> list[str]:
    """Lower-cased words and numbers; inner hyphens, points and apostrophes stay ("3-1", "2.5")."""
    return WORD.findall(text.lower())


def ngrams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    """All n-grams of a token list, in order, repeats included."""
    return list(zip(*(tokens[i:] for i in range(n)), strict=False))


def copy_rate(document: str, summary: str, n: int) -> float | None:
    """Share of the summary's n-grams that the document contains; None if it has none."""
    grams = ngrams(words(summary), n)
    if not grams:
        return None
    known = set(ngrams(words(document), n))
    return sum(gram in known for gram in grams) / len(grams)


def find_whole_words(text: str, span: str) -> int | None:
    """Where `span` first stands in `text` (any case) and not inside a longer word, else None.

    A number is a word with its points and commas: "500" does not stand in "1,500".
    """
    span = span.strip()
    if not span:
        return None
    if text.isascii() and span.isascii():  # compiling a pattern for each answer takes far longer
        return _find_in_ascii(text.lower(), span.lower())
    before = r"(?<!\w)(?<!\d[.,])" if span[0].isdigit() else r"(?<!\w)"
    after = r"(?!\w)(?![.,]\d)" if span[-1].isdigit() else r"(?!\w)"
    pattern = before + re.escape(span) + after
    found = re.search(pattern, text, flags=re.IGNORECASE)
    return None if found is None else found.start()


def _find_in_ascii(text: str, span: str) -> int | None:
    """`find_whole_words` of lower-cased texts."""
    at = text.find(span)
    while at >= 0:
        before, after = text[max(0, at - 2) : at], text[at + len(span) : at + len(span) + 2]
        inside = _is_word(before[-1:]) or _is_word(after[:1])
        inside |= span[0].isdigit() and before[:1].isdigit() and before[1:] in _IN_NUMBERS
        inside |= span[-1].isdigit() and after[:1] in _IN_NUMBERS and after[1:].isdigit()
        if not inside:
            return at
        at = text.find(span, at + 1)
    return None


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def contains_whole_words(text: str, span: str) -> bool:
    """Whether a non-empty `span` stands in `text` in whole words (any case)."""
    return find_whole_words(text, span) is not None
