"""Laws of `quals.jsonl`: files are whole, sorted, rounded, and errors name the place."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.jsonl import (
    DataError,
    dump,
    parse_row,
    read_json,
    read_jsonl,
    rounded,
    write_json,
    write_jsonl,
    write_text,
    write_whole,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.integers(-999, 999).map(float),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_dumped_reads_back(value):
    assert json.loads(dump(value)) == value


def test_keys_are_sorted_and_floats_rounded():
    assert dump({"b": 1 / 3, "a": [(2 / 3, -0.0)]}) == '{"a": [[0.666667, 0.0]], "b": 0.333333}'
    assert dump({"name": "Örsted"}) == '{"name": "Örsted"}'


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_idempotent_and_knows_no_negative_zero(value):
    once = rounded(value)
    assert rounded(once) == once
    assert once != 0 or math.copysign(1, once) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], {"a": {"b": math.nan}}])
def test_a_score_that_does_not_exist_is_never_written_as_a_number(value, tmp_path):
    path = tmp_path / "scores.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, value)
    assert read_json(path) == {"old": 1}


def test_rows_come_back_sorted_by_id(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    write_jsonl(path, [{"id": "b", "x": 1}, {"id": "a", "x": None}])
    assert read_jsonl(path) == [{"id": "a", "x": None}, {"id": "b", "x": 1}]
    assert path.read_bytes().endswith(b"\n")


def test_order_of_rows_does_not_change_the_file(tmp_path):
    rows = [{"id": str(i), "x": i} for i in range(20)]
    write_jsonl(tmp_path / "one", rows)
    write_jsonl(tmp_path / "other", reversed(rows))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_repeated_id_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(DataError, match=r"rows\.jsonl: id 'a' occurs twice"):
        write_jsonl(tmp_path / "rows.jsonl", [{"id": "a"}, {"id": "b"}, {"id": "a"}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "fields", "message"),
    [
        ("", {}, "here: not JSON"),
        ('{"id": 1', {}, "here: not JSON"),
        ('{"x": NaN}', {}, "here: not JSON .NaN"),
        ('{"x": -Infinity}', {}, "here: not JSON .-Infinity"),
        ('{"x": ' + "9" * 5000 + "}", {}, "here: not usable JSON"),
        ("[" * 200_000, {}, "here: not usable JSON"),
        ("[1]", {}, "here: a row must be an object, not list"),
        ("{}", {"id": str}, "here: field 'id' is missing"),
        ('{"id": 3}', {"id": str}, "here: field 'id' must be str, not int"),
        ('{"id": null}', {"id": str}, "here: field 'id' must be str, not NoneType"),
        ('{"x": true}', {"x": int}, "here: field 'x' must be int, not bool"),
        ('{"x": false}', {"x": float}, "here: field 'x' must be float, not bool"),
        ('{"x": 1.0}', {"x": int}, "here: field 'x' must be int, not float"),
        ('{"x": 1}', {"x": bool}, "here: field 'x' must be bool, not int"),
    ],
)
def test_a_bad_row_is_refused_with_place_and_field(line, fields, message):
    with pytest.raises(DataError, match=message):
        parse_row(line, "here", fields)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('{"x": 3}', {"x": float}),
        ('{"x": true}', {"x": bool}),
        ('{"x": true}', {"x": object}),
        ('{"x": [], "more": 1}\r\n', {"x": list}),
    ],
)
def test_a_good_row_passes(line, fields):
    assert parse_row(line, "here", fields) == json.loads(line)


@pytest.mark.parametrize(
    "bad", [b"not json\n", b'{"id": 7}\n', b'{"id": "\xff"}\n', b"{}\n", b"\n"]
)
@pytest.mark.parametrize("before", [0, 1, 3000])
def test_the_error_names_file_and_line(tmp_path, bad, before):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id": "fine"}\n' * before + bad + b'{"id": "fine"}\n')
    with pytest.raises(DataError, match=rf"rows\.jsonl:{before + 1}: "):
        read_jsonl(path, {"id": str})


def test_a_line_ends_at_a_newline_only(tmp_path):
    rows = [{"id": "a", "x": "one\u2028two\u0085three\rfour\nfive"}]
    write_jsonl(tmp_path / "rows", rows)
    assert read_jsonl(tmp_path / "rows") == rows


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[NaN]", b""])
def test_a_bad_json_file_is_named(tmp_path, content):
    path = tmp_path / "one.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"one\.json:"):
        read_json(path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_killed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    program = """
        import os, signal, sys
        from quals.jsonl import write_whole

        def half(temporary):
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

        write_whole(sys.argv[1], half)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced elsewhere")
def test_a_reader_never_sees_half_of_the_new_file(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    with open(path) as reader:
        write_text(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_written_file_is_readable_by_all(tmp_path):
    write_text(tmp_path / "file", "x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
