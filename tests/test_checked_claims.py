"""Laws of the claims that people checked: how they are read, judged, counted and shown."""

import json
import random
import re
from argparse import Namespace
from statistics import fmean

import numpy as np
import pytest
from encoders import save_bert
from hypothesis import given
from hypothesis import strategies as st
from judges import alone, judgments_section, save_models, write_scale

from quals.analysis.checked import claim_tables
from quals.analysis.report_checked import judged_claims, section
from quals.corpora.claims import read_claims
from quals.corpora.sources import MissingDataError
from quals.jsonl import DataError, read_json, read_jsonl
from quals.metrics import parts
from quals.metrics.explained import ExplainedQuals
from quals.metrics.factcc import balanced_accuracy
from quals.metrics.likelihood import Likelihood
from quals.metrics.quals import PAPER
from quals.metrics.suite import load_classifier
from quals.models import checkpoint
from quals.models.encoder import CLAIM
from quals.stages import judge_claims
from quals.text import copy_rate, words

NAME = "factcc/validation.jsonl"
GOOD = {"id": "one", "document": "Ada won.", "claim": "Ada won.", "label": 1}


def write(folder, rows) -> None:
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


# How they are read


def test_claims_about_the_same_text_share_their_document(tmp_path):
    other = {**GOOD, "id": "two", "claim": "Ivan won.", "label": 0}
    write(tmp_path, [GOOD, other, {**other, "id": "three", "document": "Ivan won."}])
    first, second, third = read_claims("factcc", str(tmp_path), {})
    assert [claim.consistent for claim in (first, second, third)] == [True, False, False]
    assert first.document_id == second.document_id != third.document_id


def test_the_environment_goes_before_the_settings(tmp_path):
    write(tmp_path, [GOOD])
    (found,) = read_claims("factcc", "nowhere", {"QUALS_DATA": str(tmp_path)})
    assert found.text == "Ada won."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 2}, "field 'label' must be 0 or 1, not 2"),
        ({"label": True}, "field 'label' must be int, not bool"),
        ({"label": "CORRECT"}, "field 'label' must be int, not str"),
        ({"claim": 3}, "field 'claim' must be str, not int"),
        ({"claim": " \n"}, "field 'claim' is empty"),
        ({"document": ""}, "field 'document' is empty"),
        ({"document": "\ud800"}, "field 'document' is not Unicode text"),
        ({"id": ""}, "field 'id' is empty"),
        ({"id": "one"}, "field 'id': 'one' occurs twice"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_field(tmp_path, change, message):
    write(tmp_path, [GOOD, {**GOOD, "id": "two", **change}])
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / NAME}:2: {message}")):
        read_claims("factcc", str(tmp_path), {})


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_named(tmp_path, field):
    write(tmp_path, [{key: value for key, value in GOOD.items() if key != field}])
    with pytest.raises(DataError, match=rf":1: field '{field}' is missing"):
        read_claims("factcc", str(tmp_path), {})


def test_what_is_not_at_hand_is_named_with_the_ways_to_get_it(tmp_path):
    with pytest.raises(MissingDataError, match=r"validation\.jsonl does not exist.*QUALS_DATA"):
        read_claims("factcc", str(tmp_path), {})
    with pytest.raises(MissingDataError, match="'qags_xsum' is no set of claims: factcc is"):
        read_claims("qags_xsum", str(tmp_path), {})
    write(tmp_path, [])
    with pytest.raises(DataError, match="holds no claims"):
        read_claims("factcc", str(tmp_path), {})


# What follows from scores


def items_of(claims) -> list[dict]:
    """Items of (document, consistent, probability, copied bigrams)."""
    return [
        {
            "id": f"{number:03d}",
            "document_id": f"d{document}",
            "source": "claim",
            "truth": float(consistent),
            "error": None,
            "scores": {"factcc": probability, "copy2": copied},
        }
        for number, (document, consistent, probability, copied) in enumerate(claims)
    ]


def auc(pairs) -> float:
    """Of (score, consistent): wins and half the ties among all pairs of both kinds."""
    right, wrong = ([score for score, kind in pairs if kind == wanted] for wanted in (True, False))
    return fmean((a > b) + (a == b) / 2 for a in right for b in wrong)


CLAIMS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.booleans(),
        st.sampled_from([0.0, 0.2, 0.5, 0.50001, 0.9]),
        st.sampled_from([None, 0.0, 0.5, 1.0]),
    ),
    min_size=2,
    max_size=30,
)


