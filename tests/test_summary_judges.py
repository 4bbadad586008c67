"""Laws of judges that chose nothing: what they say of all methods' summaries, and the pages."""

import random
from argparse import Namespace
from statistics import fmean

import numpy as np
import pytest
from judges import alone, judgments_section, save_models, write_scale

from quals.analysis.real_text import details, summary
from quals.analysis.statistics import draw, holm
from quals.analysis.summary_judges import REFERENCE, judge_tables, paired_differences
from quals.analysis.tables import comparisons, difference_rows, stack
from quals.jsonl import DataError, read_json, read_jsonl, write_json, write_jsonl
from quals.metrics import parts
from quals.metrics.explained import ExplainedQuals
from quals.metrics.likelihood import Likelihood
from quals.metrics.quals import PAPER
from quals.metrics.readings import NAMES
from quals.models import checkpoint
from quals.stages import judge_summaries

SIZES = {"resamples": 200, "permutations": 500, "seed": 0, "level": 0.95}


def scored(values: dict[tuple[str, int], list[float | None]], metric: str = "quals") -> dict:
    """Rows as `stack` takes them, documents numbered."""
    return {
        run: [{"id": f"d{at}", "metrics": {metric: value}} for at, value in enumerate(column)]
        for run, column in values.items()
    }


def drawn(methods: tuple[str, ...], seeds: int = 1, documents: int = 9) -> dict:
    numbers = np.random.default_rng(5)
    return {
        (method, seed): [round(value, 6) for value in numbers.normal(place / 4, 1, documents)]
        for place, method in enumerate(methods)
        for seed in range(seeds)
    }


def judged(rows: dict, *methods: str) -> dict:
    return judge_tables("xsum", rows, methods=methods, seeds=[0], baseline="mle", **SIZES)


# The tables


@pytest.mark.parametrize("seeds", [1, 3])
def test_differences_are_those_of_the_report_for_a_metric_that_it_tests(seeds):
    methods = ("mle", "conseq", "copy")
    rows = scored(drawn(methods, seeds, 12))
    scores = stack("xsum", rows, methods=methods, seeds=range(seeds))
    draws = draw(seeds, 12, resamples=200, seed=0)
    sizes = {"level": 0.95, "permutations": 500, "seed": 0}
    expected = difference_rows([(scores, draws)], **sizes)
    cells = [("quals", *pair) for pair in comparisons(methods)]
    assert paired_differences(scores, cells, draws, **sizes) == expected


def test_references_are_judged_and_compared_with_nobody():
    methods = ("mle", "conseq", "copy", REFERENCE)
    rows = scored(drawn(methods))
    found = judged(rows, *methods)
    values = {run: [row["metrics"]["quals"] for row in mine] for run, mine in rows.items()}
    assert {row["method"]: row["mean"] for row in found["main"]} == {
        method: pytest.approx(fmean(values[method, 0])) for method in methods
    }
    compared = [(row["method"], row["baseline"]) for row in found["differences"]]
    assert compared == [("conseq", "mle"), ("copy", "mle")]
    for row in found["differences"]:
        pairs = zip(values[row["method"], 0], values["mle", 0], strict=True)
        assert row["difference"] == pytest.approx(fmean(one - other for one, other in pairs))
    ps = [row["p"] for row in found["differences"]]
    assert [row["p_holm"] for row in found["differences"]] == holm(ps)


def test_a_method_that_is_the_baseline_under_another_name_is_not_ahead():
    rows = scored(drawn(("mle", "conseq")))
    rows["conseq", 0] = rows["mle", 0]
    (row,) = judged(rows, "mle", "conseq")["differences"]
    assert (row["difference"], row["bootstrap_low"], row["bootstrap_high"]) == (0, 0, 0)
    assert row["p"] == 1


def test_a_summary_without_a_score_is_counted_and_takes_no_part():
    values = drawn(("mle", "conseq"))
    values["conseq", 0][4] = None
    found = judged(scored(values), "mle", "conseq")
    assert found["undefined"] == [
        {"dataset": "xsum", "metric": "quals", "method": "conseq", "undefined": 1}
    ]
    without = {run: column[:4] + column[5:] for run, column in values.items()}
    (row,) = found["differences"]
    (other,) = judged(scored(without), "mle", "conseq")["differences"]
    assert row["difference"] == pytest.approx(other["difference"])


def test_runs_on_other_documents_are_refused():
    rows = scored(drawn(("mle", "conseq")))
    del rows["conseq", 0][0]
    with pytest.raises(DataError, match="xsum-conseq-0: other documents"):
        judged(rows, "mle", "conseq")


# The stage

ARTICLES = [
    ("a1", "Ada Holt beat Ivan Rossi in Marlow on Monday. Nobody was hurt.", "Ada Holt won."),
    ("a2", "The mill in Kelby was sold. It had stood empty since 1998.", "A mill was sold."),
    ("a3", "A crowd watched Ada Holt. She will keep the garden in Thornby.", "A crowd came."),
]
WRITTEN = {
    ("mle", 0): ["Ada Holt beat Ivan Rossi.", "The mill in Kelby was sold.", "Nobody was hurt."],
    ("mle", 1): ["Ada Holt beat Ivan Rossi.", "The mill had stood empty.", "A crowd watched."],
    ("conseq", 0): ["Ada Holt was hurt.", "The mill in Kelby was sold.", ""],
    ("conseq", 1): ["Nobody won in Marlow.", "Ada Holt sold it.", "She will keep the garden."],
}
LEFT_OUT = {"selectors": [], "methods": ["oracle"], "benchmarks": [], "ablations": "none"}


