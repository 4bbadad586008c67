"""The stages that score judged summaries: columns are the metrics' own, whatever the processes."""

import json
from argparse import Namespace

import pytest
from adapters import save_adapter, save_base, taken_apart
from judges import ORDERS, alone, judgments_section, save_models, write_judged, write_scale
from ruamel.yaml import YAML

from quals.chunks import ChunkError
from quals.corpora.judgments import Judgments, read_judgments
from quals.jsonl import DataError, read_jsonl, write_jsonl
from quals.metrics import parts
from quals.metrics.averaged import AveragedQuals
from quals.metrics.averages import AVERAGES
from quals.metrics.averages import PAPER as PAPER_AVERAGE
from quals.metrics.explained import ExplainedQuals
from quals.metrics.likelihood import Likelihood
from quals.metrics.parts import in_parts
from quals.metrics.quals import PAPER, Quals, QualsSettings
from quals.metrics.windows import closest_sentences
from quals.models import checkpoint
from quals.models.source import model_folder
from quals.signature import content_hash
from quals.stages import judge_quals, judgments
from quals.text import sentences, words

SETTINGS = {**PAPER.model_dump(), "groups": 12, "shortest": 1, "longest": 5, "max_pairs": 4}
CHANGES = {
    "quals_answer": {"likelihood": "answer"},
    "quals_4": {"groups": 4},
    "quals_1_pair": {"max_pairs": 1},
    "quals_closest": {"closest_words": 8, "likelihood": "question"},
}


@pytest.fixture
def project(tmp_path, few_words, make_qagen, monkeypatch):
    """A QAGen, a base, twelve judged summaries, and a scale file."""
    base = save_models(tmp_path, few_words, make_qagen(10), monkeypatch)
    write_judged(tmp_path / "data")
    scale = {
        "judgments": judgments_section(tmp_path / "data"),
        "quals": SETTINGS,
        "quals_variants": {"changes": CHANGES},
        "rouge": {"use_stemmer": False},
        "train_qagen": base,
    }
    write_scale(tmp_path / "scale.yaml", scale)
    monkeypatch.delenv("QUALS_DATA", raising=False)
    monkeypatch.setenv("QUALS_CHECKPOINTS", str(tmp_path / "unfinished"))
    alone(monkeypatch)
    return tmp_path


def judge(project, qagen="qagen", benchmark="qags_xsum") -> list[dict]:
    arguments = Namespace(
        params=project / "scale.yaml",
        benchmark=benchmark,
        qagen=project / qagen,
        out=project / "judged/quals.jsonl",
    )
    judge_quals.main(arguments)
    return read_jsonl(arguments.out)


def test_columns_are_quals_with_those_settings_and_that_document(project):
    rows = judge(project)
    texts = read_judgments("qags_xsum", Judgments(**scale(project)["judgments"]), {})
    base = QualsSettings(**SETTINGS)
    expected = {"quals": (base, None)}
    for name, change in CHANGES.items():
        kept = {k: v for k, v in change.items() if k != "closest_words"}
        expected[name] = (base.model_copy(update=kept), change.get("closest_words"))
    seen = set()
    for name, (settings, most) in expected.items():
        documents = [
            closest_sentences(t.document, t.summary, most) if most else t.document for t in texts
        ]
        metric = Quals.from_pretrained(project / "qagen", settings)
        found = metric.score(documents, [t.summary for t in texts])
        column = [row["scores"].get(name, row["variants"].get(name)) for row in rows]
        assert [value is None for value in column] == [one.quals is None for one in found]
        both = [(v, one.quals) for v, one in zip(column, found, strict=True) if v is not None]
        assert [v for v, _ in both] == pytest.approx([v for _, v in both], abs=1e-4)
        seen.add(tuple(column))
    assert len(seen) == len(expected), "every setting must matter in this test"
    metric = ExplainedQuals.from_pretrained(project / "qagen", base)
    shares = metric.score([t.document for t in texts], [t.summary for t in texts])
    assert [row["variants"]["quals_explained"] for row in rows] == pytest.approx(
        [one.quals for one in shares], abs=1e-4
    )
    plain = Likelihood(checkpoint.load(project / "base"), longest=30, row_budget=512)
    for name, found in (("likelihood", plain.score), ("likelihood_explained", plain.explained)):
        assert [row["scores"][name] for row in rows] == pytest.approx(
            found([t.document for t in texts], [t.summary for t in texts]), abs=1e-4
        )
    assert any(row["scores"]["quals"] is not None for row in rows)
    assert [row["id"] for row in rows] == [text.id for text in texts]