@given(CLAIMS)
def test_figures_are_those_of_plain_computations(claims):
    found = claim_tables("factcc", items_of(claims), resamples=30)
    truth = [consistent for _, consistent, _, _ in claims]
    believed = [probability > 0.5 for _, _, probability, _ in claims]
    assert found["n"] == len(claims)
    assert found["documents"] == len({document for document, *_ in claims})
    assert (found["consistent"], found["inconsistent"]) == (truth.count(True), truth.count(False))
    assert found["majority_accuracy"] == pytest.approx(
        max(truth.count(True), truth.count(False)) / len(truth)
    )
    assert found["accuracy"] == pytest.approx(fmean(map(bool.__eq__, truth, believed)))
    assert found["believed"] == pytest.approx(fmean(believed))
    rows = {row["metric"]: row for row in found["rows"]}
    if len(set(truth)) == 1:
        assert found["balanced_accuracy"] is rows["factcc"]["auc"] is None
        return
    recalls = [
        fmean(b for b, t in zip(believed, truth, strict=True) if t is kind)
        for kind in (True, False)
    ]
    assert found["believed_of_consistent"] == pytest.approx(recalls[0])
    assert found["believed_of_inconsistent"] == pytest.approx(recalls[1])
    expected = (recalls[0] + 1 - recalls[1]) / 2
    assert found["balanced_accuracy"] == pytest.approx(expected)
    assert expected == pytest.approx(balanced_accuracy([*map(int, truth)], [*map(int, believed)]))
    for place, metric in ((2, "factcc"), (3, "copy2")):
        scored = [(claim[place], claim[1]) for claim in claims if claim[place] is not None]
        assert rows[metric]["n"] == len(scored)
        assert rows[metric]["undefined"] == len(claims) - len(scored)
        if len({s for s, _ in scored}) > 1 and len({kind for _, kind in scored}) > 1:
            assert rows[metric]["auc"] == pytest.approx(auc(scored))


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.51, 1.0])
def test_a_classifier_that_always_says_the_same_has_one_half_in_every_resample(probability):
    claims = [(number % 9, number % 5 > 0, probability, 0.5) for number in range(60)]
    found = claim_tables("factcc", items_of(claims), resamples=50)
    ends = [found[f"balanced_accuracy{end}"] for end in ("", "_low", "_high")]
    assert ends == [0.5, 0.5, 0.5]
    assert found["majority_accuracy"] == 0.8


def test_the_interval_is_the_spread_over_resampled_documents():
    """Documents with all their claims, by a bootstrap of its own."""
    rng = random.Random(0)
    claims = []
    for document in range(60):
        ease = rng.random()
        for _ in range(rng.randrange(1, 5)):
            consistent = rng.random() < 0.7
            right = rng.random() < ease
            claims.append((document, consistent, 0.9 if consistent == right else 0.1, None))
    found = claim_tables("factcc", items_of(claims), resamples=4000)
    by_document = [[claim for claim in claims if claim[0] == d] for d in range(60)]
    drawn = []
    for _ in range(2000):
        chosen = [claim for _ in range(60) for claim in rng.choice(by_document)]
        hits = {kind: [(p > 0.5) == kind for _, t, p, _ in chosen if t == kind] for kind in (0, 1)}
        drawn.append((fmean(hits[0]) + fmean(hits[1])) / 2)
    ends = np.quantile(drawn, [0.025, 0.975])
    assert found["balanced_accuracy_low"] == pytest.approx(ends[0], abs=0.015)
    assert found["balanced_accuracy_high"] == pytest.approx(ends[1], abs=0.015)


@given(CLAIMS, st.randoms(use_true_random=False))
def test_figures_do_not_depend_on_the_order_of_the_claims(claims, rng):
    items = items_of(claims)
    shuffled = rng.sample(items, len(items))
    first, second = (claim_tables("factcc", given, resamples=20) for given in (items, shuffled))
    assert first.keys() == second.keys()
    for key in first.keys() - {"rows"}:
        assert first[key] == (
            second[key] if isinstance(second[key], str | None) else pytest.approx(second[key])
        )
    for one, other in zip(first["rows"], second["rows"], strict=True):
        for key, value in one.items():
            assert value == (
                other[key] if isinstance(value, str | None) else pytest.approx(other[key], abs=1e-9)
            )


def test_a_claim_that_the_classifier_left_out_is_counted_and_takes_no_part():
    claims = [(number % 9, number % 2 > 0, number % 2, 0.5) for number in range(30)]
    found = claim_tables("factcc", items_of([*claims, (9, False, None, 0.5)]), resamples=10)
    assert (found["n"], found["undefined"], found["accuracy"]) == (31, 1, 1.0)
    assert (found["believed"], found["majority_accuracy"]) == (0.5, 0.5)


# The stage

DOCUMENTS = (
    "Ada Holt beat Ivan Rossi 3-1 in Marlow on Monday. Nobody was hurt.",
    "The mill in Kelby was sold for £25 million. It had stood empty since 1998.",
    "A crowd of 2,500 watched Ada Holt. She will keep the garden in Thornby.",
)
SAID = (
    "Ada Holt beat Ivan Rossi.",
    "The mill was sold in 1998.",
    "Nobody was hurt in Kelby.",
    "Won.",
)
ROWS = [
    {"id": f"c{d}{c}", "document": document, "claim": claim, "label": (d + c) % 2}
    for d, document in enumerate(DOCUMENTS)
    for c, claim in enumerate(SAID)
]


