"""Laws of real corpora: any layout, first source at hand, errors that help, splits kept apart."""

import json
import os
import pkgutil
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from pipeline import ROOT
from ruamel.yaml import YAML

from quals.corpora.articles import load_articles
from quals.corpora.columns import Located, article
from quals.corpora.settings import RealCorpus, RealQuestions, names_sources
from quals.corpora.sources import MissingDataError, find
from quals.corpora.splits import apart, chance, sample, text_print
from quals.corpus import SPLITS, Article, read_articles
from quals.jsonl import DataError
from quals.params import ParamsError, load_section
from quals.stages import corpus as stage

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def rows_of(split, number):
    """Invented articles that differ in every split."""
    return [
        {
            "id": f"{split}-{at}",
            "document": f"The {split} mill of Kelby {at} shut on Monday.",
            "summary": f"Mill {at} shut.",
        }
        for at in range(number)
    ]


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_set(folder, dataset="xsum", **changed):
    for split in SPLITS:
        rows = changed.get(split, rows_of(split, 4))
        write_rows(folder / dataset / f"{split}.jsonl", rows)


def section(*sources, **changed):
    sizes = {"train": None, "validation": None, "test": None}
    return {"source": list(sources), "seed": 1, "filter_level": 1, **sizes, **changed}


def settings(*sources, **changed):
    return RealCorpus.model_validate(section(*sources, **changed))


def folder_source(folder):
    return {"kind": "folder", "folder": str(folder)}


HUB = {
    "kind": "hub",
    "sets": {
        "xsum": {"id": "Invented/xsum", "config": None, "revision": COMMIT},
        "cnndm": {"id": "Invented/cnndm", "config": "3.0.0", "revision": COMMIT},
    },
}


def halueval_source(file):
    shares = {"validation_share": 0.2, "test_share": 0.3}
    return {"kind": "halueval", "file": str(file), "serves": "cnndm", **shares}


@pytest.fixture
def halueval(tmp_path):
    """HaluEval's shape, 200 rows of it."""
    rows = [
        {
            "id": f"h{at}",
            "document": f"Article {at} of Kelby.",
            "reference": f"Summary {at}.",
            "hallucinated": "Wrong.",
        }
        for at in range(200)
    ]
    write_rows(tmp_path / "assets/halueval.jsonl", rows)
    return halueval_source(tmp_path / "assets/halueval.jsonl")


# Columns


