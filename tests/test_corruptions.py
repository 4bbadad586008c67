"""Laws and hand-made cases of `quals.metrics.corruptions`."""

import random
from collections import Counter
from itertools import pairwise

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from quals.metrics.corruptions import (
    DATES,
    NAMES,
    NUMBERS,
    PRONOUNS,
    RULES,
    add_noise,
    claim_docs,
    negate,
    swap_date,
    swap_entity,
    swap_number,
    swap_pronoun,
    training_examples,
)
from quals.text import normalise, sentences

PATTERNS = {
    "PERSON": ["Ida Brook", "Omar Field", "Brook"],
    "GPE": ["Tarnby", "Westholm"],
    "ORG": ["the Lantern Trust", "Heron's"],
    "DATE": ["Monday", "last year", "June"],
    "TIME": ["noon"],
    "CARDINAL": ["12", "40", "Twelve", "forty"],
    "MONEY": ["£3 million", "£9 million"],
    "PERCENT": ["8 per cent"],
    "ORDINAL": ["third"],
}
LABELS = {text: label for label, texts in PATTERNS.items() for text in texts}
NEWS = (
    "Ida Brook of Tarnby won 12 races on Monday. "
    "Omar Field was not amused when he heard it in Westholm. "
    "The Lantern Trust has paid £3 million since June. "
    "They will pay 40 runners £9 million at noon."
)
NLP = spacy.blank("en")
NLP.add_pipe("entity_ruler").add_patterns(
    [{"label": label, "pattern": text} for text, label in LABELS.items()]
    + [{"label": "ORG", "pattern": "The Lantern Trust"}]
)


def outcomes(rule, claim, document=NEWS, tries=60):
    """Everything that a rule makes of a claim."""
    claim, document = NLP(claim), NLP(document)
    return {rule(claim, document, random.Random(seed)) for seed in range(tries)}


@pytest.mark.parametrize(
    ("rule", "claim", "expected"),
    [
        (
            swap_entity,
            "Brook left Tarnby.",
            {f"{name} left Tarnby." for name in ["Omar Field", "Westholm", "The Lantern Trust"]}
            | {"Tarnby left Tarnby."}
            | {
                f"Brook left {name}."
                for name in ["Omar Field", "Westholm", "The Lantern Trust", "Ida Brook"]
            },
        ),
        (swap_entity, "He won 12 races on Monday.", {None}),
        (swap_entity, "It rained.", {None}),
        (
            swap_number,
            "He won 12 races on Monday.",
            {f"He won {n} races on Monday." for n in ["£3 million", "40", "£9 million"]},
        ),
        (
            swap_date,
            "He won 12 races on Monday.",
            {"He won 12 races on June.", "He won 12 races on noon."},
        ),
        (
            swap_date,
            "He came (last year).",
            {f"He came ({d})." for d in ["Monday", "June", "noon"]},
        ),
    ],
)
def test_a_swap_takes_another_entity_of_its_group_from_the_document(rule, claim, expected):
    assert outcomes(rule, claim) == expected


@pytest.mark.parametrize(
    ("rule", "claim", "document"),
    [
        (swap_entity, "Ida Brook won.", "Brook won. Ida Brook won."),  # a part of the same name
        (swap_entity, "Brook won.", "Ida Brook won."),
        (swap_entity, "Ida Brook won.", "It was Monday and 12 came."),
        (swap_number, "12 came.", "Only 12 came to Tarnby."),
        (swap_date, "It closed in June.", ""),
    ],
)
def test_without_another_entity_there_is_no_swap(rule, claim, document):
    assert outcomes(rule, claim, document) == {None}


def test_a_swap_keeps_the_capital_at_the_start_and_the_space_around():
    assert outcomes(swap_number, "Twelve,  he said.", "forty came") == {"Forty,  he said."}


def test_a_swap_leaves_the_genitive_in_place():
    found = outcomes(swap_entity, "Heron's offer failed.", "Westholm's mill burned.")
    assert found == {"Westholm's offer failed."}
    assert outcomes(swap_entity, "Tarnby burned.", "Heron's offer") == {"Heron burned."}


