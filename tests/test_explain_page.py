"""Is the page whole, safe and complete? Read back with the standard library's parser."""

import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from test_explain_evidence import token_pair

from quals.explain import page, terminal, wording
from quals.explain.chart import COLUMN, HEIGHT, LEFT, TOP, draw
from quals.explain.evidence import explain
from quals.records import TokenPair

VOID = {"meta", "br", "link", "img", "input"}
NASTY = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single'",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\U0001f3c6 \u202eoverride",
    "</title></style></svg>{{ title }}{% raw %}",
    "x" * 400,
)


class Reader(HTMLParser):
    """Balanced tags, ids, links, and the text of the page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.attributes, self.text = [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    reader = Reader(html)
    assert reader.open == []
    return reader


def example(document="Ada won the race. Ivan sold the mill.", **changed):
    pairs = [
        token_pair("Who won?", "Ada"),
        token_pair("Who sold the mill?", "Ada", drop=1.5),
        token_pair("What did Ada win?", "the race", drop=0.1),
        token_pair("Which race?", "race", drop=0.2),
    ]
    sentences = range(2)
    alone = {i: [-1.0 - i, -2.0 + i, -1.0 - i, -1.0 - i] for i in sentences}
    return explain(document, "Ada won the race in Kelby.", pairs, alone=alone, **changed)


def nasty():
    text = " ".join(NASTY) + "\x00\ud800 Ada won."
    pairs = [token_pair(f"Who? {part}", "Ada") for part in NASTY]
    return explain(text, text, pairs, alone={0: [-1.0] * len(pairs)}, notes=[NASTY[0]])


@pytest.mark.parametrize("make", [example, nasty, lambda: explain("", "", [], alone={})])
def test_tags_balance_ids_are_unique_links_lead_somewhere_and_nothing_is_fetched(make):
    html = page.render(make())
    reader = read(html)
    assert len(reader.ids) == len(set(reader.ids))
    for name, value in reader.attributes:
        if name in ("href", "src", "xlink:href"):
            assert value.startswith("#")
            assert value[1:] in reader.ids
        if name in ("aria-labelledby", "aria-describedby"):
            assert value in reader.ids
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert not {"script", "link", "iframe", "img", "object"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_every_pair_has_a_card_with_its_numbers_a_mark_in_the_summary_and_a_sentence():
    explanation = example()
    html = page.render(explanation)
    reader = read(html)
    links = [value for name, value in reader.attributes if name == "href"]
    summary, document = html.index('id="summary"'), html.index('id="document"')
    cards = html.index('id="pairs"')
    for card in explanation.cards:
        assert f"pair-{card.number}" in reader.ids
        link = f'href="#pair-{card.number}"'
        assert html[summary:cards].count(link) == 1
        assert html[document:].count(link) == 1
        assert f"#sentence-{card.evidence.sentence + 1}" in links
        start = html.index(f'id="pair-{card.number}"')
        part = html[start : html.index("</article>", start)]
        assert card.pair.question in part
        assert wording.signed(card.score) in part
        assert wording.verdict(card) in part
        assert part.count('class="dot summary"') == len(card.pair.tokens) + 1  # + legend
        assert part.count("<tr") == len(card.pair.tokens) + 1  # + head
    assert [html.index(f'id="pair-{n}"') for n in (1, 2, 3, 4)] == sorted(
        html.index(f'id="pair-{n}"') for n in (1, 2, 3, 4)
    )
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    assert 'name="viewport"' in html
    assert "prefers-color-scheme: dark" in html


def test_text_of_users_stays_text():
    reader = read(page.render(nasty(), title=NASTY[4]))
    text = "".join(reader.text)
    for part in NASTY:
        assert text.count(part) >= 4  # summary, document, question, sentence
    assert "script" not in reader.tags
    assert "\x00" not in text
    page.render(nasty()).encode("utf-8")


def test_summary_pieces_join_to_the_summary_and_overlapping_answers_share_letters():
    explanation = example()
    pieces = page.summary_pieces(explanation)
    assert "".join(piece.text for piece in pieces) == explanation.summary
    assert {p.text: sorted(c.pair.answer for c in p.within) for p in pieces if p.within} == {
        "Ada": ["Ada", "Ada"],
        "the ": ["the race"],
        "race": ["race", "the race"],
    }
    ends = [card.number for piece in pieces for card in piece.ends]
    assert sorted(ends) == [1, 2, 3, 4]


def test_a_long_document_is_shown_around_the_sentences_that_matter():
    sentences = [f"The dog number {i} slept well and long in the sun." for i in range(10000)]
    sentences[5000] = "Ada won the race."
    document = " ".join(sentences)
    pairs = [token_pair("Who won?", "Ada")]
    explanation = explain(document, "Ada won.", pairs, alone={5000: [-0.1], 0: [-9.0]})
    html = page.render(explanation)
    text = "".join(read(html).text)
    assert len(html) < 60_000
    assert "dog number 4998 " in text
    assert "dog number 5002 " in text
    assert "dog number 4997 " not in text
    assert "dog number 5003 " not in text
    assert f"The document has {len(document.split()):,} words" in text
    gaps = [part for part in page.document_view(explanation) if isinstance(part, page.Gap)]
    assert [gap.sentences for gap in gaps] == [4998, 4997]
    left_out = sum(gap.words for gap in gaps)
    assert f"leaves out {left_out:,} words" in text


def test_a_short_document_is_shown_whole_with_its_paragraphs():
    explanation = example(document="Ada won the race.\n\nIvan sold the mill.")
    view = page.document_view(explanation)
    assert [(part.before, part.text) for part in view] == [
        ("", "Ada won the race."),
        ("\n\n", "Ivan sold the mill."),
    ]
    assert "leaves out" not in page.render(explanation)


def test_no_pair_is_said_with_its_reason():
    explanation = explain("Ada won.", "?!", [], alone={}, reason="nothing to ask")
    text = "".join(read(page.render(explanation)).text)
    assert "nothing to ask" in text
    assert "Ada won." in text
    assert "nothing to ask" in terminal.render(explanation)


def test_chart_marks_lie_where_the_probabilities_are():
    logs = [0.0, math.log(0.5), -50.0, math.log(0.25)]
    pair = TokenPair("Who", "Ada", ("Who", "<sep>", "Ada", "</s>"), 2, tuple(logs), (0.0,) * 4)
    (card,) = explain("Ada.", "Ada.", [pair], alone={}).cards
    chart = draw(card)
    assert [c.summary_y for c in chart.columns] == pytest.approx(
        [TOP, TOP + HEIGHT / 2, TOP + HEIGHT, TOP + HEIGHT * 0.75], abs=0.06
    )
    assert [c.document_y for c in chart.columns] == [TOP] * 4
    assert [c.x for c in chart.columns] == [LEFT + COLUMN * (i + 0.5) for i in range(4)]
    assert chart.answer_x == (chart.columns[1].x + chart.columns[2].x) / 2
    assert not any(c.gap for c in chart.columns)
    assert all(0 < c.readout_x < chart.width for c in chart.columns)


@pytest.mark.parametrize(("ratio", "gap"), [(0.49, True), (0.51, False), (2.0, False)])
def test_a_token_that_loses_half_of_its_probability_is_a_gap(ratio, gap):
    document = (-1.0, -1.0, -1.0 + math.log(ratio), -1.0)
    pair = TokenPair("Who", "Ada", ("Who", "<sep>", "Ada", "</s>"), 2, (-1.0,) * 4, document)
    explanation = explain("Ada.", "Ada.", [pair], alone={})
    (card,) = explanation.cards
    assert [c.gap for c in draw(card).columns] == [False, False, gap, False]
    assert page.render(explanation).count('class="band"') == gap
    assert ("Largest drop: Ada" in wording.drop(card)) == gap


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.00"), (-0.004, "0.00"), (-0.126, "\u22120.13"), (1.5, "1.50")]
)
def test_scores_have_two_digits_and_zero_has_no_sign(value, shown):
    assert wording.signed(value) == shown


def test_small_probabilities_are_not_shown_as_zero():
    values = [wording.probability(math.log(p)) for p in (1, 0.254, 0.0123, 0.0012, 1e-9)]
    assert values == ["1.00", "0.25", "0.01", "0.0012", "<0.0001"]


@pytest.mark.parametrize("make", [example, nasty])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_text_holds_every_pair_and_no_control_character(make, width):
    explanation = make()
    text = terminal.render(explanation, width)
    flat = " ".join(text.split())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    for card in explanation.cards:
        assert f"\n[{card.number}] {wording.signed(card.score)}  {wording.verdict(card)}\n" in text
        if make is example:
            assert f"Question: {card.pair.question}" in flat
    assert max(map(len, text.split("\n"))) <= width
    text.encode("utf-8")


def test_terminal_marks_answers_in_the_summary():
    numbers = {card.pair.question: card.number for card in example().cards}
    text = terminal.render(example(), 200)
    the_race = f"race[{numbers['What did Ada win?']}]"
    assert the_race in text or f"[{numbers['Which race?']}]" in text
    assert re.search(r"Ada(\[\d\]){2} won the race(\[\d\]){2} in Kelby\.", text)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.slow
def test_nothing_sticks_out_on_a_phone(tmp_path):
    """Chromium lays the page out 360 px wide in a frame and tells its scroll width."""
    (tmp_path / "page.html").write_text(page.render(nasty()), encoding="utf-8", errors="replace")
    (tmp_path / "frame.html").write_text(
        '<iframe src="page.html" style="width:360px;height:800px;border:0" onload="document.title='
        'this.contentDocument.documentElement.scrollWidth"></iframe>',
        encoding="utf-8",
    )
    options = "--headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars"
    found = subprocess.run(
        [
            "chromium",
            *options.split(),
            "--allow-file-access-from-files",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"file://{tmp_path / 'frame.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "<title>360</title>" in found.stdout