@pytest.mark.parametrize("document", ["document", "article"])
@pytest.mark.parametrize("summary", ["summary", "highlights", "reference"])
def test_every_layout_means_the_same_article(document, summary):
    row = {"id": "1", document: "A mill.", summary: "It shut.", "hallucinated": "No.", "url": 3}
    assert article(Located("here", row)) == Article("1", "A mill.", "It shut.")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"document": "d", "summary": "s"}', "field 'id' is missing"),
        ('{"id": 3, "document": "d", "summary": "s"}', "field 'id' must be str, not int"),
        ('{"id": " ", "document": "d", "summary": "s"}', "field 'id' is empty"),
        ('{"id": "1", "summary": "s"}', "field 'document' (or 'article') is missing"),
        (
            '{"id": "1", "document": "d"}',
            "field 'summary' (or 'highlights') (or 'reference') is missing",
        ),
        (
            '{"id": "1", "document": "d", "summary": "s", "highlights": "h"}',
            "fields 'summary' and 'highlights' are both there; which one counts?",
        ),
        ('{"id": "1", "article": null, "summary": "s"}', "field 'article' must be str, not None"),
        ('{"id": "1", "document": "d", "highlights": ["s"]}', "field 'highlights' must be str"),
        (
            '{"id": "1", "document": "d\\ud800", "summary": "s"}',
            "field 'document' is not Unicode text (a lone surrogate)",
        ),
        ('{"id": "1",', "not JSON"),
        ('["id"]', "a row must be an object, not list"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_field(tmp_path, line, problem):
    write_set(tmp_path, train=[rows_of("train", 1)[0], line])
    with pytest.raises(DataError) as caught:
        load_articles("xsum", settings(folder_source(tmp_path)), {})
    assert str(caught.value).startswith(f"{tmp_path}/xsum/train.jsonl:2: {problem}")


# Sources


def test_the_first_source_at_hand_is_taken(tmp_path):
    write_set(tmp_path / "second")
    write_set(tmp_path / "third", train=rows_of("other", 1))
    sources = [folder_source(tmp_path / name) for name in ("first", "second", "third")]
    loaded = load_articles("xsum", settings(*sources), {})
    assert [a.id for a in loaded.splits["train"]] == [f"train-{at}" for at in range(4)]
    assert loaded.lacking == (f"folder {tmp_path}/first/xsum does not exist",)
    assert loaded.origin == "folder"


def test_the_environment_variable_goes_before_every_source(tmp_path):
    write_set(tmp_path / "named", test=rows_of("named", 2))
    write_set(tmp_path / "set")
    chosen = settings(folder_source(tmp_path / "set"))
    environment = {"QUALS_DATA": str(tmp_path / "named")}
    loaded = load_articles("xsum", chosen, environment)
    assert [a.id for a in loaded.splits["test"]] == ["named-0", "named-1"]
    assert len(load_articles("xsum", chosen, {"QUALS_DATA": ""}).splits["test"]) == 4
    # Whoever names a folder does not want another one instead.
    with pytest.raises(MissingDataError, match=r"'xsum' is not at hand \(QUALS_DATA is set\)"):
        load_articles("xsum", chosen, {"QUALS_DATA": str(tmp_path / "empty")})


def test_what_is_missing_is_named_once_with_every_way_to_get_it(tmp_path):
    sources = [folder_source(tmp_path), HUB, halueval_source(tmp_path / "none.jsonl")]
    with pytest.raises(MissingDataError) as caught:
        load_articles("cnndm", settings(*sources), {})
    message = str(caught.value)
    assert message.startswith("'cnndm' is not at hand: ")
    assert f"folder {tmp_path}/cnndm does not exist" in message
    assert f"hub Invented/cnndm@{COMMIT}: " in message
    assert f"halueval {tmp_path}/none.jsonl does not exist" in message
    for way in (
        "(1) put train.jsonl, validation.jsonl, test.jsonl into cnndm/ of a folder",
        "the scale's `source` or in the environment variable QUALS_DATA",
        "(2) let it come from the hub (Invented/cnndm)",
        "(3) `make assets`",
    ):
        assert way in message
    assert "\n" not in message


def test_a_way_that_does_not_serve_the_data_set_is_not_offered(tmp_path, halueval):
    with pytest.raises(MissingDataError) as caught:
        load_articles("xsum", settings(folder_source(tmp_path), halueval), {})
    assert "halueval serves as 'cnndm' only" in str(caught.value)
    assert "make assets" not in str(caught.value)
    assert "from the hub" not in str(caught.value)


def test_a_folder_that_lacks_a_split_is_an_error_and_not_passed_over(tmp_path, halueval):
    write_set(tmp_path, "cnndm")
    (tmp_path / "cnndm/validation.jsonl").unlink()
    with pytest.raises(DataError, match=r"cnndm/validation\.jsonl: no such file"):
        load_articles("cnndm", settings(folder_source(tmp_path), halueval), {})


def test_halueval_serves_where_neither_folder_nor_hub_does(tmp_path, halueval):
    loaded = load_articles("cnndm", settings(folder_source(tmp_path), HUB, halueval), {})
    assert loaded.origin == "halueval"
    assert len(loaded.lacking) == 2
    sizes = {split: len(articles) for split, articles in loaded.splits.items()}
    assert sum(sizes.values()) == 200
    assert 40 < sizes["test"] < 80  # 0.3 of 200
    assert 20 < sizes["validation"] < 60  # 0.2 of 200
    for split, articles in loaded.splits.items():
        for found in articles:
            drawn = chance(found.id, "halueval")
            assert split == ("test" if drawn < 0.3 else "validation" if drawn < 0.5 else "train")
            assert found.summary == found.document.replace("Article", "Summary").replace(
                " of Kelby", ""
            )


@pytest.mark.parametrize(
    ("dataset", "columns"),
    [("xsum", ("document", "summary")), ("cnndm", ("article", "highlights"))],
)
def test_the_hub_is_read_through_datasets_at_the_pinned_revision(monkeypatch, dataset, columns):
    import datasets

    asked = []

    def load(name, config, *, split, revision):
        asked.append((name, config, split, revision))
        rows = [dict(zip(("id", *columns), row.values(), strict=True)) for row in rows_of(split, 3)]
        return datasets.Dataset.from_list(rows)

    monkeypatch.setattr(datasets, "load_dataset", load)
    loaded = load_articles(dataset, settings(HUB), {})
    config = HUB["sets"][dataset]["config"]
    assert asked == [(f"Invented/{dataset}", config, split, COMMIT) for split in SPLITS]
    assert loaded.origin == f"hub Invented/{dataset}@{COMMIT}"
    assert [a.document for a in loaded.splits["test"]] == [
        row["document"] for row in rows_of("test", 3)
    ]


def test_a_bad_row_of_the_hub_is_named_by_set_split_and_number(monkeypatch):
    import datasets

    rows = [*rows_of("any", 1), {"id": "2", "document": None, "summary": "s"}]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.Dataset.from_list(rows))
    with pytest.raises(DataError) as caught:
        load_articles("xsum", settings(HUB), {})
    expected = f"Invented/xsum@{COMMIT} train:2: field 'document' must be str, not NoneType"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "name",
    [
        "builtins.ConnectionError",
        "builtins.ValueError",
        "builtins.RuntimeError",
        "httpx2.ConnectError",  # what the hub's client talks through
        "datasets.exceptions.DatasetNotFoundError",
    ],
)
def test_a_hub_that_fails_is_passed_over_with_its_reason(monkeypatch, tmp_path, name):
    import datasets

    error = pkgutil.resolve_name(name)

    def fail(*_, **__):
        raise error("no way\nwith a second line")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    write_set(tmp_path)
    found = find(
        "xsum",
        settings(HUB, folder_source(tmp_path)).source,
        splits=SPLITS,
        environment={},
    )
    assert found.lacking == (f"hub Invented/xsum@{COMMIT}: no way",)