def test_the_groups_of_labels_are_apart():
    assert not NAMES & NUMBERS
    assert not NAMES & DATES
    assert not NUMBERS & DATES
    assert set(PATTERNS) <= NAMES | NUMBERS | DATES


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("Then he won.", {f"Then {new} won." for new in ["she", "we", "they", "you"]}),
        ("She won.", {f"{new} won." for new in ["He", "We", "They", "You"]}),
        ("It beat him.", {f"It beat {new}." for new in ["her", "us", "them", "me", "you"]}),
        (
            "Their own mill burned.",
            {f"{new} own mill burned." for new in ["His", "Her", "Its", "Our", "My", "Your"]},
        ),
        # "her" before a noun is a possessive, elsewhere an object
        (
            "It cost her fortune.",
            {f"It cost {new} fortune." for new in ["his", "its", "our", "their", "my", "your"]},
        ),
        ("It beat her.", {f"It beat {new}." for new in ["him", "us", "them", "me", "you"]}),
        (
            "It beat her by far.",
            {f"It beat {x} by far." for x in ["him", "us", "them", "me", "you"]},
        ),
        ("The US won, I said, and you lost it.", {None}),
        ("HE won.", {None}),
        ("The theatre heard the hero.", {None}),
    ],
)
def test_a_pronoun_becomes_another_of_its_case(claim, expected):
    assert outcomes(swap_pronoun, claim, tries=150) == expected


@pytest.mark.parametrize(("tag", "case"), [("PRP$", "possessive"), ("PRP", "object")])
def test_a_tag_decides_what_her_is(tag, case):
    words, tags = ["It", "gave", "her", "hope", "."], ["PRP", "VBD", tag, "NN", "."]
    claim = Doc(NLP.vocab, words=words, tags=tags)
    found = {swap_pronoun(claim, claim, random.Random(seed)) for seed in range(150)}
    assert found == {f"It gave {new} hope ." for new in PRONOUNS[case] if new != "her"}


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("It was sold.", {"It was not sold.", "It wasn't sold."}),
        ("It was not sold.", {"It was sold."}),
        ("It wasn't sold.", {"It was sold."}),
        ("It wasn\u2019t sold.", {"It was sold."}),
        ("It can win.", {"It cannot win.", "It can't win."}),
        ("It cannot win.", {"It can win."}),
        ("It can't win.", {"It can win."}),
        ("It won't win.", {"It will win."}),
        ("It shan't win.", {"It shall win."}),
        ("It will win.", {"It will not win.", "It won't win."}),
        ("It may win.", {"It may not win."}),  # nobody writes "mayn't"
        ("I am tired.", {"I am not tired."}),
        ("It should have cost less.", {
            "It should not have cost less.", "It shouldn't have cost less.",
        }),
        ("It did not have to.", {"It did have to."}),
        ("Yes, it is.", {"Yes, it is not.", "Yes, it isn't."}),
        ("It is big and was red.", {
            "It is not big and was red.", "It isn't big and was red.",
            "It is big and was not red.", "It is big and wasn't red.",
        }),
        ("It had no roof.", {None}),
        ("It was never sold.", {None}),
        ("Will Tarn left in May.", {None}),  # names
        ("The cat sat.", {None}),
        ("Sold!", {None}),
    ],
)  # fmt: skip
def test_negation_is_put_in_or_taken_away_at_the_auxiliary(claim, expected):
    assert outcomes(negate, claim) == expected


def test_a_main_verb_takes_no_negation_where_parts_of_speech_are_known():
    words = ["He", "had", "a", "mill", "and", "had", "slept", "."]
    pos = ["PRON", "VERB", "DET", "NOUN", "CCONJ", "AUX", "VERB", "PUNCT"]
    claim = Doc(NLP.vocab, words=words, pos=pos)
    found = {negate(claim, claim, random.Random(seed)) for seed in range(40)}
    assert found == {"He had a mill and had not slept .", "He had a mill and hadn't slept ."}


@pytest.mark.parametrize("rule", RULES.values())
@pytest.mark.parametrize("place", range(4))
def test_a_rule_gives_another_text_or_nothing_and_is_fixed_by_its_seed(rule, place):
    claim, document = NLP(sentences(NEWS)[place]), NLP(NEWS)
    for seed in range(30):
        found = rule(claim, document, random.Random(seed))
        assert found != claim.text
        assert found == rule(claim, document, random.Random(seed))
        assert found is None or found == found.strip() != ""


