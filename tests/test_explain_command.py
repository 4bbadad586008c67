"""`quals explain` from texts or a scored file to a page or plain text."""

import argparse
import gzip
import io
import json
from pathlib import Path

import pytest

from quals.errors import InputError
from quals.explain import command
from quals.explain.texts import find_row
from quals.metrics.quals import PAPER, Quals, save_settings
from quals.models import checkpoint
from quals.models.tokenizer import SEPARATOR

DOCUMENT, SUMMARY = "Ada beat Ivan in Kelby. Ivan beat Ada on Monday.", "Ada beat Ivan"
SMALL = {"groups": 8, "shortest": 1, "longest": 5, "max_pairs": 4, "max_source_tokens": 40}


@pytest.fixture(scope="module")
def model(make_qagen, few_words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("qagen")
    names = {"separator_token_id": few_words.id_of(SEPARATOR)}
    checkpoint.save(make_qagen(8), few_words, folder, **names)
    save_settings(PAPER.model_copy(update=SMALL), folder)
    return folder


@pytest.fixture
def explain(model):
    """The command with the model and further options; returns the exit code."""

    def run(*options):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return command.run(parser.parse_args(["--model", str(model), *map(str, options)]))

    return run


@pytest.fixture
def scored(model, tmp_path):
    """Input and output of a scoring run: two summaries."""
    rows = [
        {"id": "a", "document": DOCUMENT, "summary": SUMMARY},
        {"id": "b", "document": DOCUMENT, "summary": "Ivan in Kelby"},
    ]
    results = Quals.from_pretrained(model).score([DOCUMENT] * 2, [r["summary"] for r in rows])
    out = [{"id": r["id"], **s.to_row()} for r, s in zip(rows, results, strict=True)]
    for name, content in (("in.jsonl", rows), ("out.jsonl", out)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    return tmp_path


def test_files_and_texts_give_the_same_page(explain, tmp_path, model):
    (tmp_path / "d").write_text(DOCUMENT + "\n", encoding="utf-8")
    (tmp_path / "s").write_text(SUMMARY, encoding="utf-8")
    files = ["--document", tmp_path / "d", "--summary", tmp_path / "s"]
    texts = ["--document-text", DOCUMENT, "--summary-text", SUMMARY]
    assert explain(*files, "--html", tmp_path / "one.html") == 0
    assert explain(*texts, "--html", tmp_path / "two.html") == 0
    html = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert html == (tmp_path / "two.html").read_text(encoding="utf-8")
    (score,) = Quals.from_pretrained(model).score([DOCUMENT], [SUMMARY])
    assert score.pairs
    assert html.count("<article") == len(score.pairs)


def test_scores_and_sentences_are_those_of_the_metric(model):
    quals = Quals.from_pretrained(model)
    found = command.explained(quals, command.Texts(DOCUMENT, SUMMARY))
    (score,) = quals.score([DOCUMENT], [SUMMARY])
    assert found.quals == pytest.approx(score.quals, abs=1e-6)
    assert sorted(c.score for c in found.cards) == pytest.approx(
        sorted(p.score for p in score.pairs), abs=1e-6
    )
    sentences = [span.of(DOCUMENT) for span in found.sentences]
    assert len(sentences) == 2
    for card in found.cards:
        alone = []
        for sentence in sentences:
            for pair in quals.token_pairs(sentence, SUMMARY):
                if (pair.question, pair.answer) == (card.pair.question, card.pair.answer):
                    values = pair.document_logprobs[pair.answer_at : -1]
                    alone.append(sum(values) / len(values))
        assert card.evidence.logprob == pytest.approx(max(alone), abs=1e-4)
        assert alone[card.evidence.sentence] == pytest.approx(max(alone), abs=1e-4)


def test_standard_input_is_read_and_the_terminal_gets_plain_text(explain, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(DOCUMENT.encode())))
    assert explain("--document", "-", "--summary-text", SUMMARY) == 0
    out = capsys.readouterr().out
    assert out.startswith("QUALS ")
    assert "Question: " in out


def test_an_id_of_a_scored_file_is_explained(explain, scored):
    options = ["--scored", scored / "out.jsonl", "--input", scored / "in.jsonl", "--id", "b"]
    assert explain(*options, "--html", scored / "b.html") == 0
    html = (scored / "b.html").read_text(encoding="utf-8")
    assert "Ivan" in html
    assert "another model" not in html


def test_another_score_in_the_file_is_noted(explain, scored, capsys):
    rows = [{"id": "a", "quals": -9.5, "pairs": []}, {"id": "b", "quals": None, "pairs": []}]
    (scored / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ["--scored", scored / "other.jsonl", "--input", scored / "in.jsonl", "--id"]
    assert explain(*options, "a") == 0
    assert "\u22129.5000" in capsys.readouterr().err
    assert explain(*options, "b", "--html", scored / "b.html") == 0
    assert "no score here" in (scored / "b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("document", "summary", "reason"),
    [
        (DOCUMENT, "", "the summary is empty"),
        (DOCUMENT, " \n", "the summary is empty"),
        ("", SUMMARY, "the document is empty"),
        (DOCUMENT, "?! \U0001f3c6", "the summary has no letter or digit"),
        ("...", SUMMARY, "the document has no letter or digit"),
        (DOCUMENT, "zzz", "no question-answer pair survives"),
    ],
)
def test_no_pair_is_no_error_and_says_why(explain, tmp_path, document, summary, reason):
    out = tmp_path / "out.html"
    assert explain("--document-text", document, "--summary-text", summary, "--html", out) == 0
    assert f"There is no score: {reason}." in out.read_text(encoding="utf-8")


def test_what_the_model_does_not_read_is_noted(explain, capsys):
    long = f"{DOCUMENT} " * 10 + "Ada beat Ivan."
    assert explain("--document-text", long, "--summary-text", SUMMARY) == 0
    assert "first 40 of the document" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "one of --document and --document-text"),
        (["--document-text", "a"], "one of --summary and --summary-text"),
        (["--document", "d", "--document-text", "a", "--summary-text", "b"], "--document-text"),
        (["--document", "-", "--summary", "-"], "standard input"),
        (["--document", "none", "--summary-text", "b"], "none: No such file"),
        (["--scored", "a", "--id", "b"], "go together"),
        (["--scored", "a", "--id", "b", "--input", "c", "--summary-text", "d"], "go together"),
        (["--scored", "none", "--id", "b", "--input", "none"], "none: No such file"),
    ],
)
def test_wrong_options_are_one_line_errors(explain, options, message):
    with pytest.raises(InputError, match=message) as caught:
        explain(*options)
    assert "\n" not in str(caught.value)


