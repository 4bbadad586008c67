"""`quals study` from files to files, bad input, and the oracle of the testbed."""

import json
import random
import re
import shlex

import pytest
from matplotlib.image import imread
from pipeline import ROOT
from studies import NAMES, compared

from quals.analysis.plots import COLOURS
from quals.cli import main
from quals.study.figure import bars_figure, colour
from quals.testbed.news import Noise, write_article, write_summary
from quals.testbed.world import draw_story

QUICK = ("--resamples", "50")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six documents with both summaries, of which one pair is identical."""
    monkeypatch.chdir(tmp_path)
    texts = compared(6, same=("d05",))
    write("d.jsonl", [{"id": i, "document": t, "summary": "-"} for i, t in texts.documents.items()])
    write("a.jsonl", [{"id": i, "summary": t} for i, t in texts.first.items()])
    write("b.jsonl", [{"id": i, "summary": t} for i, t in texts.second.items()])
    return tmp_path


def write(path, rows):
    with open(path, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def make(*options, count=4):
    return main(
        [
            *("study", "make", "--documents", "d.jsonl", "--a", "a.jsonl", "--b", "b.jsonl"),
            *("--name-a", NAMES[0], "--name-b", NAMES[1], "--count", str(count)),
            *("--out", "form.html", "--key", "key.json", *options),
        ]
    )


def read(*files, options=QUICK):
    return main(["study", "read", "--key", "key.json", *files, "--out", "results.json", *options])


def load(path):
    with open(path) as file:
        return json.load(file)


def complete(annotator="Ada", choice="A"):
    key = load("key.json")
    rows = [
        {
            "item": item["item"],
            "factual": choice,
            "informative": choice,
            "grammatical": "equal",
            "comment": "",
        }
        for item in key["items"]
    ]
    return {"form": key["form"], "annotator": annotator, "answers": rows}


def put(path, content):
    with open(path, "w") as file:
        json.dump(content, file)


def test_from_summaries_to_bars(folder, capsys):
    assert make() == 0
    assert "1 of 6 documents have the same summary twice and stay out" in capsys.readouterr().out
    put("one.json", complete())
    put("two.json", complete("Ivan", "equal"))
    assert read("one.json", "two.json", options=(*QUICK, "--figure", "bars.png")) == 0
    out = capsys.readouterr().out
    assert f"{NAMES[1]} better" in out
    assert "2 annotators, 4 documents" in out
    found = load("results.json")
    assert found["questions"][0]["judgments"] == 8
    assert found["questions"][2]["equal"] == 1
    assert found["documents_identical"] == 1
    assert imread("bars.png").std() > 0.05


def test_two_runs_write_the_same_bytes(folder):
    names = ("form.html", "key.json", "results.json", "bars.png")
    contents = []
    for _ in range(2):
        make()
        put("one.json", complete())
        read("one.json", options=(*QUICK, "--figure", "bars.png"))
        contents.append([(folder / name).read_bytes() for name in names])
    assert contents[0] == contents[1]


def test_a_key_is_not_written_over_by_another(folder, capsys):
    make()
    before = (folder / "key.json").read_bytes(), (folder / "form.html").read_bytes()
    assert make("--seed", "1") == 2
    assert "key.json: is there already" in capsys.readouterr().err
    assert before == ((folder / "key.json").read_bytes(), (folder / "form.html").read_bytes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--count", "6"),
            "6 documents are asked for, and on 5 of 6 the two methods' summaries differ: "
            "--count 5 takes these, --keep-identical draws from all 6",
        ),
        (
            ("--count", "7"),
            "7 documents are asked for, and on 5 of 6 the two methods' summaries differ: "
            "--count 5 takes these, --keep-identical with --count 6 takes all",
        ),
        (
            ("--count", "7", "--keep-identical"),
            "7 documents are asked for, and 6 have summaries of both methods",
        ),
        (("--name-a", NAMES[1]), "--name-a and --name-b must be two different names"),
        (("--name-a", " "), "--name-a and --name-b must be two different names"),
        (("--key", "form.html"), "--out and --key must be two different files"),
        (("--title", f"Is {NAMES[1].upper()} better?"), "--title names a method"),
        (("--b", "none.jsonl"), "none.jsonl: No such file or directory"),
    ],
)
def test_options_that_make_no_study_are_refused(folder, capsys, options, message):
    assert make(*options) == 2
    assert message in capsys.readouterr().err
    assert not {"form.html", "key.json"} & {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "d00", "summary": "x"}, "b.jsonl:2: field 'id': 'd00' occurs twice"),
        ({"id": "", "summary": "x"}, "b.jsonl:2: field 'id' is empty"),
        ({"id": "d01"}, "b.jsonl:2: field 'summary' is missing"),
        ({"id": "d01", "summary": None}, "b.jsonl:2: field 'summary' must be str, not NoneType"),
        ({"id": "d01", "summary": "\ud83d"}, "b.jsonl:2: field 'summary' holds half a character"),
    ],
)
def test_a_bad_row_is_named(folder, capsys, row, message):
    write("b.jsonl", [{"id": "d00", "summary": "y"}, row])
    assert make() == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def changed(change):
    content = complete()
    change(content)
    return content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(form="other"), "form: answers of form 'other', the key is of '"),
        (lambda c: c.pop("form"), "form: Field required"),
        (lambda c: c.update(annotator=" "), "annotator: must not be blank"),
        (lambda c: c.update(annotator=7), "annotator: Input should be a valid string"),
        (lambda c: c["answers"][1].update(factual="C"), "answers.1.factual: Input should be 'A'"),
        (lambda c: c["answers"][1].update(factual=1), "answers.1.factual: Input should be 'A'"),
        (lambda c: c["answers"][2].pop("comment"), "answers.2.comment: Field required"),
        (lambda c: c["answers"][2].update(mood=1), "answers.2.mood: Extra inputs"),
        (lambda c: c["answers"][3].update(item="9"), "answers.3.item: the key has no item '9'"),
        (lambda c: c["answers"][3].update(item="1"), "answers.3.item: '1' occurs twice"),
        (lambda c: c.update(answers={}), "answers: Input should be a valid list"),
    ],
)
def test_bad_answers_are_named_by_file_entry_and_field(folder, capsys, change, message):
    make()
    put("good.json", complete("Good"))
    put("bad.json", changed(change))
    capsys.readouterr()
    assert read("good.json", "bad.json") == 2
    assert capsys.readouterr().err.startswith(f"error: bad.json: {message}")
    assert not (folder / "results.json").exists()


def test_an_annotator_with_two_files_is_named(folder, capsys):
    make()
    put("one.json", complete("Ada"))
    put("two.json", complete(" Ada "))
    assert read("one.json", "two.json") == 2
    assert "two.json: annotator: 'Ada' has answered in one.json already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k["items"][1].update(A="Third"), "items.1: A and B must be"),
        (lambda k: k["items"][1].update(item="1"), "items.1.item: '1' occurs twice"),
        (lambda k: k["items"][0].update(summaries={}), "items.0.summaries: must be those of"),
        (lambda k: k.update(names=["x", "x"]), "names: both methods are called 'x'"),
        (lambda k: k.update(names=["x"]), "names: List should have at least 2 items"),
        (lambda k: k.update(items=[]), "items: List should have at least 1 item"),
    ],
)
def test_a_bad_key_is_named(folder, capsys, change, message):
    make()
    put("one.json", complete())
    key = load("key.json")
    change(key)
    put("key.json", key)
    capsys.readouterr()
    assert read("one.json") == 2
    assert capsys.readouterr().err.startswith(f"error: key.json: {message}")


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"", b'{"form": NaN}'])
def test_what_is_no_answers_file_is_named(folder, capsys, content):
    make()
    (folder / "one.json").write_bytes(content)
    capsys.readouterr()
    assert read("one.json") == 2
    assert capsys.readouterr().err.startswith("error: one.json:")


def test_methods_keep_their_colours_in_the_bars():
    assert colour("ConSeq", "#000") == colour("conseq", "#000") == COLOURS["conseq"]
    assert colour("Newmethod", "#123456") == "#123456"


def test_bars_are_as_long_as_the_shares(folder):
    make()
    put("one.json", complete())
    put("two.json", complete("Ivan", "equal"))
    read("one.json", "two.json")
    found = load("results.json")
    (axes,) = bars_figure(found).axes
    widths = [patch.get_width() for patch in axes.patches]
    shares = [row[name] for row in found["questions"] for name in ("better", "equal", "worse")]
    assert widths == pytest.approx(shares)


PAGE = (ROOT / "docs/human_study.md").read_text()
COMMANDS = re.findall(r"```\n(quals study .*?)```", PAGE, re.S)


def test_commands_of_the_page_run_on_a_testbed_where_few_summaries_differ(folder, capsys):
    """110 documents, and as in the testbed's results most have the same summary twice."""
    rng = random.Random(3)
    stories = [
        draw_story(rng, f"s{at}", "test", detail_share=0.5, aside_share=0.5) for at in range(110)
    ]
    quiet = {"preference_share": 0.0, "prior_share": 0.0, "swap_share": 0.0}
    noise = Noise(preference_kinds=["sport"], **quiet)
    true = {s.id: write_summary(s, "xsum", noise, rng).text for s in stories}
    changed = {id_: text if at % 5 else "Nothing." for at, (id_, text) in enumerate(true.items())}
    for name in ("corpus", "truth"):
        (folder / f"data/testbed/xsum/{name}").mkdir(parents=True)
    write(
        "data/testbed/xsum/corpus/test.jsonl",
        [{"id": s.id, "document": write_article(s, rng)} for s in stories],
    )
    write("data/testbed/xsum/truth/test.jsonl", [s.to_row() for s in stories])
    for method, texts in {"mle": true, "conseq": changed}.items():
        (folder / f"data/testbed/summaries/xsum/{method}").mkdir(parents=True)
        rows = [{"id": id_, "summary": text} for id_, text in texts.items()]
        write(f"data/testbed/summaries/xsum/{method}/0.jsonl", rows)
    made, read_, asked = (shlex.split(command.replace("\\\n", "")) for command in COMMANDS)
    assert main(made[1:]) == 0
    assert "form.html: form" in capsys.readouterr().out
    assert main(asked[1:]) == 0
    place = read_.index("answers-*.json")
    read_[place : place + 1] = sorted(path.name for path in folder.glob(read_[place]))
    assert main([*read_[1:], *QUICK]) == 0
    factual = load("results.json")["questions"][0]
    assert factual["judgments"] == 100
    drawn = {item["document_id"] for item in load("key.json")["items"]}
    worse = sum(true[id_] != changed[id_] for id_ in drawn)
    assert (factual["losses"], factual["ties"], factual["wins"]) == (worse, 100 - worse, 0)
    assert 10 < worse < 35
    assert imread("bars.png").std() > 0.05


