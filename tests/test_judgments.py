"""Laws of the benchmarks that people judged: how files are read, dealt in halves, and compared."""

import json
import statistics

import numpy as np
import pytest
from adapters import make_base
from hypothesis import given
from hypothesis import strategies as st
from judges import judgments_section

from quals.analysis.pairwise import ALL, MATCHED, pair_rows
from quals.corpora.judgments import DEVELOPMENT, HELD_OUT, Judgments, read_judgments
from quals.decoding.scoring import target_logprobs
from quals.errors import InputError
from quals.metrics.likelihood import Likelihood
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import pad

YES, NO = "yes", "no"


def article(number: int, *votes: list[str]) -> dict:
    sentences = [
        {
            "sentence": f"Sentence {at} of {number}.",
            "responses": [{"worker_id": w, "response": vote} for w, vote in enumerate(told)],
        }
        for at, told in enumerate(votes)
    ]
    return {"article": f"Article {number}.", "summary_sentences": sentences}


@pytest.fixture
def settings(tmp_path):
    return Judgments(
        **judgments_section(tmp_path, halueval=str(tmp_path / "halueval.jsonl"), rows=3)
    )


def write(path, rows) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_truth_is_the_mean_over_sentences_of_the_majority(tmp_path, settings):
    votes = [[YES, YES, NO], [NO, NO, NO], [YES, YES, YES]]
    write(tmp_path / "qags/mturk_cnndm.jsonl", [article(1, *votes), article(2, [NO, YES, NO])])
    first, second = read_judgments("qags_cnndm", settings, {})
    majority = [statistics.mode(vote) == YES for vote in votes]
    assert first.truth == pytest.approx(sum(majority) / 3)
    assert first.ratings == pytest.approx((2 / 3, 2 / 3, 1 / 3))
    assert (second.truth, second.ratings) == (0.0, (0.0, 1.0, 0.0))
    assert first.summary == "Sentence 0 of 1. Sentence 1 of 1. Sentence 2 of 1."
    assert first.document == "Article 1."


