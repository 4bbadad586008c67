"""Laws of work in chunks: nothing twice, nothing mixed, no more than a chunk in memory."""

import json
import multiprocessing
import os
import signal
import weakref
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.chunks import ChunkError, ChunkFiles
from quals.jsonl import DataError, lines_of
from quals.piecewise import Done, Kept, identity_of, work_through
from quals.unfinished import unfinished


@dataclass(frozen=True)
class Text:
    id: str
    words: str


class Killed(Exception):
    pass


class Worker:
    """Two rows for each text, one for each output; it may be stopped at the call of a number."""

    def __init__(self, fail_at=None, fail=Killed):
        self.starts, self.fail_at, self.fail = [], fail_at, fail

    def __call__(self, start, chunk):
        if len(self.starts) == self.fail_at:
            raise self.fail
        self.starts.append(start)
        return Done(outputs(chunk), {"texts": len(chunk), "letters": sum(map(letters, chunk))})


def letters(text):
    return len(text.words)


def outputs(chunk):
    return [[{"id": t.id, name: f"{t.words}\u2028{name}"} for t in chunk] for name in ("a", "b")]


def texts(count):
    return [Text(f"{at:03}", "wörd " * (at % 4)) for at in range(count)]


def run(folder, worker, given, size=3, identity=None):
    kept = Kept(folder / "kept", {"seed": 1} if identity is None else identity)
    outs = [folder / "made" / f"{name}.jsonl" for name in ("a", "b")]
    counts = work_through(lambda: iter(given), size, worker, kept=kept, outs=outs, title="work")
    return [out.read_bytes() for out in outs], counts


def chunk_files(folder):
    return sorted((folder / "kept").glob("chunk-*.jsonl"))


@given(count=st.integers(0, 12), size=st.integers(1, 14))
def test_chunks_make_up_the_whole(tmp_path_factory, count, size):
    given, worker = texts(count), Worker()
    found, counts = run(tmp_path_factory.mktemp("work"), worker, given, size)
    assert found == [lines_of(rows) for rows in outputs(given)]
    assert counts == +Counter(texts=count, letters=sum(map(letters, given)))
    assert worker.starts == list(range(0, count, size))


@pytest.mark.parametrize("fail_at", [0, 1, 3])
def test_work_goes_on_with_the_chunks_that_are_missing(tmp_path, fail_at):
    expected = run(tmp_path / "whole", Worker(), texts(10))
    with pytest.raises(Killed):
        run(tmp_path, Worker(fail_at), texts(10))
    assert len(chunk_files(tmp_path)) == fail_at
    assert not (tmp_path / "made").exists()
    again = Worker()
    assert run(tmp_path, again, texts(10)) == expected
    assert again.starts == [0, 3, 6, 9][fail_at:]
    finished = Worker(fail_at=0)
    assert run(tmp_path, finished, texts(10)) == expected  # outputs are made anew, chunks are not


def work_until_killed(folder):
    class Suicide(Worker):
        def __call__(self, start, chunk):
            if len(self.starts) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(start, chunk)

    run(folder, Suicide(), texts(10))