@pytest.fixture
def project(tmp_path, few_words, make_qagen, monkeypatch):
    """A random classifier and language models, a dozen checked claims and a scale file."""
    save_bert(tmp_path / "factcc", CLAIM.architecture, seed=4)
    write(tmp_path / "data", ROWS)
    scale = {
        "judgments": judgments_section(tmp_path / "data"),
        "factcc": {"longest": 48, "contexts_per_batch": 3},
        "quals": PAPER.model_dump(),
        "rouge": {"use_stemmer": False},
        "train_qagen": save_models(tmp_path, few_words, make_qagen(10), monkeypatch),
    }
    write_scale(tmp_path / "scale.yaml", scale)
    monkeypatch.delenv("QUALS_DATA", raising=False)
    alone(monkeypatch)
    return tmp_path


def judge(project) -> tuple[list[dict], dict]:
    arguments = Namespace(
        params=project / "scale.yaml",
        benchmark="factcc",
        factcc=project / "factcc",
        qagen=project / "qagen",
        items=project / "items.jsonl",
        out=project / "factcc_claims.json",
    )
    judge_claims.main(arguments)
    return read_jsonl(arguments.items), read_json(arguments.out)


def test_scores_are_the_classifiers_and_the_claims_own(project):
    items, found = judge(project)
    assert [item["id"] for item in items] == [row["id"] for row in ROWS]
    believed = load_classifier(project / "scale.yaml", project / "factcc").probabilities(
        [row["document"] for row in ROWS], [row["claim"] for row in ROWS]
    )
    for item, row, probability in zip(items, ROWS, believed, strict=True):
        assert item["truth"] == row["label"]
        scores = item["scores"]
        assert scores["factcc"] == pytest.approx(probability, abs=2e-5)
        for n in (1, 2, 3):
            rate = copy_rate(row["document"], row["claim"], n)
            assert scores[f"copy{n}"] == (None if rate is None else pytest.approx(rate, abs=1e-6))
        assert scores["length"] == len(words(row["claim"]))
        texts = [row["document"]], [row["claim"]]
        (share,) = ExplainedQuals.from_pretrained(project / "qagen", PAPER).score(*texts)
        plain = Likelihood(checkpoint.load(project / "base"), longest=30, row_budget=512)
        alone = [share.quals, *plain.score(*texts), *plain.explained(*texts)]
        names = ("quals_explained", "likelihood", "likelihood_explained")
        assert [scores[name] for name in names] == pytest.approx(alone, abs=1e-4)
    assert len({item["document_id"] for item in items}) == found["documents"] == len(DOCUMENTS)
    metrics = [row["metric"] for row in found["rows"]]
    assert metrics[:6] == ["factcc", "rougeL", "copy1", "copy2", "copy3", "length"]
    assert sorted(metrics[6:]) == sorted(names)
    copied = next(row for row in found["rows"] if row["metric"] == "copy2")
    assert (copied["n"], copied["undefined"]) == (9, 3)  # a claim of one word has no bigram
    assert set(found["signature"]["models"]) == {"factcc", "qagen"}


def test_neither_order_nor_parts_change_a_figure(project, monkeypatch):
    items, found = judge(project)
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    write(project / "data", shuffled)
    monkeypatch.setattr(parts, "default_workers", lambda: 5)
    again, other = judge(project)
    for one, same in zip(items, again, strict=True):
        assert one["id"] == same["id"]
        assert one["scores"] == pytest.approx(same["scores"], abs=2e-5)
    assert other["balanced_accuracy"] == found["balanced_accuracy"]
    assert other["n"] == found["n"] == len(ROWS)


# The pages


def test_the_page_shows_every_figure_beside_what_a_guess_is_worth():
    claims = [(n % 9, n % 5 > 0, 0.9 if n % 4 else 0.1, None if n % 7 else 0.5) for n in range(60)]
    found = claim_tables("factcc", items_of(claims), resamples=50)
    shown = judged_claims(found)
    for figure in ("60 claims about 9 documents, 48 of them consistent", "right on 80.0%"):
        assert figure in shown
    for key in ("believed", "believed_of_consistent", "believed_of_inconsistent", "accuracy"):
        assert f"{found[key]:.1%}" in shown
    low, high = found["balanced_accuracy_low"], found["balanced_accuracy_high"]
    row = next(line for line in shown.splitlines() if line.startswith("| FactCC"))
    assert f"| {found['balanced_accuracy']:.3f} [{low:.3f}, {high:.3f}] |" in row
    assert f"{found['rows'][0]['auc']:.3f} [" in row
    assert "| Copied bigrams | 9 | 51 | - |" in shown
    assert section([found]).endswith(shown)
    assert section([]) == ""
