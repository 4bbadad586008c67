"""The form in a real browser: clicked and typed through, resumed, exported and read back."""

import json
import time

import pytest
from browser import BROWSER, Page
from studies import NAMES, answers, key_of, side_of

from quals.study import page
from quals.study.blinding import Compared, draw
from quals.study.results import analyse

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on the path")
NASTY = "</script><b>Ada</b> & 'Ivan' {{ form }}"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with Page(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def make(count=3):
    ids = [f"d{at}" for at in range(count)]
    return draw(
        Compared(
            {id_: f"Article {id_}. {NASTY}\n" + "Ada won the race in Kelby. " * 90 for id_ in ids},
            {id_: f"Ada won {id_}. {NASTY}" for id_ in ids},
            {id_: f"Ivan sold {id_}. {NASTY}" for id_ in ids},
        ),
        NAMES,
        count=count,
        seed=0,
    )


@pytest.fixture
def form(tab, tmp_path):
    """A fresh form of three documents, open at its start; every test has a file of its own."""
    made = make()
    path = tmp_path / "form.html"
    path.write_text(page.render(made), encoding="utf-8")
    tab.events.clear()
    tab.look(width=1280, height=900)
    tab.open(path.as_uri())
    tab.run("localStorage.clear()")
    tab.reload()
    return made


def start(tab, name="Ada"):
    tab.click("#annotator")
    tab.type(name)
    tab.click("#begin")


def option(question, choice):
    return f'input[name="{question}"][value="{choice}"]'


def exported(tab):
    """What the end of the form offers as text."""
    tab.click("#finish")
    return json.loads(tab.run("document.querySelector('#exported').value"))


def shown(tab):
    return {name: tab.text(f"#{name}") for name in ("document", "summary-A", "summary-B")}


def test_a_click_through_ends_in_a_file_that_un_blinds(tab, form, tmp_path):
    tab.save_downloads(tmp_path)
    assert "3 articles" in tab.text("#start")
    start(tab)
    key = key_of(form)
    for at, item in enumerate(form.form["items"]):
        assert tab.text("#where") == f"{at + 1} of 3"
        assert shown(tab)["summary-A"] == item["A"]
        assert shown(tab)["summary-B"] == item["B"]
        tab.click(option("factual", side_of(key, at, NAMES[1])))
        tab.click(option("informative", "equal"))
        tab.click(option("grammatical", side_of(key, at, NAMES[0])))
        assert tab.text("#done") == f"{at + 1} complete"
        tab.click("#next")
    assert tab.text("#verdict") == "All done, thank you"
    tab.click("#download")
    name = f"answers-{form.form['form']}-Ada.json"
    end = time.monotonic() + 10
    while not (tmp_path / name).exists() and time.monotonic() < end:
        time.sleep(0.02)
    found = json.loads((tmp_path / name).read_text())
    assert found == json.loads(tab.run("document.querySelector('#exported').value"))
    factual, informative, grammatical = analyse(
        key, [answers(key, found["answers"], found["annotator"])], resamples=100
    )["questions"]
    assert (factual["better"], informative["equal"], grammatical["worse"]) == (1, 1, 1)


def test_keys_alone_are_enough(tab, form):
    tab.run("document.querySelector('#annotator').focus()")
    tab.type("Ivan")
    tab.key("Enter", text="\r", windowsVirtualKeyCode=13)
    tab.type("aeb")
    tab.type("3e")
    tab.type("c")
    tab.type("a note, be")
    tab.key("Escape")
    tab.type("nbn")
    tab.type("1e2a")
    tab.type("p")
    assert tab.text("#where") == "2 of 3"
    found = exported(tab)
    assert found["annotator"] == "Ivan"
    assert found["answers"] == [
        {
            "item": "1",
            "factual": "A",
            "informative": "equal",
            "grammatical": "equal",
            "comment": "a note, be",
        },
        {"item": "2", "factual": "B", "informative": None, "grammatical": None, "comment": ""},
        {
            "item": "3",
            "factual": "equal",
            "informative": "A",
            "grammatical": None,
            "comment": "",
        },
    ]


def test_keys_with_a_modifier_answer_nothing(tab, form):
    start(tab)
    tab.key("a", modifiers=2)
    assert exported(tab)["answers"] == []


def test_texts_are_shown_as_they_are_and_run_nothing(tab, form):
    start(tab)
    assert all(NASTY in text for text in shown(tab).values())
    assert tab.run("document.querySelectorAll('#document *, .card b').length") == 0


def test_a_reload_resumes_where_the_reader_was(tab, form):
    start(tab)
    tab.type("aebn")
    tab.type("bc")
    tab.type("hm")
    before = tab.run("localStorage.getItem(localStorage.key(0))")
    tab.reload()
    assert tab.text("#where") == "2 of 3"
    assert tab.text("#done") == "1 complete"
    assert tab.run(f"document.querySelector('{option('factual', 'B')}').checked")
    assert tab.run("document.querySelector('#comment').value") == "hm"
    assert tab.run("localStorage.getItem(localStorage.key(0))") == before
    tab.click("#previous")
    assert tab.run("document.querySelectorAll('#questions input:checked').length") == 3
    tab.click("#instructions")
    assert tab.text("#begin") == "Continue"
    assert tab.run("document.querySelector('#annotator').value") == "Ada"


def test_answers_belong_to_their_form(tab, form, tmp_path):
    start(tab)
    tab.type("aeb")
    other = tmp_path / "other.html"
    other.write_text(page.render(make(2)), encoding="utf-8")
    tab.open(other.as_uri())
    assert tab.text("#begin") == "Start"
    start(tab, "Ivan")
    assert tab.text("#where") == "1 of 2"
    assert tab.text("#done") == "0 complete"
    assert tab.run("localStorage.length") == 2


@pytest.mark.parametrize("kept", ["{", "null", "7", '{"view":"item","at":9,"answers":{}}'])
def test_a_broken_memory_is_a_fresh_start(tab, form, kept):
    tab.run(f"localStorage.setItem('quals-study-{form.form['form']}', {json.dumps(kept)})")
    tab.reload()
    assert tab.text("#begin") == "Start"
    start(tab)
    assert tab.text("#where") == "1 of 3"


def test_a_browser_that_keeps_nothing_says_so_and_still_exports(tab, form):
    tab.run("Storage.prototype.setItem = () => { throw new Error('full'); }")
    start(tab)
    assert "keeps nothing" in tab.text("#unsaved")
    tab.type("aeb")
    assert exported(tab)["answers"][0]["grammatical"] == "B"


def test_no_name_no_start(tab, form):
    tab.click("#annotator")
    tab.type("  ")
    tab.click("#begin")
    assert tab.run("document.querySelector('#item').hidden")


def test_open_items_are_listed_and_lead_back(tab, form):
    start(tab)
    tab.type("aebn")
    tab.click("#finish")
    assert tab.text("#verdict") == "1 of 3 articles are complete"
    open_items = tab.run("[...document.querySelectorAll('#open button')].map(b => b.innerText)")
    assert open_items == ["2", "3"]
    tab.click("#open button:last-child")
    assert tab.text("#where") == "3 of 3"


def test_another_person_starts_from_nothing(tab, form):
    start(tab)
    tab.type("aeb")
    tab.click("#finish")
    tab.run("window.confirm = () => true")
    tab.click("#end details:last-of-type summary")
    tab.click("#clear")
    assert tab.text("#begin") == "Start"
    start(tab, "Ivan")
    assert exported(tab) == {"form": form.form["form"], "annotator": "Ivan", "answers": []}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "phone"), [(320, True), (390, True), (1280, False)])