@given(st.text(alphabet="ab ,.-'é£", max_size=40), st.integers())
def test_no_noise_changes_nothing_but_outer_space(text, seed):
    assert add_noise(text, text, random.Random(seed), chance=0).strip() == text.strip()


@given(st.integers(1, 30), st.integers(), st.floats(0, 1))
def test_noise_only_drops_or_doubles_words(length, seed, chance):
    words = [f"w{number}" for number in range(length)]
    noisy = add_noise(" ".join(words), " ".join(words), random.Random(seed), chance=chance).split()
    assert noisy
    assert set(noisy) <= set(words)
    assert noisy == sorted(noisy, key=words.index)  # nothing changes places
    assert max(Counter(noisy).values()) <= 2


def test_noise_touches_words_at_the_given_rate():
    text, rng = " ".join(f"w{i}" for i in range(20_000)), random.Random(0)
    counts = Counter(add_noise(text, text, rng, chance=0.1).split())
    assert 0.07 < 1 - len(counts) / 20_000 < 0.09  # dropped: 80 % of 10 %
    assert 0.015 < sum(count == 2 for count in counts.values()) / 20_000 < 0.025  # doubled


@pytest.mark.parametrize(
    ("text", "other", "kept"),
    [
        ("Omar Field won in Tarnby.", "Ida Brook won in Tarnby.", ["Omar", "Field"]),
        ("It raised £13 million.", "It raised £3 million.", ["13"]),
        ("It was not sold.", "It was sold.", ["not"]),
        ("It was not sold.", "It was not sold.", ["not"]),  # negations always stay
        ("It wasn't sold.", "It wasn't sold.", ["wasn't"]),
        ("It cannot be.", "It cannot be.", ["cannot"]),
        ("It had no roof.", "It had no roof.", ["no"]),
    ],
)
def test_noise_spares_what_decides_the_label(text, other, kept):
    for seed in range(20):
        noisy = add_noise(text, other, random.Random(seed), chance=1)
        assert [noisy.count(part) for part in kept] == [1] * len(kept)


def test_words_beside_a_dropped_sign_do_not_grow_together():
    found = {add_noise("a, b", "a, b", random.Random(seed), chance=0.5) for seed in range(200)}
    assert "a b" in found
    assert not any("ab" in text for text in found)


def test_claims_are_the_sentences_with_their_entities():
    claims = list(claim_docs(NLP(f"  {NEWS}\n")))
    assert [claim.text.strip() for claim in claims] == sentences(NEWS)
    assert [ent.text for ent in claims[0].ents] == ["Ida Brook", "Tarnby", "12", "Monday"]


SETTINGS = {"pairs_per_document": 3, "shortest": 3, "noise_share": 0.5, "noise_chance": 0.1}


def some_news(rng):
    """A document of three to six sentences out of a few moulds."""
    moulds = [
        "{0} of {1} was paid {2} on {3}.",
        "He met {0} in {1} on {3} and liked it.",
        "{2} went to {0}.",
        "She did not see {1} before {3}.",
        "It rained and {0} left.",
        "Nobody came there.",
    ]
    pools = [["Ida Brook", "Omar Field"], ["Tarnby", "Westholm"], ["12", "40", "£3 million"]]
    pools.append(["Monday", "June", "last year", "noon"])
    chosen = rng.sample(moulds, rng.randint(3, 6))
    return " ".join(mould.format(*(rng.choice(pool) for pool in pools)) for mould in chosen)


def some_rows(count, seed=0):
    rng = random.Random(seed)
    return [{"id": f"n{number}", "document": some_news(rng)} for number in range(count)]


def examples_of(rows, seed=1, **changes):
    return training_examples(rows, NLP, random.Random(seed), **(SETTINGS | changes))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_no_false_claim_is_stated_by_its_document(seed, noise_share):
    for example in examples_of(some_rows(4, seed), noise_share=noise_share, noise_chance=0.3):
        stated = {normalise(part) for part in sentences(example.document)}
        assert example.label or normalise(example.claim) not in stated


