"""Laws of the rehearsal: the paper's scale runs end to end, its settings kept but for sizes."""

import json
import os
import subprocess
import sys

import pytest
from pipeline import ROOT

from quals.params import load_yaml
from quals.rehearsal import scale as scales
from quals.rehearsal import texts
from quals.rehearsal.models import SEPARATOR, train_bpe, train_wordpiece

NAMES = ("paper", "base")


def flat(value, path=""):
    if isinstance(value, dict) and value:
        return {k: v for key in value for k, v in flat(value[key], f"{path}.{key}").items()}
    return {path.removeprefix("."): value}


@pytest.mark.parametrize("name", NAMES)
def test_only_sizes_and_places_differ_from_the_scale(name):
    whole = load_yaml(ROOT / f"scales/{name}.yaml")
    before, after = flat(whole), flat(scales.rehearsed(whole, separator=7))
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    places = tuple(f"{place}." for place in scales.PLACES)
    others = {path for path in changed - scales.SIZES.keys() if not f"{path}.".startswith(places)}
    trained = {"train_reader.training.steps"} if name == "base" else set()
    assert others == {"train_qagen.separator_id", "train_qg.separator_id"} | trained
    # Sizes are numbers of rows, steps and repeats, each smaller than the scale's.
    words = ("epochs", "steps", "documents", "contexts", "questions", "validation", "repeats")
    words += ("summaries", "resamples", "permutations")
    for path, size in scales.SIZES.items():
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


def test_the_tokenizers_are_byte_level_and_wordpiece():
    said = [text for row in texts.xsum_rows("train")[1:4] for text in row.values()]
    bpe = train_bpe(said, merges=60)
    odd = "  Zo\u00eb paid \u00a325 \U0001f600\n"
    ids = bpe.encode(odd, add_special_tokens=False).ids
    assert bpe.decode(ids, skip_special_tokens=False) == odd
    assert [bpe.token_to_id(token) for token in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert bpe.token_to_id(SEPARATOR) not in bpe.encode(" strutConnector strutConnector").ids
    assert len(bpe.encode("the council", add_special_tokens=False).ids) < len("the council")
    pieces = train_wordpiece(said).encode("THE Council qzx").tokens
    assert pieces[0] == "the"
    assert pieces[-1] == "##x"
    assert train_wordpiece(said).get_vocab() == train_wordpiece(said).get_vocab()


def test_the_papers_scale_runs_end_to_end_and_touches_nothing_else(tmp_path):
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    before = {path: path.stat().st_mtime_ns for path in project_files()}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "QUALS_", "XDG"))}
    finished = subprocess.run(
        [sys.executable, "-m", "quals.rehearsal", "--root", ROOT, "--scale", "paper", "--out", out],
        env={**inherited, "HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert "every stage ran" in finished.stdout
    assert list(home.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in project_files()} == before
    results = out / "results/paper"
    main = json.loads((results / "main.json").read_text())
    for dataset in scales.GRID["datasets"]:
        for method in scales.GRID["methods"]:
            cells = {
                r["metric"]: r for r in main if (r["dataset"], r["method"]) == (dataset, method)
            }
            assert cells.keys() >= {"rouge1", "rouge2", "rougeL", "qags", "quals", "factcc"}
            assert "truth" not in cells
    qagen = json.loads((results / "training/qagen.json").read_text())
    assert qagen["data"].endswith("without NewsQA, which the paper used")
    report = (results / "report.md").read_text()
    assert qagen["data"] in report
    assert "There is no oracle at this scale" in report
    for benchmark in scales.GRID["judgments"]:
        assert json.loads((results / "agreement" / f"{benchmark}.json").read_text())["rows"]
    # Some articles are longer than any model reads.
    documents = (out / "data/paper/xsum/corpus/test.jsonl").read_text().splitlines()
    assert max(len(json.loads(line)["document"]) for line in documents) > 5000


def project_files():
    """What a stage run in the project's own folder would write first, and what it would read."""
    names = ("params.yaml", "dvc.lock", "results/code.json", "benchmarks/costs.json")
    return [*(ROOT / name for name in names), *sorted((ROOT / "scales").glob("*.yaml"))]