def test_pairs_behind_a_score_are_stored_token_by_token(project):
    rows = judge(project)
    assert max(len(row["pairs"]) for row in rows) > 1
    for row in rows:
        gaps = [
            sum(d - s for d, s in zip(p["document"], p["summary"], strict=True)) / len(p["summary"])
            for p in row["pairs"]
        ]
        mean = sum(gaps) / len(gaps) if gaps else None
        assert row["scores"]["quals"] == (None if mean is None else pytest.approx(mean, abs=1e-5))


def test_a_killed_judge_goes_on_where_it_was_and_writes_the_same(project, monkeypatch):
    whole = judge(project)
    (project / "judged/quals.jsonl").unlink()
    asked = []

    def killed(judged, texts, *, cost):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(len(texts))
        return in_parts(judged, texts, cost=cost)

    with monkeypatch.context() as patch:
        patch.setattr(judge_quals, "in_parts", killed)
        with pytest.raises(KeyboardInterrupt):
            judge(project)
    assert not (project / "judged/quals.jsonl").exists()

    def rest(judged, texts, *, cost):
        asked.append(len(texts))
        return in_parts(judged, texts, cost=cost)

    monkeypatch.setattr(judge_quals, "in_parts", rest)
    assert judge(project) == whole
    assert asked == [5, 5, 2]


def test_chunks_of_other_settings_are_refused(project, monkeypatch):
    def killed(judged, texts, *, cost):
        raise KeyboardInterrupt

    def first_only(judged, texts, *, cost):
        monkeypatch.setattr(judge_quals, "in_parts", killed)
        return judged(texts)

    monkeypatch.setattr(judge_quals, "in_parts", first_only)
    with pytest.raises(KeyboardInterrupt):
        judge(project)
    path = project / "scale.yaml"
    path.write_text(path.read_text().replace("groups: 12", "groups: 11"))
    with pytest.raises(ChunkError, match="settings was"):
        judge(project)


def scale(project) -> dict:
    return YAML(typ="safe", pure=True).load((project / "scale.yaml").read_text())


def tables(project, qagen="qagen", benchmark="qags_xsum") -> dict:
    arguments = Namespace(
        params=project / "scale.yaml",
        benchmark=benchmark,
        qagen=project / qagen,
        judged=project / "judged",
        items=project / "items.jsonl",
        out=project / "out.json",
    )
    judgments.main(arguments)
    return json.loads(arguments.out.read_text())


def test_tables_take_the_scores_of_every_file_and_keep_variants_apart(project):
    rows = judge(project)
    write_jsonl(
        project / "judged/qags.jsonl",
        ({"id": row["id"], "scores": {"qags": at / 12}} for at, row in enumerate(rows)),
    )
    found = tables(project)
    assert {"quals", "qags", "likelihood", "likelihood_explained"} <= {
        row["metric"] for row in found["rows"]
    }
    averages = {f"quals_{name}" for name in AVERAGES if name != PAPER_AVERAGE}
    others = {*CHANGES, *averages, "quals_explained"}
    assert {row["metric"] for row in found["variants"]} == {"quals", *others}
    assert {row["against"] for row in found["variant_leads"]} == others
    assert not {row["against"] for row in found["leads"]} & {*CHANGES, *averages}
    extension = found["extension"]
    assert judgments.EXTENSION == judge_quals.EXPLAINED
    metrics = [row["metric"] for row in found["rows"]]
    assert [row["against"] for row in extension["leads"]] == metrics
    # The same lead from both sides, whatever else is in the tables.
    (lead,) = (r for r in extension["leads"] if r["against"] == "quals")
    (same,) = (r for r in found["variant_leads"] if r["against"] == "quals_explained")
    ends = lead["difference"], lead["low"], lead["high"], lead["p"]
    assert ends == pytest.approx((-same["difference"], -same["high"], -same["low"], same["p"]))
    assert all(row["p"] <= row["p_holm"] for row in extension["leads"] if row["p"] is not None)
    assert [row["metric"] for row in extension["raters"]] == ["quals_explained"]
    assert {(r["metric"], r["control"]) for r in extension["partial"]} == {
        ("quals_explained", f"copy{size}") for size in (1, 2, 3)
    }
    counts = [t["rows"][0]["n"] + t["rows"][0]["undefined"] for t in (found, found["development"])]
    assert sum(counts) == 12
    assert min(counts) > 0
    items = read_jsonl(project / "items.jsonl")
    assert [item["scores"]["qags"] for item in items] == pytest.approx(
        [at / 12 for at in range(12)], abs=1e-6
    )


