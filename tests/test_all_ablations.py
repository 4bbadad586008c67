"""The kept results of `make ablations` are whole, and agree with those that `dvc repro` makes."""

import shutil

import pytest
from pipeline import ROOT

from quals.analysis.all_ablations import RESULTS, ROWS, SETTINGS, TABLES, keep, page
from quals.errors import InputError
from quals.jsonl import read_json, write_json
from quals.params import load_yaml


def test_every_setting_of_every_ablation_is_there_with_truth_and_three_seeds():
    found = {
        (row["ablation"], row["setting"], row["dataset"]): row["seeds"]
        for row in read_json(ROOT / ROWS)
        if row["metric"] == "truth"
    }
    asked = {
        (name, setting if len(content["recipes"]) == 1 else f"{setting} ({recipe})", dataset)
        for name, content in load_yaml(ROOT / SETTINGS)["ablations"].items()
        for setting in content["settings"]
        for recipe in content["recipes"]
        for dataset in ("xsum", "cnndm")
    }
    assert found.keys() == asked
    assert set(found.values()) == {3}


def test_what_dvc_repro_makes_is_the_same():
    key = ("ablation", "setting", "dataset", "metric")
    kept = {tuple(row[k] for k in key): row for row in read_json(ROOT / ROWS)}
    made = read_json(ROOT / RESULTS)
    assert made
    assert [kept[tuple(row[k] for k in key)] for row in made] == made


def test_the_tables_are_those_of_the_rows():
    assert (ROOT / TABLES).read_text() == page(read_json(ROOT / ROWS))


def test_what_is_not_whole_is_not_kept(tmp_path):
    for path in (RESULTS, SETTINGS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / SETTINGS, tmp_path / SETTINGS)
    rows = read_json(ROOT / ROWS)
    write_json(tmp_path / RESULTS, rows)
    keep(tmp_path)
    assert (tmp_path / TABLES).read_text() == (ROOT / TABLES).read_text()
    write_json(tmp_path / RESULTS, [row for row in rows if row["ablation"] != "rounds"])
    with pytest.raises(InputError, match=r"ablations\.json: has no rounds; run `make ablations`"):
        keep(tmp_path)