# Splits


def test_no_id_and_no_text_is_kept_twice_and_tests_keep_theirs():
    splits = {
        "train": [Article("1", "A mill.", ""), Article("2", "B mill.", ""), Article("9", "C", "")],
        "validation": [Article("1", "D", ""), Article("3", "b  MILL", ""), Article("4", "E", "")],
        "test": [Article("5", "E!", ""), Article("6", "e", ""), Article("4", "F", "")],
    }
    kept, dropped = apart(splits, lambda item: item.document)
    ids = {split: [item.id for item in items] for split, items in kept.items()}
    # Test keeps 4 and the first of two alike; validation loses 4 by id; training loses 1 and 2.
    assert ids == {"test": ["4", "5"], "validation": ["1", "3"], "train": ["9"]}
    assert dropped == {
        "test": {"repeated text": 1},
        "validation": {"repeated id": 1},
        "train": {"repeated id": 1, "repeated text": 1},
    }


def test_texts_are_alike_whatever_case_spaces_and_punctuation():
    assert text_print("The men 's mill .") == text_print("the men's Mill.")
    assert text_print("It shut in 1990.") != text_print("It shut in 1991.")
    assert text_print("Müllers") != text_print("Mullers")


def test_a_sample_ignores_order_and_grows_without_losing_any():
    items = [Article(str(at), "", "") for at in range(50)]
    shuffled = Random(1).sample(items, 50)
    some = sample(items, 10, 1)
    assert len(some) == 10
    assert some == sorted(some, key=lambda item: item.id)
    assert sample(shuffled, 10, 1) == some
    assert set(some) < set(sample(items, 20, 1))
    assert some != sample(items, 10, 2)
    assert sample(items, None, 1) == sample(items, 99, 1) == sorted(items, key=lambda i: i.id)


def test_chance_is_even():
    drawn = [chance(str(at), "salt") for at in range(2000)]
    assert all(0 <= value < 1 for value in drawn)
    assert abs(sum(drawn) / 2000 - 0.5) < 0.03


def test_every_row_is_kept_or_counted(tmp_path):
    first = rows_of("train", 6)
    bad = [
        {"id": "e1", "document": "Email\nTwitter", "summary": "s"},
        {"id": "e2", "document": "Another mill.", "summary": " "},
        {**first[0], "id": "r"},
        first[1],
        {**rows_of("test", 1)[0], "id": "again"},
    ]
    write_set(tmp_path, train=[*first, *bad])
    chosen = settings(folder_source(tmp_path), train=5)
    loaded = load_articles("xsum", chosen, {})
    assert loaded.counts["train"] == {
        "read": 11,
        "share-bar line": 2,
        "row with an empty document": 1,
        "row with an empty summary": 1,
        "repeated id": 1,
        "repeated text": 2,
        "beyond the size": 1,
        "kept": 5,
    }
    assert loaded.counts["test"] == {"read": 4, "kept": 4}


def test_a_split_without_a_usable_row_is_an_error(tmp_path):
    write_set(tmp_path, validation=[])
    with pytest.raises(DataError, match="xsum from folder: no row of 'validation' can be used"):
        load_articles("xsum", settings(folder_source(tmp_path)), {})


# The stage


def run_stage(tmp_path, corpus, name, dataset="xsum"):
    params = tmp_path / f"{name}.yaml"
    with open(params, "w") as file:
        YAML(typ="safe", pure=True).dump({"corpus": corpus}, file)
    out, truth = tmp_path / name / "corpus", tmp_path / name / "truth"
    stage.main(SimpleNamespace(params=params, dataset=dataset, out=out, truth=truth))
    return out, truth


