"""Laws of released adapters: their base is found, they are merged once, and commands take them."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from adapters import files, make_adapter, make_base, save_adapter, save_base, taken_apart
from scored import SCALE, SMALL, read, rows, write

from quals.cli import main
from quals.errors import InputError
from quals.metrics.quals import PAPER, Quals, QualsSettings
from quals.models import adapter_folder, checkpoint
from quals.models.adapter import merge
from quals.models.source import model_folder
from quals.params import load_yaml

HUB = "owner/base@0a1b"
ASSETS = "models/laptop/assets/tiny"
VARIABLE = "QUALS_TINY"


@pytest.fixture(scope="module")
def model(tokenizer):
    return make_base(tokenizer.backend.get_vocab_size())


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, a cache of its own, and a hub that has nothing."""

    def fail(*_, **__):
        raise FileNotFoundError("offline")

    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def released(project, model):
    """An adapter that names all three ways to its base."""
    places = {"variable": VARIABLE, "folder": ASSETS, "hub": HUB}
    return save_adapter(model, make_adapter(model), project / "released/tiny", **places)


@pytest.fixture
def merges(monkeypatch):
    """The folders that are really merged."""

    made, save = [], checkpoint.save

    def counting(model, tokenizer, folder, **extra):
        if folder.name.endswith(".partial"):
            made.append(folder)
        save(model, tokenizer, folder, **extra)

    monkeypatch.setattr(checkpoint, "save", counting)
    return made


def test_the_base_is_found_in_the_project_from_anywhere(
    project, released, model, tokenizer, tmp_path, monkeypatch
):
    base = save_base(model, tokenizer, project / ASSETS)
    found = model_folder("released/tiny")
    monkeypatch.chdir(tmp_path)
    assert model_folder(str(released)) == found
    merge(base, released, tmp_path / "expected")
    assert files(found) == files(tmp_path / "expected")


def test_an_environment_variable_goes_before_the_project(
    project, released, model, tokenizer, tmp_path, monkeypatch
):
    save_base(make_base(model.config.vocab_size, seed=5), tokenizer, project / ASSETS)
    with pytest.raises(InputError, match="another base"):
        model_folder("released/tiny")
    monkeypatch.setenv(VARIABLE, str(save_base(model, tokenizer, tmp_path / "elsewhere")))
    assert model_folder("released/tiny").is_dir()
    monkeypatch.setenv(VARIABLE, "nowhere")
    with pytest.raises(InputError, match=f"{VARIABLE} is 'nowhere', which is no folder"):
        model_folder("released/tiny")


def test_the_hub_is_asked_last_and_may_hold_the_adapter_too(
    released, model, tokenizer, tmp_path, monkeypatch
):
    places = {"owner/base": save_base(model, tokenizer, tmp_path / "b"), "owner/tiny": released}
    asked = []

    def download(repository, *, revision, allow_patterns):
        asked.append((repository, revision))
        return str(places[repository])

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert model_folder("owner/tiny") == model_folder("released/tiny")
    assert asked == [("owner/tiny", None), ("owner/base", "0a1b"), ("owner/base", "0a1b")]


def test_an_absent_base_names_every_way_to_get_it(released):
    with pytest.raises(InputError) as caught:
        model_folder("released/tiny")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("released/tiny: the base model is not here", ASSETS, "make assets", VARIABLE, HUB):
        assert part in message
    assert message.endswith("offline)")


def test_an_adapter_is_merged_once_for_each_content(
    project, released, model, tokenizer, merges, tmp_path
):
    base = save_base(model, tokenizer, project / ASSETS)
    first = model_folder("released/tiny")
    assert model_folder("released/tiny") == first
    assert len(merges) == 1
    (released / "quals.json").write_text(json.dumps(PAPER.model_dump()))
    second = model_folder("released/tiny")
    assert (second / "quals.json").is_file()
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "rope_theta": 99.0}))
    third = model_folder("released/tiny")
    assert checkpoint.load(third).model.config.rope_theta == 99.0
    (released / "README.md").write_text("a card is no part of the model")
    assert model_folder("released/tiny") == third
    assert len({first, second, third}) == len(merges) == 3


def test_processes_that_come_at_once_share_one_merge(project, released, model, tokenizer, merges):
    save_base(model, tokenizer, project / ASSETS)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(model_folder, ["released/tiny"] * 4))
    assert len(found) == len(merges) == 1


def test_a_failed_merge_leaves_an_empty_cache(project, released, tokenizer, model, tmp_path):
    save_base(make_base(model.config.vocab_size, seed=5), tokenizer, project / ASSETS)
    with pytest.raises(InputError):
        model_folder("released/tiny")
    assert not list((tmp_path / "cache/merged").iterdir())


def test_quals_score_takes_an_adapter_of_any_family(
    project, make_qagen, few_words, tmp_path, capsys
):
    """A trained T5 is split into a base and an adapter: together they score like it."""
    whole = make_qagen(10)
    settings = QualsSettings(**{**load_yaml(SCALE)["quals"], **SMALL})
    base, added = taken_apart(whole, targets=("q", "v", "wi"))
    save_base(base, few_words, project / ASSETS)
    folder = save_adapter(base, added, project / "released/tiny", folder=ASSETS)
    (folder / "quals.json").write_text(json.dumps(settings.model_dump()))
    source = write(project / "in.jsonl", rows(6))
    command = ["score", "in.jsonl", "--out", "out.jsonl", "--model", "released/tiny"]
    assert main([*command, "--threads", "1", "--dtype", "float32"]) == 0, capsys.readouterr().err
    separator = few_words.id_of("<sep>")
    quals = Quals(checkpoint.Checkpoint(whole, few_words), separator, settings)
    asked = read(source)
    expected = quals.score([r["document"] for r in asked], [r["summary"] for r in asked])
    scores = [row["quals"] for row in read(project / "out.jsonl")]
    assert scores == pytest.approx([one.quals for one in expected], abs=1e-4)
    assert None not in scores

    idle = {name: (a, torch.zeros_like(b)) for name, (a, b) in added.pairs.items()}
    record = adapter_folder.load_record(folder)
    adapter_folder.save(replace(added, pairs=idle), record, folder, family="t5")
    assert main([*command, "--threads", "1", "--dtype", "float32"]) == 0
    assert [row["quals"] for row in read(project / "out.jsonl")] != pytest.approx(scores, abs=1e-2)


def test_a_command_ends_in_one_line_without_the_base(released, project, capsys):
    write(project / "in.jsonl", rows(2))
    assert main(["score", "in.jsonl", "--out", "out.jsonl", "--model", "released/tiny"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "make assets" in error
    assert not (project / "out.jsonl").exists()
