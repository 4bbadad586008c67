"""Is the report's page whole, safe and complete? Read back with the standard library's parser."""

import base64
import re

import browser
import pytest
from test_explain_page import read
from test_report import EXAMPLES, write_toy

from quals.analysis.formatting import folded, quoted, table
from quals.analysis.html import read_pictures, render_page
from quals.stages import report

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def page(markdown):
    return render_page(markdown, lambda name: PICTURE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page of a toy report, and the folder that it came from."""
    folder = tmp_path_factory.mktemp("made")
    report.main(write_toy(folder))
    results = folder / "results/testbed"
    return results, (results / "report.html").read_text(encoding="utf-8")


def test_every_tag_is_closed_and_every_id_is_there_once(made):
    reader = read(made[1])
    assert len(reader.ids) == len(set(reader.ids)) > 10


def test_contents_lead_to_every_section(made):
    reader = read(made[1])
    links = [value[1:] for name, value in reader.attributes if name == "href"]
    sections = re.findall(r"^## (.*)$", (made[0] / "report.md").read_text(), re.M)
    assert len(links) == len(sections)
    assert set(links) <= set(reader.ids)
    assert all(section in "".join(reader.text) for section in sections)


def test_claims_come_first(made):
    sections = re.findall(r"<h2[^>]*>(.*?)</h2>", made[1])
    assert sections[0] == "What was claimed, and what we find"


def test_the_title_comes_before_the_contents(made):
    assert made[1].index("<h1") < made[1].index("<nav") < made[1].index("<h2")


def test_a_cell_never_breaks_inside_an_interval():
    cells = read(page("| a |\n| --: |\n| 0.5 [-0.4, +0.6] |\n\n0.5 [0.4, 0.6]\n")).text
    assert "0.5 [-0.4,\u00a0+0.6]" in "".join(cells)
    assert "0.5 [0.4, 0.6]" in "".join(cells)


def test_all_figures_are_inside_and_nothing_is_loaded(made):
    results, html = made
    reader = read(html)
    sources = [value for name, value in reader.attributes if name == "src"]
    named = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (results / "report.md").read_text())
    assert [base64.b64decode(s.removeprefix("data:image/png;base64,")) for s in sources] == [
        (results / name).read_bytes() for name in named
    ]
    assert {"script", "link", "iframe", "object"}.isdisjoint(reader.tags)
    assert not re.search(r"url\(|@import|https?://(?!x\.y)", html)


def test_all_words_of_the_markdown_are_on_the_page(made):
    results, html = made
    text = " ".join("".join(read(html).text).split())
    for line in (results / "report.md").read_text().splitlines():
        if line.startswith("| ") and "--" not in line:
            for cell in line.strip("|").split("|"):
                plain = re.sub(r"[*`\\]", "", cell).strip()
                assert plain in text, plain


def test_texts_from_outside_are_shown_and_never_obeyed(made):
    reader = read(made[1])
    text = "".join(reader.text)
    for pair in EXAMPLES:
        for field in ("document", "negative"):
            assert pair[field] in text
    assert "b" not in reader.tags
    assert not [value for name, value in reader.attributes if name == "href" and "x.y" in value]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<details open ontoggle=alert(1)>",
        "<summary><img src=x onerror=alert(1)></summary>",
        "<details>\n<summary>a</summary><script>alert(1)</script>",
    ],
)
def test_html_other_than_a_fold_is_text(text):
    found = page(f"# Title\n\n{text}\n\nmiddle {text}\n")
    assert {"script", "img", "details", "summary"}.isdisjoint(read(found).tags)
    assert found.count("&lt;") >= 2


def test_a_fold_folds():
    tags = read(page(f"# Title\n\n{folded('More', table(['a'], [['b']]))}\n")).tags
    assert [tag for tag in tags if tag in ("details", "summary", "table")] == [
        *("details", "summary", "table"),
    ]


@pytest.mark.parametrize("text", ["a|b", "*a* _b_ `c`", "<b>&amp;</b>", "[a](b) $5 ~c~ #d", "\\|"])
def test_quoted_text_reads_as_written(text):
    assert text in "".join(read(page(f"# Title\n\n- x {quoted(text)}\n")).text)


def test_verdicts_have_a_class_and_still_their_words():
    found = page("# T\n\n" + table(["a", "v"], [["x", "not reproduced"], ["y", "reached"]]))
    assert re.search(r'class="verdict not"[^>]*>not reproduced<', found)
    assert re.search(r'class="verdict reached"[^>]*>reached<', found)


def test_a_picture_from_elsewhere_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no picture"):
        read_pictures(tmp_path)("../secret.png")


def test_same_heading_twice_has_two_ids():
    assert read(page("# T\n\n## a\n\n## a\n")).ids == ["t", "a", "a-"]


@pytest.mark.skipif(browser.BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1280, False)])
def test_nothing_is_wider_than_the_window_and_text_keeps_its_contrast(tmp_path, made, width, dark):
    with browser.Page(tmp_path / "profile") as tab:
        tab.look(width=width, height=800, dark=dark, phone=width < 500)
        tab.open((made[0] / "report.html").as_uri())
        assert tab.run("document.documentElement.scrollWidth") <= width
        lightness = tab.run(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body)"
            ".backgroundColor].map(c => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0))"
        )
        assert (lightness[0] > lightness[1]) == dark
        assert abs(lightness[0] - lightness[1]) > 400
        asked = [event["request"]["url"] for event in tab.happened("Network.requestWillBeSent")]
        assert all(url.startswith(("file:", "data:")) for url in asked)
        assert not tab.happened("Log.entryAdded")
