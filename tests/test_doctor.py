"""`quals doctor` finds what is there, names what is not, and says so by its exit code."""

import json
import socket

import pytest

from quals.cli import main
from quals.doctor import examine

DVC = """
stages:
  corpus:
    matrix: {scale: "${scales}", dataset: "${datasets}"}
    outs: ["data/${item.scale}/${item.dataset}/corpus"]
  train:
    matrix: {scale: "${scales}"}
    outs: ["models/${item.scale}/qagen"]
    metrics: ["results/${item.scale}/qagen.json": {cache: false}]
"""
NEEDED = ["data/small/one/corpus", "data/small/two/corpus", "models/small/qagen"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two scales, where nothing has been made; the network is out of reach."""

    def refuse(*_):
        raise AssertionError("doctor opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("scales: [small]\ndatasets: [one, two]\n")
    (tmp_path / "scales").mkdir()
    (tmp_path / "scales" / "small.yaml").write_text("qags: {answers: 10}\n")
    large = "qags: {spacy: en_no_such_pipeline}\ncorpus: {folder: ../no/such/data, kind: news}\n"
    (tmp_path / "scales" / "large.yaml").write_text(large)
    return tmp_path


def make(project, *names):
    for name in names:
        (project / name).mkdir(parents=True, exist_ok=True)


def add_model(folder, weights="model.safetensors", **config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / weights).write_bytes(b"0" * 2**20)


def test_what_a_scale_lacks_is_named(project):
    scales = examine(project)["scales"]
    assert scales["small"] == NEEDED
    assert [name.replace("small", "large") for name in NEEDED] == scales["large"][:3]
    assert scales["large"][3:] == [
        "spaCy pipeline en_no_such_pipeline (qags.spacy)",
        "../no/such/data (corpus.folder)",
    ]


def test_a_pipeline_in_a_folder_or_package_is_enough(project):
    (project / "scales" / "large.yaml").write_text("qags: {spacy: models/rules}\n")
    add_model(project / "models" / "rules", "meta.json")
    assert not [name for name in examine(project)["scales"]["large"] if "spaCy" in name]
    (project / "scales" / "large.yaml").write_text("qags: {spacy: json}\n")
    assert not [name for name in examine(project)["scales"]["large"] if "spaCy" in name]


def test_the_exit_code_is_that_of_the_default_scale(project, capsys):
    arguments = ["doctor", "--root", str(project)]
    assert main(arguments) == 1
    found = capsys.readouterr().out
    assert "scale small (default): lacks 3" in found
    assert "data/small/two/corpus" in found
    make(project, *NEEDED)
    assert main(arguments) == 0
    assert "scale small (default): complete" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["complete"] is True
    assert report["scales"]["small"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["-S", "seeds=[0]"], "it needs --scale"),
        (["--scale", "small", "-S", "seeds=[0]"], "params.yaml has scales, datasets"),
        (["--scale", "small", "-S", "scales=0"], "a list in brackets"),
        (["--scale", "small", "-S", "scales=[0"], "a list in brackets"),
        (["--scale", "small", "-S", "scales"], "a list in brackets"),
    ],
)
def test_a_change_of_the_grid_that_cannot_be_is_refused(project, capsys, given, said):
    assert main(["doctor", "--root", str(project), *given]) == 2
    assert said in capsys.readouterr().err


def test_outside_a_project_nothing_is_complete(tmp_path, capsys):
    assert main(["doctor", "--root", str(tmp_path)]) == 1
    assert "run it in the project's folder" in capsys.readouterr().out


def test_models_are_told_apart_and_unusable_ones_say_why(project):
    add_model(project / "models" / "small" / "qagen", separator_token_id=3)
    add_model(project / "models" / "small" / "old", "pytorch_model.bin")
    add_model(project / "released" / "qagen-v1", separator_token_id=3)
    (project / "models" / "small" / "rules").mkdir()
    (project / "models" / "small" / "rules" / "meta.json").write_text("{}")
    found = {model["path"]: model for model in examine(project)["models"]}
    assert {path: (m["kind"], m["problem"]) for path, m in found.items()} == {
        "models/small/old": ("network", "only pickled weights: pytorch_model.bin"),
        "models/small/qagen": ("qagen", None),
        "models/small/rules": ("spacy", None),
        "released/qagen-v1": ("qagen", None),
    }
    assert found["released/qagen-v1"]["mib"] == 1.0


def test_data_is_counted(project):
    make(project, "data/small/one/corpus")
    for name in ("train", "test"):
        (project / "data/small/one/corpus" / f"{name}.jsonl").touch()
    assert examine(project)["data"] == [{"path": "data/small/one", "files": 2}]


def test_every_choice_has_a_reason(project):
    report = examine(project)
    assert report["cores"] >= 1
    for name in ("dtype", "threads"):
        assert report[name]["value"]
        assert report[name]["reason"]
    assert report["packages"]["torch"]