def test_a_wrong_model_or_output_leaves_no_file(explain, tmp_path):
    texts = ["--document-text", DOCUMENT, "--summary-text", SUMMARY]
    with pytest.raises(InputError, match="none: no such model folder"):
        explain(*texts, "--html", tmp_path / "out.html", "--model", tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        explain(*texts, "--html", tmp_path / "file" / "out.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_invalid_utf8_names_the_file(explain, tmp_path):
    (tmp_path / "d").write_bytes(b"Ada \xff")
    with pytest.raises(InputError, match="d: not UTF-8"):
        explain("--document", tmp_path / "d", "--summary-text", SUMMARY)


FIELDS = {"id": str, "summary": str}
GOOD = b'{"id": "a"}\n{"id": "b", "summary": "s"}\n'


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_rows_are_found_in_plain_and_packed_files(tmp_path: Path, pack):
    (tmp_path / "in").write_bytes(pack(GOOD))
    assert find_row(str(tmp_path / "in"), "b", FIELDS) == {"id": "b", "summary": "s"}


@pytest.mark.parametrize(
    ("content", "id_", "message"),
    [
        (GOOD, "c", "in: no row has the id 'c'"),
        (GOOD, "a", "in:1: field 'summary' is missing"),
        (GOOD * 2, "b", "in:4: id 'b' occurs twice"),
        (GOOD + b"{", "b", "in:3: not JSON"),
        (GOOD + b'"\xff"', "b", "in:3: not UTF-8"),
        (gzip.compress(GOOD * 500)[:-9], "c", "broken gzip"),
    ],
)
def test_bad_rows_are_named_by_file_line_and_field(tmp_path, content, id_, message):
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(InputError, match=message):
        find_row(str(tmp_path / "in"), id_, FIELDS)
