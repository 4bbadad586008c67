"""Laws of blinding: sides are balanced, the key restores them, the form gives nothing away."""

import json
import re
from html.parser import HTMLParser

import pytest
from studies import NAMES, compared, key_of, study

from quals.jsonl import DataError
from quals.study import page
from quals.study.blinding import Compared, draw


class Reader(HTMLParser):
    """The tags, the attributes, and the content of each script of a page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.scripts = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "script":
            self.scripts[-1] += data


def payload(html):
    return json.loads(Reader(html).scripts[0])


@pytest.mark.parametrize("count", [1, 2, 7, 30])
@pytest.mark.parametrize("seed", range(5))
def test_each_method_is_on_side_a_of_half_of_the_items(count, seed):
    flipped = [item.flipped for item in study(30, count=count, seed=seed).items]
    assert abs(2 * sum(flipped) - count) == count % 2


def test_with_an_odd_count_the_lot_decides_who_has_one_more():
    extra = {sum(item.flipped for item in study(3, seed=seed).items) for seed in range(20)}
    assert extra == {1, 2}


def test_sides_follow_no_pattern():
    patterns = {tuple(item.flipped for item in study(8, seed=seed).items) for seed in range(20)}
    assert len(patterns) > 10


def test_the_key_restores_who_wrote_what():
    made = study(11)
    texts = compared(11)
    for shown, hidden in zip(made.form["items"], key_of(made).items, strict=True):
        assert shown["item"] == hidden.item
        assert {hidden.A, hidden.B} == set(NAMES)
        assert shown["document"] == texts.documents[hidden.document_id]
        written = dict(
            zip(
                NAMES,
                (texts.first[hidden.document_id], texts.second[hidden.document_id]),
                strict=True,
            )
        )
        assert (shown["A"], shown["B"]) == (written[hidden.A], written[hidden.B])
        assert hidden.summaries == written


def test_documents_are_drawn_without_replacement_and_by_the_seed():
    drawn = [[item.document_id for item in study(40, count=10, seed=s).items] for s in (0, 0, 1)]
    assert len(set(drawn[0])) == 10
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_same_seed_draws_the_same_documents_for_other_methods():
    texts = compared(40)
    other = Compared(texts.documents, texts.first, {id_: "Other." for id_ in texts.second})
    found = [draw(t, NAMES, count=10, seed=3) for t in (texts, other)]
    assert [i.document_id for i in found[0].items] == [i.document_id for i in found[1].items]


def test_who_lacks_the_texts_cannot_compute_the_sides():
    texts = compared(40)
    patterns = {
        tuple(
            item.flipped
            for item in draw(
                Compared(texts.documents, texts.first, {**texts.second, "d00": word}),
                NAMES,
                count=10,
                seed=0,
            ).items
        )
        for word in ("one", "two", "three", "four")
    }
    assert len(patterns) > 1


def test_identical_pairs_are_left_out_and_counted():
    made = study(6, count=4, same=("d00", "d03"))
    assert {item.document_id for item in made.items} == {"d01", "d02", "d04", "d05"}
    assert (made.both, made.identical, made.identical_kept) == (6, 2, False)


def test_identical_pairs_can_be_kept():
    made = study(6, same=("d00", "d03"), keep_identical=True)
    assert len(made.items) == 6
    assert (made.identical, made.identical_kept) == (2, True)


def test_pairs_that_differ_in_spaces_only_are_identical():
    texts = Compared({"x": "D"}, {"x": "Ada  won.\n"}, {"x": "Ada won."})
    assert texts.identical("x")
    with pytest.raises(DataError, match="1 documents are asked for, and on 0 of"):
        draw(texts, NAMES, count=1, seed=0)


def test_too_few_documents_name_the_way_out_only_where_there_is_one():
    for kept, way in ((False, True), (True, False)):
        with pytest.raises(DataError) as caught:
            study(6, count=7, same=("d00",), keep_identical=kept)
        assert ("--keep-identical" in str(caught.value)) is way


def test_a_document_without_both_summaries_stays_out():
    texts = Compared({"x": "D", "y": "E"}, {"x": "1", "y": "2"}, {"y": "3", "z": "4"})
    assert [item.document_id for item in draw(texts, NAMES, count=1, seed=0).items] == ["y"]


def test_the_form_names_no_method_and_no_seed():
    html = page.render(study(9, seed=987123))
    assert "Article d0" in html
    for secret in (*NAMES, "987123"):
        assert secret.lower() not in html.lower()
    assert all(set(item) == {"item", "document", "A", "B"} for item in payload(html)["items"])


def test_either_method_can_have_written_what_is_shown():
    texts = compared(5)
    swapped = Compared(texts.documents, texts.second, texts.first)
    shown = [
        {
            (item["document"], item["A"], item["B"])
            for seed in range(20)
            for item in draw(either, NAMES, count=5, seed=seed).form["items"]
        }
        for either in (texts, swapped)
    ]
    assert shown[0] == shown[1]
    assert len(shown[0]) == 10


def test_the_same_seed_gives_the_same_bytes():
    assert page.render(study(9)) == page.render(study(9))
    assert study(9).key == study(9).key
    assert page.render(study(9)) != page.render(study(9, seed=1))


def test_the_hash_changes_with_any_text():
    texts = compared(3)
    hashes = {
        draw(t, NAMES, count=3, seed=0).form["form"]
        for t in (
            texts,
            Compared({**texts.documents, "d00": "X"}, texts.first, texts.second),
            Compared(texts.documents, {**texts.first, "d00": "X"}, texts.second),
            Compared(texts.documents, texts.first, {**texts.second, "d00": "X"}),
        )
    }
    assert len(hashes) == 4


NASTY = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "{{ form }}{% raw %}",
    "\"q\" & 'a' \\ \u2028 \u05e9\u05dc\u05d5\u05dd \U0001f3c6",
    "SCRIPT STYLE <script>SCRIPT</script>",
)


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_through_as_it_is_and_as_nothing_else(text):
    texts = Compared({"x": text}, {"x": text + " one"}, {"x": text + " two"})
    html = page.render(draw(texts, NAMES, count=1, seed=0), title=text)
    assert html.count("<script") == html.count("</script>") == 2
    (item,) = payload(html)["items"]
    assert item["document"] == text
    assert {item["A"], item["B"]} == {text + " one", text + " two"}
    assert Reader(html).tags.count("h1") == 2


def test_the_page_refers_to_nothing_outside():
    html = page.render(study(3))
    reader = Reader(html)
    assert {"link", "img", "iframe"}.isdisjoint(reader.tags)
    assert not {name for name, _ in reader.attributes} & {"src", "href", "action", "srcset"}
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html.replace("// ", ""))
    assert "default-src 'none'" in html
