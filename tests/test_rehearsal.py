"""Laws of the rehearsal: scales of real text run end to end, their settings kept but for sizes."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from pipeline import ROOT

from quals.analysis.quoting import CUT, MOST_WORDS
from quals.analysis.report_checked import judged_claims
from quals.models.wordpiece import load_wordpiece
from quals.params import load_yaml
from quals.rehearsal import scale as scales
from quals.rehearsal import texts
from quals.rehearsal.models import (
    CAUSAL_SEPARATOR,
    SEPARATOR,
    train_bpe,
    train_causal_bpe,
    wordpiece_entries,
)
from quals.text import ngrams, words

NAMES = ("paper", "base", "laptop")
GRID = {**load_yaml(ROOT / "params.yaml"), **scales.LISTS}


def flat(value, path=""):
    if isinstance(value, dict) and value:
        return {k: v for key in value for k, v in flat(value[key], f"{path}.{key}").items()}
    return {path.removeprefix("."): value}


@pytest.mark.parametrize("name", NAMES)
def test_only_sizes_and_places_differ_from_the_scale(name):
    whole = load_yaml(ROOT / f"scales/{name}.yaml")
    before, after = flat(whole), flat(scales.rehearsed(whole, separator=7))
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    places = tuple(f"{place}." for place in scales.places(whole))
    sizes = scales.sizes(whole)
    others = changed - sizes.keys() - scales.SHARES.keys()
    others = {path for path in others if not f"{path}.".startswith(places)}
    ids = {"train_qagen.separator_id", "train_qg.separator_id"}
    assert others == (ids if name != "laptop" else set())
    # Sizes are numbers of rows, steps and repeats, each smaller than the scale's.
    words = ("epochs", "steps", "documents", "contexts", "questions", "validation", "repeats")
    words += ("summaries", "resamples", "permutations")
    for path, size in sizes.items():
        assert path.endswith(words)
        assert before[path] is None or size < before[path]


def test_a_change_of_what_the_scale_lacks_is_refused():
    whole = load_yaml(ROOT / "scales/paper.yaml")
    del whole["speed"]["repeats"]
    with pytest.raises(KeyError, match=r"speed\.repeats"):
        scales.rehearsed(whole, separator=7)


def test_rows_have_the_hubs_columns_and_answers_stand_where_they_say():
    assert set(texts.xsum_rows("test")[0]) == {"document", "summary", "id"}
    assert set(texts.cnndm_rows("test")[0]) == {"article", "highlights", "id"}
    for row in texts.squad_rows("train"):
        assert set(row) == {"id", "title", "context", "question", "answers"}
        for answer, start in zip(*row["answers"].values(), strict=True):
            assert answer
            assert row["context"][start:].startswith(answer)
    for kind in ("xsum", "cnndm"):
        for _, document, summary in texts.invent(kind, "train", 6):
            assert texts.ANSWER in " ".join(document)
            assert texts.ANSWER in " ".join(summary)


def test_the_tokenizers_are_byte_level_and_wordpiece(tmp_path):
    said = [text for row in texts.xsum_rows("train")[1:4] for text in row.values()]
    bpe = train_bpe(said, merges=60)
    odd = "  Zo\u00eb paid \u00a325 \U0001f600\n"
    ids = bpe.encode(odd, add_special_tokens=False).ids
    assert bpe.decode(ids, skip_special_tokens=False) == odd
    assert [bpe.token_to_id(token) for token in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert bpe.token_to_id(SEPARATOR) not in bpe.encode(" strutConnector strutConnector").ids
    causal = train_causal_bpe(said, merges=60)
    ids = causal.encode(odd, add_special_tokens=False).ids
    assert causal.decode(ids, skip_special_tokens=False) == odd
    assert causal.token_to_id(CAUSAL_SEPARATOR) not in ids
    assert len(bpe.encode("the council", add_special_tokens=False).ids) < len("the council")
    entries = wordpiece_entries(said)
    assert entries == wordpiece_entries(said)
    (tmp_path / "vocab.txt").write_text("\n".join(entries))
    pieces = load_wordpiece(tmp_path, {}).encode("THE Council qzx").tokens
    assert pieces[1] == "the"
    assert pieces[-2] == "##x"


def rehearse(name, tmp_path):
    """The folder with the results of a scale that ran, and touched nothing else."""
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    before = {path: path.stat().st_mtime_ns for path in project_files()}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "QUALS_", "XDG"))}
    finished = subprocess.run(
        [sys.executable, "-m", "quals.rehearsal", "--root", ROOT, "--scale", name, "--out", out],
        env={**inherited, "HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert "every stage ran" in finished.stdout
    assert list(home.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in project_files()} == before
    results = out / f"results/{name}"
    main = json.loads((results / "main.json").read_text())
    assert {row["method"] for row in main} == set(GRID["methods"]) - {"oracle"}
    for dataset in GRID["datasets"]:
        for method in sorted({row["method"] for row in main}):
            cells = {
                r["metric"]: r for r in main if (r["dataset"], r["method"]) == (dataset, method)
            }
            assert cells.keys() >= {"rouge1", "rouge2", "rougeL", "qags", "quals", "factcc"}
            assert "truth" not in cells
    report = (results / "report.md").read_text()
    assert "There is no oracle at this scale" in report
    assert "Left out at this scale: selectors oracle; methods oracle;" in report
    assert not [line for line in report.splitlines() if line.startswith(("| oracle", "| Oracle"))]
    assert json.loads((results / "errors.json").read_text()) == []
    for benchmark in GRID["judgments"]:
        assert json.loads((results / "people" / f"{benchmark}.json").read_text())["rows"]
    for benchmark in GRID["judgments_claims"]:
        found = json.loads((results / "agreement" / f"{benchmark}_claims.json").read_text())
        assert (found["n"], found["consistent"], found["documents"]) == (32, 16, 16)
        assert judged_claims(found) in report
    for dataset in GRID["judged_summaries"]:
        found = json.loads((results / "summary_judges" / f"{dataset}.json").read_text())
        methods = {row["method"] for row in main} | {"reference"}
        assert {row["method"] for row in found["main"]} == methods
    return out


def test_the_papers_scale_runs_end_to_end(tmp_path):
    out = rehearse("paper", tmp_path)
    results = out / "results/paper"
    qagen = json.loads((results / "training/qagen.json").read_text())
    assert qagen["data"].endswith("without NewsQA, which the paper used")
    assert qagen["data"] in (results / "report.md").read_text()
    # Some articles are longer than any model reads.
    documents = (out / "data/paper/xsum/corpus/test.jsonl").read_text().splitlines()
    assert max(len(json.loads(line)["document"]) for line in documents) > 5000


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is an optional package")
def test_the_laptops_scale_runs_end_to_end_and_shows_no_more_than_short_quotations(tmp_path):
    out = rehearse("laptop", tmp_path)
    results = out / "results/laptop"
    shown = json.loads((results / "examples.json").read_text())
    assert shown["pairs"] == []
    assert len(shown["summaries"]) == 10
    assert any(row["pairs"] for row in shown["summaries"])
    page = (results / "report.html").read_text()
    for row in shown["summaries"]:
        assert f"Document {row['id']}" in page
    sources = {}
    for dataset in GRID["datasets"]:
        for split in ("train", "validation", "test"):
            path = out / f"data/laptop/{dataset}/corpus/{split}.jsonl"
            for article in map(json.loads, path.read_text().splitlines()):
                sources[article["id"]] = [article["document"], article["summary"]]
    for row in shown["summaries"]:
        texts = [row["summary"], *(p[key] for p in row["pairs"] for key in ("question", "answer"))]
        known = {g for text in sources[row["id"]] for g in ngrams(words(text), MOST_WORDS + 1)}
        pieces = [piece for text in texts for piece in text.split(CUT)]
        assert not known & {g for p in pieces for g in ngrams(words(p), MOST_WORDS + 1)}
    openings = [" ".join(text.split()[:12]) for texts in sources.values() for text in texts]
    for path in results.rglob("*"):
        if path.suffix in (".md", ".html", ".json"):
            told = path.read_text()
            assert not [opening for opening in openings if opening in told]


def project_files():
    """What a stage run in the project's own folder would write first, and what it would read."""
    names = ("params.yaml", "dvc.lock", "results/code.json", "benchmarks/costs.json")
    return [*(ROOT / name for name in names), *sorted((ROOT / "scales").glob("*.yaml"))]