def test_the_environment_goes_before_the_settings(tmp_path, settings):
    other = tmp_path / "other"
    other.mkdir()
    write(other / "qags/mturk_xsum.jsonl", [article(7, [YES, YES, YES])])
    (found,) = read_judgments("qags_xsum", settings, {"QUALS_DATA": str(other)})
    assert found.document == "Article 7."


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"article": 3, "summary_sentences": []}, r"jsonl:2.*article"),
        ({"article": "a", "summary_sentences": []}, r"jsonl:2.*summary_sentences"),
        (
            {"article": "a", "summary_sentences": [{"sentence": 1}]},
            r"jsonl:2: field 'summary_sentences\[0\]\.sentence'",
        ),
        (article(1, []), r"jsonl:2: field 'summary_sentences\[0\]\.responses' must be a list"),
        (article(1, [YES], ["maybe"]), r"summary_sentences\[1\]\.responses' must say"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_field(tmp_path, settings, row, message):
    write(tmp_path / "qags/mturk_cnndm.jsonl", [article(1, [YES, NO, YES]), row])
    with pytest.raises(InputError, match=message):
        read_judgments("qags_cnndm", settings, {})


@pytest.mark.parametrize(
    ("benchmark", "message"),
    [
        ("qags_cnndm", "QUALS_DATA"),
        ("halueval", "make assets"),
        ("summeval", "is no benchmark: qags_cnndm, qags_xsum, halueval"),
    ],
)
def test_what_is_not_at_hand_is_named_with_the_ways_to_get_it(settings, benchmark, message):
    with pytest.raises(InputError, match=message):
        read_judgments(benchmark, settings, {})


def test_halueval_gives_both_summaries_of_the_same_articles_in_whatever_order(tmp_path, settings):
    rows = [
        {"id": f"h{n}", "document": f"d{n}", "reference": f"r{n}", "hallucinated": f"x{n}"}
        for n in range(8)
    ]
    write(tmp_path / "halueval.jsonl", rows)
    found = read_judgments("halueval", settings, {})
    assert [judged.truth for judged in found] == [1.0, 0.0] * 3
    assert [judged.summary[0] for judged in found] == ["r", "x"] * 3
    write(tmp_path / "halueval.jsonl", rows[::-1])
    assert read_judgments("halueval", settings, {}) == found


def test_halves_are_even_and_hold_both_summaries_of_a_document(tmp_path, settings):
    settings = settings.model_copy(update={"rows": 400})
    rows = [
        {"id": f"h{n}", "document": "d", "reference": "r", "hallucinated": "x"} for n in range(400)
    ]
    write(tmp_path / "halueval.jsonl", rows)
    found = read_judgments("halueval", settings, {})
    halves = [judged.half for judged in found]
    assert set(halves) == {DEVELOPMENT, HELD_OUT}
    assert halves[::2] == halves[1::2]
    assert 320 < halves.count(HELD_OUT) < 480


class NewlineTokenizer:
    """The suite's tokenizer, which knows words only, with a token for the end of a line."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def encode(self, texts, limit=None):
        return [[3] if text == "\n" else self.tokenizer.encode([text], limit)[0] for text in texts]


@pytest.mark.parametrize("row_budget", [1, 30, 10_000])
def test_likelihood_is_the_mean_over_the_summary_s_tokens(tokenizer, sentences, row_budget):
    model = make_base(tokenizer.backend.get_vocab_size())
    metric = Likelihood(
        Checkpoint(model, NewlineTokenizer(tokenizer)), longest=8, row_budget=row_budget
    )
    pairs = [(d, s) for d in sentences for s in (*sentences[:2], "")]
    found = metric.score([d for d, _ in pairs], [s for _, s in pairs])
    for (document, summary), score in zip(pairs, found, strict=True):
        ids = tokenizer.encode([summary])[0]
        if not ids:
            assert score is None
            continue
        memory = model.read(*pad(tokenizer.encode([document], 8), 0))
        target, mask = pad([ids], 0)
        logprobs = target_logprobs(model, memory, target[None], mask[None])
        assert score == pytest.approx(logprobs.sum().item() / len(ids), abs=1e-5)
    alone = metric.score([""] * len(pairs), [s for _, s in pairs])
    shares = metric.explained([d for d, _ in pairs], [s for _, s in pairs])
    for under, without, share in zip(found, alone, shares, strict=True):
        assert share == (None if under is None else pytest.approx(1 - under / without, abs=1e-5))
    # The first token follows a line end, not the token that begins a generated text.
    assert model.config.decoder_start_token_id == 3


def pair_items(scores, lengths):
    return [
        {
            "id": f"{n}{kind}",
            "document_id": f"d{n}",
            "truth": truth,
            "error": None,
            "source": "x",
            "scores": {"quals": score[kind], "length": length[kind]},
        }
        for n, (score, length) in enumerate(zip(scores, lengths, strict=True))
        for kind, truth in ((0, 1.0), (1, 0.0))
    ]


@given(
    st.lists(
        st.tuples(
            st.tuples(st.sampled_from([None, 0.0, 1.0, 2.0]), st.sampled_from([0.0, 1.0, 2.0])),
            st.tuples(st.integers(8, 12).map(float), st.integers(8, 12).map(float)),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_pairs_are_ranked_right_where_the_consistent_one_scores_higher(rows):
    scores, lengths = [row[0] for row in rows], [row[1] for row in rows]
    found = pair_rows(
        "b", pair_items(scores, lengths), tolerance=0.1, resamples=20, seed=0, level=0.95
    )
    table = {(row["population"], row["metric"]): row for row in found}
    for population in (ALL, MATCHED):
        chosen = [
            (score, length)
            for score, length in rows
            if population == ALL or abs(length[0] - length[1]) <= 0.1 * max(length)
        ]
        kept = [score for score, _ in chosen if None not in score]
        row = table[population, "quals"]
        assert (row["pairs"], row["undefined"]) == (len(kept), len(chosen) - len(kept))
        if kept:
            # Ties are misses.
            assert row["right"] == pytest.approx(np.mean([a > b for a, b in kept]))
            wins = [(a > b) + (a == b) / 2 for a, _ in kept for _, b in kept]
            alike = len({score for pair in kept for score in pair}) == 1
            assert row["auc"] == (None if alike else pytest.approx(np.mean(wins)))
        else:
            assert row["right"] is row["auc"] is None


def test_a_document_without_its_pair_is_refused():
    items = pair_items([(1.0, 0.0)], [(9.0, 9.0)])[:1]
    with pytest.raises(ValueError, match="one consistent summary and one other"):
        pair_rows("b", items, tolerance=0.1, resamples=5, seed=0, level=0.95)