def test_nothing_is_wider_than_the_screen(tab, form, width, phone, dark):
    tab.look(width=width, height=800, phone=phone, dark=dark)
    start(tab)
    for way in ("#instructions", "#begin", "#finish", "#end details:first-of-type summary", None):
        assert tab.run("document.documentElement.scrollWidth") <= width
        small = tab.run(
            "[...document.querySelectorAll('button, .choices span')].filter(e => e.offsetParent)"
            ".filter(e => e.offsetHeight < 44).length"
        )
        assert small == 0  # a finger needs about so many pixels
        if way:
            tab.click(way)


@pytest.mark.parametrize(("width", "phone"), [(320, True), (390, True), (1280, False)])
def test_an_answer_moves_nothing(tab, form, width, phone):
    """Else the next button slips away under the finger."""
    tab.look(width=width, height=800, phone=phone)
    start(tab)
    places = (
        "[...document.querySelectorAll('#questions, #questions *, #next')]"
        ".map(e => [e.offsetTop, e.offsetLeft,"
        "e.offsetWidth, e.offsetHeight].join()).join(';')"
    )
    before = tab.run(places)
    for choice in ("A", "equal", "B"):
        tab.click(option("informative", choice))
        assert tab.run(f"document.querySelector('{option('informative', choice)}').checked")
        assert tab.run(places) == before


def luminance(colour):
    shares = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_what_is_behind_it(tab, form, dark):
    """Contrast of at least 4.5 to 1, as WCAG 2 asks."""
    tab.look(width=1280, height=900, dark=dark)
    start(tab)
    tab.type("aeb")
    for selector in ("#heading", ".soft", "#document", "#next", ":checked + span", "#done"):
        colours = tab.run(
            f"(() => {{ let e = document.querySelector({json.dumps(selector)});"
            "const ink = getComputedStyle(e).color; let paper;"
            "do { paper = getComputedStyle(e).backgroundColor; e = e.parentElement; }"
            "while (paper === 'rgba(0, 0, 0, 0)' && e); return [ink, paper]; })()"
        )
        light, shade = sorted(map(luminance, colours), reverse=True)
        assert (light + 0.05) / (shade + 0.05) >= 4.5, (selector, colours)


def test_the_page_asks_for_nothing_and_has_no_complaints(tab, form):
    start(tab)
    tab.type("aebn")
    tab.click("#finish")
    urls = [event["request"]["url"] for event in tab.happened("Network.requestWillBeSent")]
    assert all(url.startswith(("file:", "blob:")) for url in urls)
    assert tab.happened("Log.entryAdded") == []
    assert tab.happened("Runtime.exceptionThrown") == []
