"""Rows of retrained summarizers, their tables, and the controls among the selectors."""

import numpy as np
import pytest
from test_preference_losses import RECIPE

from quals.ablations.recipes import Variant
from quals.ablations.rows import training_rows
from quals.ablations.selectors import by_chance, by_factcc, by_length, by_qags
from quals.ablations.trials import Measured, score_candidates
from quals.analysis.few_seeds import student_intervals
from quals.analysis.report_ablations import ablations_section, contrast_section
from quals.corpus import Article
from quals.metrics.texts import Texts
from quals.records import QagsScore
from quals.training.selection import Scored

VARIANTS = [Variant("all", "all", RECIPE), Variant("few", "all", RECIPE)]


def measured(truth, copy2, pairs=4, true=0.5):
    scores = {"truth": truth, "rougeL": truth, "copy2": copy2, "unparsed": [0.0, 0.0, 0.0]}
    return Measured({**scores, "length": [3.0, 4.0, 5.0]}, pairs, true, None)


RUNS = [
    {
        "all": measured([1.0, 0.0, 1.0], [0.5, None, 0.1]),
        "few": measured([1.0, 1.0, 1.0], [0.5, 0.2, 0.2], 2, None),
    },
    {
        "all": measured([1.0, 0.0, 0.0], [0.5, 0.3, 0.2], 5),
        "few": measured([0.0, 1.0, 1.0], [0.5, 0.2, 0.4], 3, 1.0),
    },
]


@pytest.fixture(scope="module")
def rows():
    return training_rows("sizes", "xsum", VARIANTS, RUNS, level=0.9)


def values(rows, setting):
    return {row["metric"]: row for row in rows if row["setting"] == setting}


def test_means_and_changes_are_plain_and_paired(rows):
    base, few = values(rows, "all"), values(rows, "few")
    assert base["truth"]["mean"] == pytest.approx(3 / 6)
    assert few["truth"]["mean"] == pytest.approx(5 / 6)
    assert few["truth_change"]["mean"] == pytest.approx(2 / 6)
    assert not [metric for metric in base if metric.endswith("_change")]
    assert base["copy2"]["mean"] == pytest.approx((0.5 + 0.1 + 0.5 + 0.3 + 0.2) / 5)  # one gap
    assert base["length"]["mean"] == 4
    assert (base["pairs"]["mean"], few["pairs"]["mean"]) == (4.5, 2.5)
    assert (base["positives_true"]["mean"], few["positives_true"]["mean"]) == (0.5, 1.0)
    assert base["negatives_false"]["mean"] is None
    assert all(row["seeds"] == 2 and row["ablation"] == "sizes" for row in rows)


def test_intervals_are_students_and_shares_end_where_shares_end(rows):
    truth = np.array([[[1.0, 1, 1], [0, 1, 1]]])
    (expected,) = student_intervals(truth, level=0.9)
    found = values(rows, "few")["truth"]
    assert expected.high > 1
    assert (found["low"], found["high"]) == (pytest.approx(max(0, expected.low)), 1)
    base = np.array([[[1.0, 0, 1], [1, 0, 0]]])
    (expected,) = student_intervals(truth - base, level=0.9)
    found = values(rows, "few")["truth_change"]
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_tables_have_a_line_for_each_setting_and_signs_on_changes(rows):
    text = ablations_section([*rows, *training_rows("sizes", "cnndm", VARIANTS, RUNS, level=0.9)])
    assert text.count("| few |") == text.count("| all |") == 2
    assert "xsum, 2 seeds" in text
    assert "| +0.333 [" in text
    assert "| 4 |" in text or "| 5 |" in text  # pairs are whole numbers
    assert "nan" not in text
    assert ablations_section([]) == contrast_section([]) == ""


def test_contrast_tables_show_both_comparisons_and_leave_out_the_controls_twin():
    row = {"dataset": "xsum", "metric": "quals", "n": 9, "ties": 0, "undefined": 0}
    right = {"right": 0.75, "low": 0.5, "high": 1.0}
    twin = {"paraphrase_right": 0.25, "paraphrase_low": 0.0, "paraphrase_high": 0.5}
    none = dict.fromkeys(twin)
    text = contrast_section(
        [{**row, "edit": "entity", **right, **twin}, {**row, "edit": "paraphrase", **right, **none}]
    )
    assert text.count("QUALS") == 2
    assert "| QUALS | 0.75 [0.50, 1.00] | 0.75 [0.50, 1.00] |" in text
    assert "| QUALS | 0.25 [0.00, 0.50] |" in text
    assert text.count("paraphrase (control)") == 1


TEXTS = Texts(
    ids=["a", "a", "b"],
    documents=["d", "d", "e"],
    references=["r", "r", "s"],
    summaries=["one two", "one", "one two"],
)


def test_shorter_scores_higher_and_chance_knows_its_texts():
    assert by_length(TEXTS) == [-2, -1, -2]
    scores = by_chance(0)(TEXTS)
    assert scores == by_chance(0)(TEXTS) != by_chance(1)(TEXTS)
    assert len(set(scores)) == 3
    assert all(0 <= score < 1 for score in scores)


def test_qags_and_factcc_score_texts_under_their_documents():
    class Qags:
        def score(self, documents, summaries):
            pairs = zip(documents, summaries, strict=True)
            return [QagsScore(float(len(d + s)), ()) for d, s in pairs]

    class FactCC:
        def score(self, documents, summaries):
            return [float(len(d + s)) for d, s in zip(documents, summaries, strict=True)]

    assert by_qags(Qags())(TEXTS) == by_factcc(FactCC())(TEXTS) == [8, 4, 8]


def test_scores_go_back_to_their_documents_candidates_and_references():
    articles = [Article("b", "doc b", "ref b"), Article("a", "doc a", "ref a")]
    candidates = {"a": ("x", "y"), "b": ("z",)}

    def selector(texts):
        assert texts.references == [f"ref {id_}" for id_ in texts.ids]
        return [f"{d}|{s}" for d, s in zip(texts.documents, texts.summaries, strict=True)]

    assert score_candidates(selector, articles, candidates) == [
        Scored("a", ("x", "y"), ("doc a|x", "doc a|y"), "ref a", "doc a|ref a"),
        Scored("b", ("z",), ("doc b|z",), "ref b", "doc b|ref b"),
    ]