def test_sigkill_costs_one_chunk_and_no_byte(tmp_path):
    expected = run(tmp_path / "whole", Worker(), texts(10))
    child = multiprocessing.get_context("fork").Process(target=work_until_killed, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    again = Worker()
    assert run(tmp_path, again, texts(10)) == expected
    assert again.starts == [6, 9]


@pytest.mark.parametrize("harm", ["cut", "emptied", "changed"])
def test_a_damaged_chunk_is_made_again(tmp_path, harm):
    expected = run(tmp_path, Worker(), texts(10))
    path = chunk_files(tmp_path)[1]
    content = path.read_bytes()
    damaged = {"cut": content[:-5], "emptied": b"", "changed": content.replace(b"004", b"404")}
    path.write_bytes(damaged[harm])
    again = Worker()
    assert run(tmp_path, again, texts(10)) == expected
    assert again.starts == [3]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"identity": {"seed": 2}}, "seed was 1, is 2"),
        ({"identity": {"seed": 1, "model": "x"}}, 'model was null, is "x"'),
        ({"given": [*texts(9), Text("009", "other")], "first": 3}, "rows was "),
        ({"given": texts(10)[1:]}, "rows was "),
        ({"size": 4}, "rows was "),
    ],
)
def test_chunks_of_other_work_are_refused_before_any_work(tmp_path, changed, key):
    run(tmp_path, Worker(), texts(10))
    first = changed.pop("first", 0)
    before = [path.read_bytes() for path in chunk_files(tmp_path)]
    worker = Worker()
    place = rf"chunk-0000000{first}\.jsonl: of other work: {key}.*; give the same, or remove .*kept"
    with pytest.raises(ChunkError, match=place):
        run(tmp_path, worker, **{"given": texts(10), **changed})
    assert not worker.starts
    assert [path.read_bytes() for path in chunk_files(tmp_path)] == before


def test_no_more_than_a_chunk_is_held(tmp_path):
    alive, most, rows_alive = weakref.WeakSet(), [0], []

    class Row(dict):
        pass

    def items():
        for at in range(40):
            text = Text(f"{at:03}", "words")
            alive.add(text)
            most[0] = max(most[0], len(alive))
            yield text
            del text

    def work(start, chunk):
        assert not any(reference() for reference in rows_alive)
        rows = [Row(id=text.id) for text in chunk]
        rows_alive[:] = map(weakref.ref, rows)
        return Done([rows], {})

    kept = Kept(tmp_path / "kept", {})
    work_through(items, 5, work, kept=kept, outs=[tmp_path / "out"], title="work")
    assert most == [5]
    assert len((tmp_path / "out").read_bytes().splitlines()) == 40


def test_what_is_wrong_with_the_last_row_is_known_before_the_first_chunk(tmp_path):
    def items():
        yield from texts(10)
        raise DataError("rows.jsonl:11: not JSON")

    worker = Worker()
    kept = Kept(tmp_path / "kept", {})
    with pytest.raises(DataError, match=r"rows\.jsonl:11"):
        work_through(items, 3, worker, kept=kept, outs=[tmp_path / "out"], title="work")
    assert not worker.starts


def test_a_chunk_that_vanished_is_named(tmp_path):
    files = ChunkFiles(tmp_path / "kept")
    files.write(0, {}, [b"a\n", b"b\n"])
    with pytest.raises(ChunkError, match=r"chunk-00000001\.jsonl: missing"):
        files.join(2, [tmp_path / "a", tmp_path / "b"])
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_work_depends_on_code_packages_and_what_is_named():
    found = identity_of("sample", seed=3)
    assert {"code", "versions", "seed"} == found.keys()
    assert found["code"] != identity_of("reward")["code"]
    assert "torch" in found["versions"]
    json.dumps(found)


def test_unfinished_work_waits_where_dvc_does_not_look(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUALS_CHECKPOINTS", raising=False)
    waiting = unfinished(tmp_path / "big.yaml", "reward/quals")
    waiting.__enter__().mkdir(parents=True)
    waiting.__exit__(Killed, Killed(), None)
    assert (tmp_path / ".checkpoints/big/reward/quals").is_dir()
    (tmp_path / ".checkpoints/big/reward/rouge").mkdir()
    with unfinished(tmp_path / "big.yaml", "reward/quals"):
        pass
    assert [path.name for path in (tmp_path / ".checkpoints/big/reward").iterdir()] == ["rouge"]
    monkeypatch.setenv("QUALS_CHECKPOINTS", str(tmp_path / "shared"))
    with unfinished(tmp_path / "big.yaml", "sample") as folder:
        assert folder == tmp_path / "shared/big/sample"
