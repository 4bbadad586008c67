"""Laws of the corruption filter: what the paper removes goes, the rest stays, all counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.corpora.filters import SHARE_BAR, clean, corruption
from quals.corpus import Article
from quals.errors import InputError

XSUM, CNNDM = corruption("xsum", 1), corruption("cnndm", 1)


def cleaned(document, summary, rules):
    kept, removed = clean(Article("a", document, summary), rules)
    return (None if kept is None else (kept.document, kept.summary)), dict(removed)


def test_lines_are_joined_by_spaces_and_end_in_a_full_stop():
    texts, removed = cleaned("The mill shut\n\n  Nobody was hurt. \r\nWhy?", "Mill shut\n", XSUM)
    assert texts == ("The mill shut. Nobody was hurt. Why?", "Mill shut.")
    assert removed == {}


@pytest.mark.parametrize("end", [".", "!", "?", "'", "`", '"', "\u2019", "\u201d", ")", "..."])
def test_a_line_that_ends_gets_no_full_stop(end):
    texts, _ = cleaned(f"It shut{end}", f"Shut{end}", XSUM)
    assert texts == (f"It shut{end}", f"Shut{end}")


@pytest.mark.parametrize("line", [*SHARE_BAR, "EMAIL", "  copy this LINK "])
def test_a_share_bar_line_goes_from_an_xsum_document_alone(line):
    texts, removed = cleaned(f"{line}\nThe mill shut.\n{line}", f"{line}\nIt shut.", XSUM)
    shown = line.strip()
    assert texts == ("The mill shut.", f"{shown}. It shut.")
    assert removed == {"share-bar line": 2}
    texts, removed = cleaned(f"{line}\nThe mill shut.", "It shut.", CNNDM)
    assert texts == (f"{shown}. The mill shut.", "It shut.")
    assert removed == {}


@pytest.mark.parametrize("line", ["Email the mill.", "On Facebook", "Share this with us"])
def test_a_line_that_only_holds_a_share_bar_word_stays(line):
    _, removed = cleaned(line, "It shut.", XSUM)
    assert removed == {}


@pytest.mark.parametrize("line", ["READ: the mill", "CLICK HERE for more", "READ MORE"])
def test_a_link_line_goes_from_a_cnndm_summary_alone(line):
    texts, removed = cleaned(f"The mill shut.\n{line}", f"It shut\n{line}", CNNDM)
    assert texts == (f"The mill shut. {line}.", "It shut.")
    assert removed == {"link line": 1}
    texts, removed = cleaned("The mill shut.", f"It shut\n{line}", XSUM)
    assert texts == ("The mill shut.", f"It shut. {line}.")
    assert removed == {}


@pytest.mark.parametrize("line", ["Read the mill's story", "Click here", "They READ it"])
def test_a_line_that_opens_otherwise_stays(line):
    _, removed = cleaned("The mill shut.", f"It shut\n{line}", CNNDM)
    assert removed == {}


def test_where_line_breaks_were_lost_a_link_sentence_goes():
    texts, removed = cleaned("A mill.", "The mill shut . CLICK HERE for all news", CNNDM)
    assert texts == ("A mill.", "The mill shut .")
    assert removed == {"link line": 1}


def test_with_line_breaks_a_link_within_a_line_stays_as_in_the_paper():
    texts, removed = cleaned("A mill.", "The mill shut. READ on\nIt was old", CNNDM)
    assert texts == ("A mill.", "The mill shut. READ on. It was old.")
    assert removed == {}


@pytest.mark.parametrize(
    ("document", "summary", "rules", "reason"),
    [
        ("", "It shut.", XSUM, "row with an empty document"),
        (" \n ", "It shut.", CNNDM, "row with an empty document"),
        ("Email\nFacebook", "It shut.", XSUM, "row with an empty document"),
        ("A mill.", "", XSUM, "row with an empty summary"),
        ("A mill.", "\n", CNNDM, "row with an empty summary"),
        ("A mill.", "CLICK HERE", CNNDM, "row with an empty summary"),
        ("", "", CNNDM, "row with an empty document"),
    ],
)
def test_an_empty_text_drops_the_row_and_is_counted(document, summary, rules, reason):
    texts, removed = cleaned(document, summary, rules)
    assert texts is None
    assert removed[reason] == 1
    assert len([name for name in removed if name.startswith("row")]) == 1


@pytest.mark.parametrize("dataset", ["xsum", "cnndm", "another"])
def test_level_0_removes_nothing_but_empty_rows(dataset):
    texts, removed = cleaned("Email\nA mill", "READ it\nCLICK HERE", corruption(dataset, 0))
    assert texts == ("Email. A mill.", "READ it. CLICK HERE.")
    assert removed == {}
    assert cleaned("", "x", corruption(dataset, 0))[0] is None


@pytest.mark.parametrize(("dataset", "level"), [("another", 1), ("xsum", 2), ("cnndm", -1)])
def test_an_unknown_filter_is_refused(dataset, level):
    with pytest.raises(InputError, match=f"level {level} is known for '{dataset}'"):
        corruption(dataset, level)


LINES = st.lists(
    st.sampled_from(["Email", "whatsapp", "READ: it", "CLICK HERE", "The mill shut", "It did.", ""])
)


@given(LINES, LINES)
def test_the_filter_equals_the_papers_rules_line_by_line(document, summary):
    """Written the other way round: a walk over the lines of each file."""
    told, kept = [], []
    for line in document:
        if line and line.lower() not in {name.lower() for name in SHARE_BAR}:
            kept.append(line if line[-1] == "." else line + ".")
    for line in summary:
        if line:
            told.append(line if line[-1] == "." else line + ".")
    texts, _ = cleaned("\n".join(document), "\n".join(summary), XSUM)
    assert texts == ((" ".join(kept), " ".join(told)) if kept and told else None)
    told = [line for line in told if line[:4] != "READ" and line[:10] != "CLICK HERE"]
    texts, _ = cleaned("A mill.", "\n".join(summary), CNNDM)
    assert texts == (("A mill.", " ".join(told)) if told else None)
