"""A score cache finds what it was given, and nothing else, also when processes share it."""

import multiprocessing

import pytest

from quals.scoring.cache import CacheError, ScoreCache

SCOPE = {"model": "one", "settings": {"groups": 10}}
SCORE = {"quals": -0.25, "pairs": [{"question": "Who?", "answer": "Ada", "score": -0.25}]}


def test_a_score_is_found_again_with_its_digits(tmp_path):
    ScoreCache(tmp_path, SCOPE).add({("d", "s"): SCORE, ("d", ""): {"quals": None, "pairs": []}})
    found = ScoreCache(tmp_path, SCOPE).find([("d", "s"), ("d", ""), ("s", "d"), ("d", "s")])
    assert found == {("d", "s"): SCORE, ("d", ""): {"quals": None, "pairs": []}}


@pytest.mark.parametrize(
    ("pair", "other"),
    [(("ab", "c"), ("a", "bc")), (("", "ab"), ("ab", "")), (("a\0b", ""), ("a", "b"))],
)
def test_texts_do_not_run_into_each_other(tmp_path, pair, other):
    cache = ScoreCache(tmp_path, SCOPE)
    cache.add({pair: SCORE})
    assert cache.find([other]) == {}


@pytest.mark.parametrize(
    "changed", [{"model": "two"}, {"settings": {"groups": 11}}, {"dtype": "bfloat16"}]
)
def test_another_model_or_setting_finds_nothing(tmp_path, changed):
    ScoreCache(tmp_path, SCOPE).add({("d", "s"): SCORE})
    assert ScoreCache(tmp_path, {**SCOPE, **changed}).find([("d", "s")]) == {}


def test_what_was_there_first_stays(tmp_path):
    cache = ScoreCache(tmp_path, SCOPE)
    cache.add({("d", "s"): SCORE})
    cache.add({("d", "s"): {"quals": -9.0, "pairs": []}})
    assert cache.find([("d", "s")]) == {("d", "s"): SCORE}


def fill(folder, name):
    """Add rows that the other processes add too, and rows of its own."""
    cache = ScoreCache(folder, SCOPE)
    for part in range(20):
        cache.add({("shared", f"{part} {row}"): SCORE for row in range(20)})
        cache.add({(name, f"{part} {row}"): SCORE for row in range(20)})


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    names = ["a", "b", "c"]
    writers = [context.Process(target=fill, args=(tmp_path, name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    asked = [
        (n, f"{part} {row}") for n in [*names, "shared"] for part in range(20) for row in range(20)
    ]
    assert ScoreCache(tmp_path, SCOPE).find(asked) == dict.fromkeys(asked, SCORE)


def test_a_file_that_is_no_cache_is_named(tmp_path):
    (tmp_path / "scores.sqlite").write_bytes(b"\x00" * 4096)
    with pytest.raises(CacheError, match=r"scores\.sqlite: not a usable score cache"):
        ScoreCache(tmp_path, SCOPE)


def test_a_damaged_page_is_named(tmp_path):
    cache = ScoreCache(tmp_path, SCOPE)
    cache.add({("d", str(i)): SCORE for i in range(500)})
    cache.close()
    path = tmp_path / "scores.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(CacheError, match="delete it and it is made again"):
        ScoreCache(tmp_path, SCOPE).find([("d", "1")])