def test_pairs_of_one_article_stand_where_nobody_was_asked(project):
    rows = [
        {"id": f"h{n}", "document": f"{one}. {ORDERS[n - 1]}.", "reference": one, "hallucinated": x}
        for n, (one, x) in enumerate(zip(ORDERS, ORDERS[1:] + ORDERS[:1], strict=True))
    ]
    write_jsonl(project / "halueval.jsonl", rows)
    settings = scale(project)
    settings["judgments"]["halueval"] = str(project / "halueval.jsonl")
    write_scale(project / "scale.yaml", settings)
    assert len(judge(project, benchmark="halueval")) == 2 * len(rows)
    found = tables(project, benchmark="halueval")
    assert "raters" not in found
    mine = [row for row in found["extension"]["pairs"] if row["population"] == "all"]
    assert [row["metric"] for row in mine] == ["quals_explained"]
    others = {row["metric"] for row in found["pairs"]}
    assert others == {row["metric"] for row in found["rows"]}


def test_an_adapters_folder_stands_for_the_model_that_it_makes(
    project, make_qagen, few_words, monkeypatch
):
    monkeypatch.setenv("QUALS_CACHE", str(project / "cache"))
    base, adapter = taken_apart(make_qagen(10), targets=("q", "v", "wi"))
    whole = judge(project)
    assert any(row["scores"]["quals"] for row in whole)
    in_words = tables(project)
    save_adapter(
        base, adapter, project / "adapter", folder=str(save_base(base, few_words, project / "t5"))
    )
    found = judge(project, "adapter")
    for one, other in zip(found, whole, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4, nan_ok=True)
    again = tables(project, "adapter")
    models = again["signature"]["models"]
    assert models != in_words["signature"]["models"]
    assert models == {"qagen": content_hash(model_folder(str(project / "adapter")))}


def test_averages_are_those_of_the_metric_of_that_name(project):
    judge(project)
    tables(project)
    texts = read_judgments("qags_xsum", Judgments(**scale(project)["judgments"]), {})
    items = read_jsonl(project / "items.jsonl")
    for name in AVERAGES.keys() - {PAPER_AVERAGE}:
        metric = AveragedQuals.from_pretrained(
            project / "qagen", QualsSettings(**SETTINGS), average=name
        )
        found = metric.score([t.document for t in texts], [t.summary for t in texts])
        column = [item["variants"][f"quals_{name}"] for item in items]
        assert [value is None for value in column] == [one.quals is None for one in found]
        both = [(v, one.quals) for v, one in zip(column, found, strict=True) if v is not None]
        assert [v for v, _ in both] == pytest.approx([v for _, v in both], abs=1e-4)


def test_pairs_of_a_wider_search_make_no_averages(project, capsys):
    path = project / "scale.yaml"
    path.write_text(path.read_text().replace("{groups: 4}", "{groups: 20}"))
    assert "groups: 20" in path.read_text()
    judge(project)
    found = {row["metric"] for row in tables(project)["variants"]}
    assert found == {"quals", "quals_explained", *CHANGES}
    assert "no other averages" in capsys.readouterr().out


def test_a_summary_without_scores_is_named(project):
    rows = judge(project)
    write_jsonl(project / "judged/quals.jsonl", rows[:-1])
    with pytest.raises(DataError, match="'qags_xsum-0012' has no scores"):
        tables(project)


def double(part: list[int]) -> list[int]:
    return [2 * item for item in part]


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_parts_come_back_in_order(workers):
    items = [5, 3, 8, 1, 9, 2]
    assert in_parts(double, items, cost=float, workers=workers) == [2 * item for item in items]


def test_parts_take_equally_long(monkeypatch):
    dealt = []
    monkeypatch.setattr(
        parts, "run_jobs", lambda score, work, workers: [dealt.append(w) or score(w) for w in work]
    )
    in_parts(double, [1, 100, 2, 99, 3, 98, 4, 97], cost=float, workers=2)
    assert {len(part) for part in dealt} == {4}
    assert abs(sum(dealt[0]) - sum(dealt[1])) < 10


DOCUMENT = (
    "A storm hit Marlow on Monday. The mill in Kelby was sold for £25 million. "
    "Ada Holt bought it. Nobody was hurt in the storm. Ada Holt owns three mills."
)


def test_closest_sentences_share_words_and_keep_their_order():
    summary = "Ada Holt bought the mill in Kelby."
    assert closest_sentences(DOCUMENT, summary, 13) == (
        "The mill in Kelby was sold for £25 million. Ada Holt bought it."
    )
    assert closest_sentences(DOCUMENT, summary, 1000) == DOCUMENT


@pytest.mark.parametrize("most", range(1, 40))
def test_closest_sentences_keep_within_the_words_or_leave_the_document(most):
    found = closest_sentences(DOCUMENT, "Nobody was hurt when the mill was sold.", most)
    assert set(sentences(found)) <= set(sentences(DOCUMENT))
    assert len(words(found)) <= most or found == DOCUMENT


def test_a_sentence_that_repeats_what_is_taken_adds_nothing():
    document = "Ada won the cup. Ada won the cup again. It rained in Kelby."
    assert (
        closest_sentences(document, "Ada won in Kelby.", 8)
        == "Ada won the cup. It rained in Kelby."
    )
