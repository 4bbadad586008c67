"""Bad input of `quals score`: one clear line and exit code 2, or a null with a reason."""

import errno
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from scored import command, leftovers, make_folder, read, rows, score, write

from quals.metrics.quals import Quals

GOOD = {"id": "a", "document": "Ada beat Ivan in Kelby", "summary": "Ada beat Ivan"}


@pytest.fixture(scope="module")
def model(make_qagen, few_words, tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("bad") / "qagen", make_qagen(10), few_words)


@pytest.fixture
def refused(model, tmp_path, capsys):
    """Score content that cannot be scored: nothing is left, and this is the one line of error."""

    def run(content, *options, folder=model):
        source = tmp_path / "in.jsonl"
        source.write_bytes(content)
        assert score(source, tmp_path / "out.jsonl", folder, *options) == 2
        assert [p.name for p in tmp_path.iterdir() if p != folder] == ["in.jsonl"]
        found = capsys.readouterr()
        assert found.out == ""
        assert found.err.startswith("error: ")
        assert found.err.count("\n") == 1
        return found.err.strip().replace(f"{tmp_path}/", "")

    return run


def encode(*content: dict) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in content).encode()


def without(field: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != field}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (encode(without("id")), "field 'id' is missing"),
        (encode(without("document")), "field 'document' is missing"),
        (encode(without("summary")), "field 'summary' is missing"),
        (encode({**GOOD, "id": 3}), "field 'id' must be str, not int"),
        (encode({**GOOD, "document": None}), "field 'document' must be str, not NoneType"),
        (encode({**GOOD, "summary": ["Ada"]}), "field 'summary' must be str, not list"),
        (encode(GOOD), "field 'id': 'a' occurs twice, first in line 1"),
        (b'["a"]\n', "a row must be an object, not list"),
        (b"\n" + encode({**GOOD, "id": "b"}), "a blank line"),
        (b'{"id": "b", "docu', "not JSON (Unterminated string starting at)"),
        (b'{"id": "b\xff"}\n', "not UTF-8 (invalid start byte)"),
        (b"\x00\x00\n", "not JSON (Expecting value)"),
        (b'{"id": "b\x00"}\n', "not JSON (Invalid control character at)"),
        (encode({**GOOD, "summary": "\ud83d"}), "field 'summary' holds half a character"),
        (b"[" * 100_000 + b"\n", "not usable JSON"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--chunk-rows", "1")])
def test_a_bad_line_is_named_before_anything_is_scored(refused, second, message, options):
    assert refused(encode(GOOD) + second, *options).startswith(f"error: in.jsonl:2: {message}")


def test_a_bad_line_of_a_pipe_is_named_and_ends_the_output_at_a_whole_line(
    model, monkeypatch, capsysbinary
):
    content = encode(GOOD, {**GOOD, "id": "b"}, GOOD)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert score("-", "-", model, "--chunk-rows", "1") == 2
    found = capsysbinary.readouterr()
    assert [json.loads(line)["id"] for line in found.out.splitlines()] == ["a", "b"]
    last = found.err.decode().strip().splitlines()[-1]
    assert last == "error: standard input:3: field 'id': 'a' occurs twice"


@pytest.mark.parametrize("kept", [5, 0.5, 0.99])
def test_truncated_gzip_is_named(refused, kept):
    whole = gzip.compress(encode(*rows(50)))
    size = kept if kept > 1 else int(kept * len(whole))
    assert refused(whole[:size]).startswith("error: in.jsonl: truncated or damaged gzip")


def test_damaged_gzip_is_named(refused):
    whole = bytearray(gzip.compress(encode(*rows(50))))
    whole[len(whole) // 2] ^= 0xFF
    whole[-6] ^= 0xFF
    message = refused(bytes(whole))
    assert "damaged gzip" in message or "not UTF-8" in message or "not JSON" in message


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"summary": ""}, "the summary is empty"),
        ({"summary": " \n\t"}, "the summary is empty"),
        ({"document": ""}, "the document is empty"),
        ({"document": "", "summary": ""}, "the summary is empty"),
        ({"summary": "?!... -- «»"}, "the summary has no letter or digit"),
        ({"document": "...!"}, "the document has no letter or digit"),
        ({"summary": "🎉🎉 👩‍👩‍👧"}, "the summary has no letter or digit"),
        ({"summary": "\x00"}, "the summary has no letter or digit"),
        ({"summary": "zzz"}, "no question-answer pair survives"),
    ],
)
def test_what_cannot_be_asked_has_no_score_but_a_reason(model, tmp_path, changed, reason):
    source = write(tmp_path / "in.jsonl", [{**GOOD, **changed}, {**GOOD, "id": "b"}])
    assert score(source, tmp_path / "out.jsonl", model) == 0
    null, scored = read(tmp_path / "out.jsonl")
    assert null["quals"] is None
    assert null["pairs"] == []
    assert null["reason"].startswith(reason)
    assert scored["quals"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "Ada 🎉 beat 👩‍👩‍👧 Ivan 🇬🇧",
        "هزمت Ada إيفان في Kelby يوم الاثنين",
        "שלום Ada",
        "Ada\x00beat\x00 Ivan",
        "Ada\u2028beat\u2029Ivan\u202e",
        "e\u0301 Ada \ufeff",
        "Ada beat Ivan " * 33_334,
    ],
    ids=["emoji", "arabic", "hebrew", "nul", "separators", "combining", "100,000 words"],
)
def test_unusual_text_is_scored_on_either_side(model, tmp_path, text):
    content = [{**GOOD, "id": text[:20], "document": text}, {**GOOD, "summary": text}]
    source = write(tmp_path / "in.jsonl", content)
    assert score(source, tmp_path / "out.jsonl", model) == 0
    first, second = read(tmp_path / "out.jsonl")
    assert first["id"] == text[:20]
    assert first["quals"] is not None
    assert (second["quals"] is None) == ("reason" in second)