def test_the_oracle_answers_the_factual_question_and_leaves_the_others_open(folder, capsys):
    """Summaries that are true, false or neither; the answer is known from how they were made."""
    rng = random.Random(7)
    shares = {"detail_share": 0.5, "aside_share": 0.5}
    stories = [draw_story(rng, f"s{at}", "test", **shares) for at in range(9)]
    quiet = {"preference_share": 0.0, "prior_share": 0.0, "swap_share": 0.0}
    noise = Noise(preference_kinds=["sport"], **quiet)
    true = {s.id: write_summary(s, "xsum", noise, rng).text for s in stories}
    first, second = dict(true), dict(true)
    for at, id_ in enumerate(true):
        if at % 3 == 0:
            first[id_] = "Nothing of this."
        if at % 3 == 1:
            second[id_] = "Nor that."
    write("d.jsonl", [{"id": s.id, "document": write_article(s, rng)} for s in stories])
    write("truth.jsonl", [s.to_row() for s in stories])
    write("a.jsonl", [{"id": id_, "summary": text} for id_, text in first.items()])
    write("b.jsonl", [{"id": id_, "summary": text} for id_, text in second.items()])
    assert make("--keep-identical", count=9) == 0
    arguments = ("--key", "key.json", "--documents", "d.jsonl", "--truth", "truth.jsonl")
    assert main(["study", "oracle", *arguments, "--out", "oracle.json"]) == 0
    key, found = load("key.json"), load("oracle.json")
    for item, row in zip(key["items"], found["answers"], strict=True):
        at = int(item["document_id"][1:]) % 3
        better = {0: NAMES[1], 1: NAMES[0], 2: None}[at]
        sides = {item["A"]: "A", item["B"]: "B", None: "equal"}
        assert row["factual"] == sides[better]
        assert row["informative"] is row["grammatical"] is None
    assert read("oracle.json") == 0
    (factual, informative, _) = load("results.json")["questions"]
    assert (factual["wins"], factual["losses"], factual["ties"]) == (3, 3, 3)
    assert informative["judgments"] == 0
    write("truth.jsonl", [s.to_row() for s in stories[1:]])
    capsys.readouterr()
    assert main(["study", "oracle", *arguments, "--out", "oracle.json"]) == 2
    assert capsys.readouterr().err == "error: truth.jsonl: no row has the id 's0'\n"
