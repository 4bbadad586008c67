"""Laws of scoring in parts: order, company, and the number of workers change nothing."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import SMALL, TEXTS, make_folder

from quals import parallel
from quals.metrics.quals import PAPER, Quals
from quals.metrics.selectors import by_quals, by_quals_in_parts
from quals.metrics.texts import PARTS, Texts, score_in_parts

words = st.sampled_from(["", "a", "b", "c", "d", "e", "f"])


def texts(rows) -> Texts:
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    return Texts(*map(list, columns))


def joined(given: Texts) -> list[str]:
    columns = (given.ids, given.documents, given.references, given.summaries)
    return ["|".join(row) for row in zip(*columns, strict=True)]


def part(given: Texts) -> list[tuple[str, list[str], int]]:
    """Of each text: its document, what else is scored with it, and where."""
    return [(document, given.summaries, os.getpid()) for document in given.documents]


@given(st.lists(st.tuples(words, words, words, words), max_size=30))
def test_every_text_gets_its_own_score_in_order(rows):
    given = texts(rows)
    assert score_in_parts(joined, given, workers=1) == joined(given)


def test_several_workers_keep_the_order():
    given = texts([(f"{i % 7}", f"{i % 7}", "r", f"{i}") for i in reversed(range(40))])
    assert score_in_parts(joined, given, workers=3) == joined(given)


def test_texts_of_a_document_are_scored_together_and_equal_ones_once():
    given = texts([(f"{i % 7}", f"{i % 7}", "", f"{i}") for i in range(140)] * 2)
    found = score_in_parts(part, given, workers=2)
    assert [document for document, _, _ in found] == given.documents
    together = {}
    for document, company, _ in found:
        together.setdefault(document, set()).add(tuple(company))
    assert all(len(companies) == 1 for companies in together.values())
    distinct = {company for companies in together.values() for company in companies}
    assert len(distinct) == PARTS
    assert sum(map(len, distinct)) == len(set(zip(given.ids, given.summaries, strict=True)))


def test_parts_are_the_same_whatever_the_number_of_cores(monkeypatch):
    given = texts([(f"{i % 9}", f"{i % 9}", "", f"{i}") for i in range(50)])
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr(parallel, "default_workers", lambda cores=cores: cores)
        found.append([company for _, company, _ in score_in_parts(part, given)])
    assert found[0] == found[1] == found[2]


def test_quals_in_parts_is_quals(tmp_path, make_qagen, few_words):
    folder = make_folder(tmp_path / "qagen", make_qagen(0), few_words)
    settings = PAPER.model_copy(update=SMALL)
    given = texts([("", document, "", summary) for document, summary in TEXTS])
    expected = by_quals(Quals.from_pretrained(folder, settings))(given)
    assert None not in expected
    assert by_quals_in_parts(folder, settings)(given) == pytest.approx(expected, abs=1e-5)