def test_an_empty_file_gives_an_empty_file(model, tmp_path):
    (tmp_path / "in.jsonl").touch()
    assert score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", model) == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_a_last_line_without_its_end_is_a_line(model, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(encode(GOOD).strip())
    assert score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", model) == 0
    assert len(read(tmp_path / "out.jsonl")) == 1


def test_files_that_are_none_are_named(model, tmp_path, capsys):
    source, out = write(tmp_path / "in.jsonl", [GOOD]), tmp_path / "out.jsonl"
    assert score(tmp_path / "no.jsonl", out, model) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/no.jsonl: no such file\n"
    assert score(tmp_path, out, model) == 2
    assert "a folder, not a file of JSON lines" in capsys.readouterr().err
    assert score(source, tmp_path, model) == 2
    assert f"error: {tmp_path}: not a file" in capsys.readouterr().err
    assert score(source, "/dev/null", model) == 2
    assert "error: /dev/null: not a file" in capsys.readouterr().err
    assert Path("/dev/null").is_char_device()
    assert score(source, source / "out.jsonl", model) == 2
    assert "Not a directory" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]


def test_an_unwritable_folder_is_named_before_anything_is_scored(
    model, tmp_path, capsys, monkeypatch
):
    source = write(tmp_path / "in.jsonl", [GOOD])

    def deny(self, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", deny)  # root, as which CI may run, may write anywhere
    monkeypatch.setattr(Quals, "score", lambda *_: pytest.fail("it scored"))
    assert score(source, tmp_path / "out.jsonl", model) == 2
    assert "Permission denied" in capsys.readouterr().err.splitlines()[-1]


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("when", ["a chunk", "the whole"])
def test_a_full_disk_leaves_no_half_and_can_be_resumed(model, tmp_path, capsys, monkeypatch, when):
    source, out = write(tmp_path / "in.jsonl", rows(6)), tmp_path / "out.jsonl"
    options = ("--chunk-rows", "2")
    assert score(source, tmp_path / "expected", model, *options) == 0
    with monkeypatch.context() as patched:
        if when == "the whole":
            patched.setattr(os, "fsync", full)
        else:
            write_bytes = Path.write_bytes

            def half(self, content):
                write_bytes(self, content[: len(content) // 2])
                if "00000001" in self.name:
                    full()
                write_bytes(self, content)

            patched.setattr(Path, "write_bytes", half)
        assert score(source, out, model, *options) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "No space left on device" in error
    assert error.endswith("the same command with --resume goes on")
    assert not out.exists()
    kept = {p.name for p in (tmp_path / ".out.jsonl.partial").iterdir()}
    chunks = {f"chunk-{n:08}.jsonl" for n in range(3 if when == "the whole" else 1)}
    assert kept == {"manifest.json"} | chunks
    assert score(source, out, model, *options, "--resume") == 0
    assert out.read_bytes() == (tmp_path / "expected").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_one_line(model, tmp_path):
    source = write(tmp_path / "in.jsonl", [GOOD])
    with open("/dev/full", "wb") as device:
        found = subprocess.run(
            [sys.executable, "-m", "quals", *command(source, "-", model)],
            stdout=device,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert found.returncode == 2
    assert "No space left on device" in found.stderr.strip().splitlines()[-1]
    assert "Traceback" not in found.stderr


def test_a_model_that_is_none_is_named(refused, model, tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    (place / "settings.yaml").write_bytes((model.parent / "settings.yaml").read_bytes())
    assert "no such model folder" in refused(encode(GOOD), folder=place / "none")
    (place / "qagen").mkdir()
    assert "qagen/config.json: No such file" in refused(encode(GOOD), folder=place / "qagen")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", None, "no such weight file; pytorch_model.bin is pickled"),
        ("model.safetensors", b"PK\x03\x04 not tensors", "not a safetensors file"),
        ("tokenizer.json", None, "no such tokenizer file"),
        ("config.json", b"{}", "no separator_token_id; this is not a QAGen model"),
        ("config.json", b"{", "not JSON"),
    ],
)
def test_a_damaged_model_is_named(
    refused, make_qagen, few_words, tmp_path_factory, file, content, message
):
    folder = make_folder(tmp_path_factory.mktemp("x") / "qagen", make_qagen(10), few_words)
    if content is None:
        (folder / file).unlink()
        torch.save({"weight": torch.zeros(1)}, folder / "pytorch_model.bin")
    else:
        (folder / file).write_bytes(content)
    error = refused(encode(GOOD), folder=folder)
    assert str(folder / file) in error
    assert message in error


def test_settings_that_are_none_are_named(refused, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    (folder / "qagen").symlink_to(model)
    assert "settings.yaml: no such file" in refused(encode(GOOD), folder=folder / "qagen")
    (folder / "settings.yaml").write_text("quals: {groups: many}")
    assert "quals.groups: Input should be" in refused(encode(GOOD), folder=folder / "qagen")


def test_a_damaged_cache_is_named(refused, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    (cache / "scores.sqlite").write_bytes(b"no database at all" * 100)
    error = refused(encode(GOOD), "--cache", str(cache))
    assert f"{cache}/scores.sqlite: not a usable score cache" in error


@pytest.mark.parametrize(
    "options",
    [["--groups", "0"], ["--threads", "x"], ["--dtype", "int8"], ["--resume", "--restart"]],
)
def test_wrong_options_leave_with_code_2(model, tmp_path, capsys, options):
    with pytest.raises(SystemExit) as leaving:
        score(tmp_path / "in", tmp_path / "out", model, *options)
    assert leaving.value.code == 2
    assert "quals score: error:" in capsys.readouterr().err


def test_a_stream_cannot_be_resumed(model, tmp_path, capsys):
    source = write(tmp_path / "in.jsonl", [GOOD])
    assert score(source, "-", model, "--resume") == 2
    assert "need a file as --out" in capsys.readouterr().err


def test_an_input_that_changes_meanwhile_is_noticed(model, tmp_path, capsys, monkeypatch):
    source, out = write(tmp_path / "in.jsonl", rows(400)), tmp_path / "out.jsonl"
    metric = Quals.score

    def change(self, documents, summaries):
        changed = source.read_bytes().replace(b"id", b"no")
        source.write_bytes(changed)
        return metric(self, documents, summaries)

    monkeypatch.setattr(Quals, "score", change)
    assert score(source, out, model, "--chunk-rows", "40") == 2
    assert "changed while it was read" in capsys.readouterr().err
    assert leftovers(tmp_path) == [".out.jsonl.partial"]
    assert not out.exists()
