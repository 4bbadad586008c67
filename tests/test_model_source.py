"""Laws of finding a model: a folder first, then the hub, and a plain error for neither."""

import huggingface_hub
import pytest

from quals.errors import InputError
from quals.models.source import model_folder


@pytest.fixture
def asked(monkeypatch, tmp_path) -> list[tuple]:
    """What is asked of the hub, which has everything."""
    calls = []

    def download(repository, *, revision, allow_patterns):
        calls.append((repository, revision, allow_patterns))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    return calls


def test_a_folder_is_never_asked_of_the_hub(asked, tmp_path):
    (tmp_path / "owner/model").mkdir(parents=True)
    assert str(model_folder("owner/model")) == "owner/model"
    assert not asked


def test_a_hub_id_may_name_a_revision_and_brings_no_pickles_or_code(asked, tmp_path):
    assert model_folder("owner/model@0a1b2c") == tmp_path / "snapshot"
    assert model_folder("owner/model") == tmp_path / "snapshot"
    assert [call[:2] for call in asked] == [("owner/model", "0a1b2c"), ("owner/model", None)]
    assert all(set(call[2]) == {"*.json", "*.safetensors", "vocab.txt"} for call in asked)


@pytest.mark.parametrize("name", ["none", "/no/such/folder", "models/none", "a/b/c", "a b/c", ""])
def test_a_misspelt_folder_is_not_looked_for_in_the_hub(asked, tmp_path, name):
    (tmp_path / "models").mkdir()
    if name:
        with pytest.raises(InputError, match="no such model folder"):
            model_folder(name)
    assert not asked


def test_a_hub_that_has_nothing_ends_in_one_line(monkeypatch):
    def fail(*_, **__):
        raise FileNotFoundError("offline\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(InputError, match=r"owner/model: .*offline$"):
        model_folder("owner/model")