def test_the_stage_writes_what_others_read_whatever_the_order_of_rows(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv("QUALS_DATA", raising=False)
    write_set(tmp_path / "one")
    reversed_rows = {split: rows_of(split, 4)[::-1] for split in SPLITS}
    write_set(tmp_path / "two", **reversed_rows)
    first, second = (
        run_stage(tmp_path, section(folder_source(tmp_path / name), test=2), f"{name}-out")
        for name in ("one", "two")
    )
    for made, again in zip(first, second, strict=True):
        assert sorted(p.name for p in made.iterdir()) == sorted(p.name for p in again.iterdir())
        for path in made.iterdir():
            assert path.read_bytes() == (again / path.name).read_bytes()
    assert read_articles(first[0], "train")[0] == Article(
        "train-0", "The train mill of Kelby 0 shut on Monday.", "Mill 0 shut."
    )
    assert len(read_articles(first[0], "test")) == 2
    record = json.loads((first[1] / "origin.json").read_text())
    assert record["origin"] == "folder"
    assert record["counts"]["test"] == {"read": 4, "beyond the size": 2, "kept": 2}
    assert "xsum test from folder: {'read': 4" in capsys.readouterr().out


def test_without_source_the_corpus_is_generated(tmp_path):
    whole = YAML(typ="safe", pure=True).load((ROOT / "scales/testbed.yaml").read_text())
    corpus = {**whole["corpus"], "train": 3, "validation": 2, "test": 2}
    silent = run_stage(tmp_path, corpus, "silent")
    named = run_stage(tmp_path, {**corpus, "source": "generated"}, "named")
    for made, again in zip(silent, named, strict=True):
        for path in made.iterdir():
            assert path.read_bytes() == (again / path.name).read_bytes()
    assert read_articles(silent[0], "train")[0].id == "xsum-train-00000"


def test_the_scales_say_where_their_text_is_from():
    for name in ("corpus", "questions"):
        assert not names_sources(ROOT / "scales/testbed.yaml", name)
        assert names_sources(ROOT / "scales/laptop.yaml", name)
    corpus = load_section(ROOT / "scales/laptop.yaml", "corpus", RealCorpus)
    assert [source.kind for source in corpus.source] == ["folder", "hub", "halueval"]
    questions = load_section(ROOT / "scales/laptop.yaml", "questions", RealQuestions)
    assert [source.kind for source in questions.source] == ["folder", "hub"]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"source": []}, "corpus.source"),
        ({"source": "hub"}, "corpus.source"),
        ({"source": [{"kind": "web"}]}, "corpus.source.0"),
        ({"source": [{"folder": "x"}]}, "corpus.source.0"),
        ({"source": [{"kind": "folder", "folder": "x", "y": 1}]}, "corpus.source.0.folder.y"),
        (
            {
                "source": [
                    {"kind": "hub", "sets": {"xsum": {**HUB["sets"]["xsum"], "revision": "main"}}}
                ]
            },
            "corpus.source.0.hub.sets.xsum.revision",
        ),
        (
            {"source": [{"kind": "hub", "sets": {"xsum": {**HUB["sets"]["xsum"], "id": "xsum"}}}]},
            "corpus.source.0.hub.sets.xsum.id",
        ),
        ({"filter_level": 2}, "corpus.filter_level"),
        ({"train": 0}, "corpus.train"),
        ({"noise": {}}, "corpus.noise"),
    ],
)
def test_a_wrong_setting_is_refused_by_file_and_key(tmp_path, changed, key):
    corpus = section(folder_source(tmp_path)) | changed
    with pytest.raises(ParamsError) as caught:
        run_stage(tmp_path, corpus, "bad")
    assert f"bad.yaml: {key}: " in str(caught.value)


def shared():
    """The folder with real text that the laptop scale would read, if it is there."""
    folder = Path(os.environ.get("QUALS_DATA") or ROOT / "../shared/data")
    if not (folder / "xsum").is_dir():
        pytest.skip("no real text here: neither QUALS_DATA nor ../shared/data")
    return folder


@pytest.mark.parametrize("dataset", ["xsum", "cnndm"])
def test_real_articles_are_whole_and_in_one_split_only(dataset):
    folder = shared()
    chosen = load_section(ROOT / "scales/laptop.yaml", "corpus", RealCorpus)
    loaded = load_articles(dataset, chosen, {"QUALS_DATA": str(folder)})
    everything = [item for split in SPLITS for item in loaded.splits[split]]
    assert all(item.document and item.summary for item in everything)
    assert not any("\n" in item.document + item.summary for item in everything)
    assert len({item.id for item in everything}) == len(everything)
    assert len({text_print(item.document) for item in everything}) == len(everything)
    for split in SPLITS:
        assert len(loaded.splits[split]) > 0.9 * min(
            loaded.counts[split]["read"], getattr(chosen, split)
        )