@pytest.fixture
def project(tmp_path, few_words, make_qagen, monkeypatch):
    """Random language models, three articles, summaries of two methods and seeds, a scale file."""
    scale = {
        "left_out": {"reason": "no truth", **LEFT_OUT},
        "methods": {"conseq": None, "oracle": None},
        "judgments": judgments_section(tmp_path),
        "quals": PAPER.model_dump(),
        "train_qagen": save_models(tmp_path, few_words, make_qagen(10), monkeypatch),
    }
    grid = {"methods": ["mle", "conseq", "oracle"], "seeds": [0, 1]}
    for name, content in (("scale", scale), ("params", grid)):
        write_scale(tmp_path / f"{name}.yaml", content)
    store(tmp_path, ARTICLES)
    alone(monkeypatch)
    return tmp_path


def store(project, articles) -> None:
    fields = ("id", "document", "summary")
    rows = [dict(zip(fields, article, strict=True)) for article in articles]
    write_jsonl(project / "corpus/test.jsonl", rows)
    for (method, seed), texts in WRITTEN.items():
        told = dict(zip((key for key, _, _ in ARTICLES), texts, strict=True))
        write_jsonl(
            project / f"summaries/{method}/{seed}.jsonl",
            [{"id": row["id"], "summary": told[row["id"]]} for row in rows],
        )


def judge(project) -> tuple[dict, dict]:
    arguments = Namespace(
        params=project / "scale.yaml",
        grid=project / "params.yaml",
        dataset="xsum",
        corpus=project / "corpus",
        summaries=project / "summaries",
        qagen=project / "qagen",
        scores=project / "scores",
        out=project / "out.json",
    )
    judge_summaries.main(arguments)
    runs = [*WRITTEN, (REFERENCE, 0), (REFERENCE, 1)]
    scores = {(m, s): read_jsonl(project / f"scores/{m}/{s}.jsonl") for m, s in runs}
    return scores, read_json(arguments.out)


def test_scores_are_those_of_each_summary_alone(project):
    scores, found = judge(project)
    explained = ExplainedQuals.from_pretrained(project / "qagen", PAPER)
    plain = Likelihood(checkpoint.load(project / "base"), longest=30, row_budget=512)
    references = [reference for _, _, reference in ARTICLES]
    for run, rows in scores.items():
        texts = WRITTEN.get(run, references)
        for (key, document, _), text, row in zip(ARTICLES, texts, rows, strict=True):
            assert (row["id"], set(row["metrics"])) == (key, set(NAMES))
            pair = [document], [text]
            share = explained.score(*pair)[0].quals
            alone = [share, *plain.score(*pair), *plain.explained(*pair)]
            for name, expected in zip(NAMES, alone, strict=True):
                value = None if expected is None else pytest.approx(expected, abs=1e-4)
                assert row["metrics"][name] == value
    assert scores["conseq", 0][2]["metrics"] == dict.fromkeys(NAMES), "an empty summary"
    undefined = {row["metric"]: row["undefined"] for row in found["undefined"]}
    assert undefined == dict.fromkeys(NAMES, 1)
    assert {row["method"] for row in found["main"]} == {"mle", "conseq", REFERENCE}
    assert {row["metric"] for row in found["differences"]} == set(NAMES)
    assert {(row["seeds"], row["n"]) for row in found["main"]} == {(2, 3)}
    assert set(found["signature"]["models"]) == {"qagen"}


def test_neither_order_nor_parts_change_a_score(project, monkeypatch):
    scores, found = judge(project)
    store(project, random.Random(1).sample(ARTICLES, len(ARTICLES)))
    monkeypatch.setattr(parts, "default_workers", lambda: 2)
    again, other = judge(project)
    for run, rows in scores.items():
        for one, same in zip(rows, again[run], strict=True):
            assert one["id"] == same["id"]
            assert one["metrics"] == pytest.approx(same["metrics"], abs=2e-5)
    for one, same in zip(found["main"], other["main"], strict=True):
        assert one["mean"] == pytest.approx(same["mean"], abs=2e-5)


# The pages


@pytest.fixture
def results(tmp_path):
    methods = ("mle", "conseq", REFERENCE)
    found = judged(scored(drawn(methods), metric="quals_explained"), *methods)
    write_json(tmp_path / "summary_judges/xsum.json", found)
    own = [row for row in found["main"] if row["method"] != REFERENCE]
    write_json(tmp_path / "main.json", [{**row, "metric": "qags"} for row in own])
    for name in ("differences", "claims"):
        write_json(tmp_path / f"{name}.json", [])
    return tmp_path


def test_the_readme_has_a_column_for_the_judge_and_no_row_for_references(results):
    shown = summary(results)
    assert "| Method | QAGS | QUALS, explained |" in shown
    assert "References" not in shown
    for row in read_json(results / "summary_judges/xsum.json")["main"][:2]:
        assert f"{row['mean']:.3f} [{row['bootstrap_low']:+.3f}" in shown


def test_the_page_shows_references_and_differences(results):
    shown = details(results)
    found = read_json(results / "summary_judges/xsum.json")
    (difference,) = found["differences"]
    assert f"| References | {found['main'][2]['mean']:.3f} [" in shown
    assert f"| ConSeq | MLE | QUALS, explained | {difference['difference']:+.3f} [" in shown


def test_pages_are_as_before_where_no_judge_has_run(results):
    (results / "summary_judges/xsum.json").unlink()
    assert "explained" not in summary(results)
    assert "chose nothing" not in details(results)