def test_a_swap_that_gives_another_sentence_of_the_document_is_not_used():
    rows = [{"id": "a", "document": "It began in Tarnby. It began in Westholm!"}]
    assert examples_of(rows) == []
    rows = [{"id": "a", "document": "It began in Tarnby. It began in Westholm. It left Tarnby."}]
    for seed in range(10):
        _, false = examples_of(rows, seed=seed, noise_share=0)
        assert false.claim == "It left Westholm."


def test_noise_does_not_make_a_false_claim_another_sentence():
    rows = [{"id": "a", "document": "Omar Field ran home. Ida Brook ran. Nobody saw it."}]
    for seed in range(300):
        for example in examples_of(rows, seed=seed, noise_share=1, noise_chance=0.5, shortest=4):
            assert example.label or normalise(example.claim) != "ida brook ran"


def test_noise_drops_what_was_swapped_from_neither_half_of_a_pair():
    rows = [{"id": "a", "document": "It began in Tarnby with rain. Westholm slept."}]
    for seed in range(30):
        true, false = examples_of(rows, seed=seed, noise_share=1, noise_chance=0.9, shortest=4)
        assert "Tarnby" in true.claim
        assert "Westholm" in false.claim


def test_without_noise_true_claims_are_sentences_of_the_document():
    for example in examples_of(some_rows(50), noise_share=0):
        assert (example.claim in sentences(example.document)) == (example.label == 1)


def test_examples_come_in_pairs_of_one_sentence_with_ids_of_their_own():
    rows = some_rows(60)
    examples = examples_of(rows, noise_share=0)
    true, false = examples[::2], examples[1::2]
    assert [example.label for example in true] == [1] * len(true)
    assert [example.label for example in false] == [0] * len(true)
    assert len({example.id for example in examples}) == len(examples)
    documents = {row["id"]: row["document"] for row in rows}
    for one, other in zip(true, false, strict=True):
        assert one.rule is None
        assert other.rule in RULES
        assert one.id.endswith("-clean")
        assert one.id.rsplit("-", 1)[0] == other.id.rsplit("-", 1)[0]
        assert one.document == other.document == documents[one.id.split("-")[0]]


def test_a_sentence_serves_once_and_a_document_gives_no_more_than_asked():
    examples = [e for e in examples_of(some_rows(60), noise_share=0) if e.label]
    assert max(Counter(example.document for example in examples).values()) == 3
    assert max(Counter((e.document, e.claim) for e in examples).values()) == 1


def test_rules_are_used_evenly_where_the_text_allows():
    counts = Counter(e.rule for e in examples_of(some_rows(200), pairs_per_document=2) if e.rule)
    assert set(counts) == set(RULES)
    assert min(counts.values()) > 0.7 * max(counts.values())


def test_a_rule_without_material_is_left_out():
    rows = [{"id": "a", "document": "Ida Brook left Tarnby. Omar Field stayed in Westholm."}]
    assert {e.rule for e in examples_of(rows)} == {None, "entity"}
    assert examples_of([{"id": "a", "document": "Rain fell there. "}]) == []
    assert examples_of([{"id": "a", "document": ""}]) == []
    assert examples_of([]) == []


def test_short_sentences_are_no_claims():
    for example in examples_of(some_rows(40), shortest=7, noise_share=0):
        assert not example.label or len(example.claim.split()) >= 7


def test_noise_meets_both_labels_alike():
    quiet, noisy = Counter(), Counter()
    for example in examples_of(some_rows(400), noise_share=1, noise_chance=0.2):
        words = example.claim.split()
        doubled = any(a == b for a, b in pairwise(words))
        (noisy if doubled else quiet)[example.label] += 1
    shares = [noisy[label] / (noisy[label] + quiet[label]) for label in (0, 1)]
    assert shares[0] > 0.1
    assert abs(shares[0] - shares[1]) < 0.08


def test_the_same_seed_makes_the_same_examples():
    rows = some_rows(30)
    assert examples_of(rows, seed=5) == examples_of(rows, seed=5) != examples_of(rows, seed=6)


def test_an_entity_across_two_sentences_is_no_claim_entity():
    doc = NLP("They praised Tarnby. Westholm was sad about it.")
    doc.ents = [Span(doc, 2, 5, label="GPE")]
    assert [list(claim.ents) for claim in claim_docs(doc)] == [[], []]
