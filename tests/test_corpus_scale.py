"""Laws of the stages that work in chunks: these change nothing, and a kill costs one."""

import shutil
from argparse import Namespace
from dataclasses import replace

import linear
import pytest
import torch
from ruamel.yaml import YAML
from scored import SCALE as SCALE_FILE
from scored import SMALL, make_folder

from quals import parallel
from quals.chunks import ChunkError
from quals.corpus import Article, read_articles
from quals.decoding.jobs import Sample, SampleJob, Writer, chunk_seed, write_samples
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.jsonl import DataError, read_jsonl, write_jsonl
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rewards import stream_sampled
from quals.models import checkpoint
from quals.params import load_section, load_yaml
from quals.piecewise import Kept
from quals.stages import reward, sample, summarize

LEFT_OUT = {"selectors": [], "methods": [], "benchmarks": [], "ablations": "none"}
SCALE = {
    "left_out": {"reason": None, **LEFT_OUT},
    "sample": {"documents": None, "samples": 3, "top_k": 4, "chunk_documents": 100},
    "reward": {"chunk_documents": 100},
    "quals_selection": {"groups": None, "max_source_tokens": None},
    "summarize": {"chunk_documents": 100},
    "rouge": {"use_stemmer": False},
    "summaries": {
        "xsum": {
            "beams": 1,
            "shortest": 1,
            "longest": 5,
            "length_penalty": 1.0,
            "batch_size": 2,
        }
    },
}
DOCUMENTS = (
    "Ada beat Ivan in Kelby on Monday",
    "Ivan beat Ada on Monday",
    "Who beat Ada",
    "in Kelby on Monday",
    "Ada",
    "Ivan beat Ivan in Kelby",
    "Who",
)
SEEDS = (0, 7)


@pytest.fixture(scope="module")
def qagen(make_qagen, few_words, tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("one") / "qagen", make_qagen(10), few_words)


@pytest.fixture
def project(tmp_path, make_model, qagen, few_words, monkeypatch):
    """A corpus of seven documents, two summarizers and a QAGen model, and a grid."""
    scale = load_yaml(SCALE_FILE)
    shared = {"train_mle": scale["train_mle"], "quals": {**scale["quals"], **SMALL}}
    settings(tmp_path, {**SCALE, **shared})
    (tmp_path / "params.yaml").write_text(f"seeds: {list(SEEDS)}\n")
    corpus(tmp_path, DOCUMENTS)
    (tmp_path / "data/xsum/truth").mkdir()
    for seed in SEEDS:
        model = make_model(few_words.backend.get_vocab_size(), seed)
        checkpoint.save(model, few_words, tmp_path / "models/xsum/mle" / str(seed))
    shutil.copytree(qagen, tmp_path / "models/qagen")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUALS_CHECKPOINTS", raising=False)
    monkeypatch.setattr(parallel, "default_workers", lambda: 1)
    return tmp_path


def settings(folder, scale):
    with open(folder / "toy.yaml", "w") as file:
        YAML(typ="safe", pure=True).dump(scale, file)


def changed(folder, section, **values):
    scale = load_yaml(folder / "toy.yaml")
    scale[section] |= values
    settings(folder, scale)


def corpus(folder, documents):
    rows = [{"id": f"a{at}", "document": d, "summary": "Ada"} for at, d in enumerate(documents)]
    for split in ("train", "test"):
        write_jsonl(folder / f"data/xsum/corpus/{split}.jsonl", rows)


def draw(folder, seeds=SEEDS):
    """Run the stage `sample`; the bytes that it leaves, by seed."""
    sample.main(
        Namespace(
            params=folder / "toy.yaml",
            grid=folder / "params.yaml",
            datasets=["xsum"],
            data=folder / "data",
            models=folder / "models",
        )
    )
    return made(folder / "data/xsum/candidates", seeds)


def judge(folder, selector="quals", seeds=SEEDS):
    """Run the stage `reward`; the bytes that it leaves, by seed."""
    reward.main(
        Namespace(
            params=folder / "toy.yaml",
            grid=folder / "params.yaml",
            datasets=["xsum"],
            selector=selector,
            data=folder / "data",
            qagen=folder / "models/qagen",
        )
    )
    return made(folder / "data/xsum/rewards" / selector, seeds)


def decode(folder):
    """Run the stage `summarize`; the bytes that it leaves, by seed."""
    summarize.main(
        Namespace(
            params=folder / "toy.yaml",
            grid=folder / "params.yaml",
            datasets=["xsum"],
            method="mle",
            data=folder / "data",
            models=folder / "models",
        )
    )
    return made(folder / "data/summaries/xsum/mle")


def made(folder, seeds=SEEDS):
    assert sorted(path.name for path in folder.iterdir()) == [f"{seed}.jsonl" for seed in seeds]
    return {seed: (folder / f"{seed}.jsonl").read_bytes() for seed in seeds}


class Killed(Exception):
    pass


@pytest.fixture
def counted(monkeypatch):
    """What each call of a method was given; the call of number `fail_at` is not answered."""

    calls = Namespace(fail_at=None, seen=[])

    def count(owner, name):
        method = getattr(owner, name)

        def counting(self, *given, **options):
            if len(calls.seen) == calls.fail_at:
                raise Killed
            calls.seen.append(given)
            return method(self, *given, **options)

        monkeypatch.setattr(owner, name, counting)
        return calls

    return count


def test_a_corpus_of_one_chunk_is_sampled_as_a_whole(project):
    draw(project)
    limits = load_section(project / "toy.yaml", "summaries.xsum", SummaryLimits)
    for seed in SEEDS:
        start = checkpoint.load(project / "models/xsum/mle" / str(seed))
        expected = Summarizer(start, limits, 200).sample(
            list(DOCUMENTS),
            samples=3,
            top_k=4,
            generator=torch.Generator().manual_seed(seed),
        )
        found = read_jsonl(project / f"data/xsum/candidates/{seed}.jsonl")
        assert [row["candidates"] for row in found] == expected
        assert [row["id"] for row in found] == [f"a{at}" for at in range(7)]


def test_what_a_chunk_draws_does_not_depend_on_those_before(project):
    job = SampleJob(
        Writer(
            project / "models/xsum/mle/0",
            load_section(project / "toy.yaml", "summaries.xsum", SummaryLimits),
            200,
        ),
        corpus=project / "data/xsum/corpus",
        seed=3,
        settings=Sample(documents=6, samples=3, top_k=4, chunk_documents=2),
        kept=Kept(project / "one", {}),
        out=project / "one.jsonl",
    )
    counts = write_samples(job)
    assert (counts["documents"], counts["texts"]) == (6, 18)
    assert 6 <= counts["distinct"] <= 18
    corpus(project, ("Kelby", "Monday on Monday", *DOCUMENTS[2:]))
    other = replace(job, kept=Kept(project / "other", {}), out=project / "other.jsonl")
    write_samples(other)
    first, second = (read_jsonl(project / f"{name}.jsonl") for name in ("one", "other"))
    assert first[:2] != second[:2]
    assert first[2:] == second[2:]


def test_every_chunk_has_a_seed_of_its_own_and_the_first_that_of_the_stage():
    seeds = [0, 1, 2, 7]
    assert [chunk_seed(seed, 0) for seed in seeds] == seeds
    places = [(seed, start) for seed in seeds for start in range(0, 4000, 10)]
    assert len({chunk_seed(*place) for place in places}) == len(places)
    for place in places:
        torch.Generator().manual_seed(chunk_seed(*place))


@pytest.mark.parametrize("size", [1, 3])
def test_chunks_do_not_change_scores(project, size):
    draw(project)
    judge(project)
    rewards = project / "data/xsum/rewards/quals"
    expected = {seed: read_jsonl(rewards / f"{seed}.jsonl") for seed in SEEDS}
    changed(project, "reward", chunk_documents=size)
    judge(project)
    known = 0
    for seed in SEEDS:
        found = read_jsonl(rewards / f"{seed}.jsonl")
        assert [row["id"] for row in found] == [f"a{at}" for at in range(7)]
        for row, other in zip(found, expected[seed], strict=True):
            assert row["candidates"] == other["candidates"]
            for one, two in zip(
                [*row["scores"], row["reference_score"]],
                [*other["scores"], other["reference_score"]],
                strict=True,
            ):
                assert (one is None) == (two is None)
                assert one is None or one == pytest.approx(two, abs=1e-4)
                known += one is not None
    assert known > 10


def test_scores_are_the_metrics_and_equal_texts_are_scored_once(project, counted):
    draw(project)
    calls = counted(Quals, "score")
    judge(project)
    asked = [pair for given in calls.seen for pair in zip(*given, strict=True)]
    assert len(asked) == len(set(asked))  # by all seeds together
    quals = load_section(project / "toy.yaml", "quals", QualsSettings)
    metric = Quals.from_pretrained(project / "models/qagen", quals)
    for seed in SEEDS:
        for row, document in zip(
            read_jsonl(project / f"data/xsum/rewards/quals/{seed}.jsonl"), DOCUMENTS, strict=True
        ):
            texts = [*row["candidates"], row["reference"]]
            found = [*row["scores"], row["reference_score"]]
            expected = [s.quals for s in metric.score([document] * len(texts), texts)]
            assert found == pytest.approx(expected, abs=1e-4)


def test_a_killed_sample_goes_on_and_repeats_no_model(project, counted):
    """Outputs of a stage that is started again are gone: DVC removes them."""
    changed(project, "sample", chunk_documents=3)
    expected = draw(project)
    calls = counted(Summarizer, "sample")
    calls.fail_at = 4  # the first model's three chunks and one of the second's
    with pytest.raises(Killed):
        draw(project)
    for path in (project / "data/xsum/candidates").iterdir():
        path.unlink()
    calls.seen.clear()
    calls.fail_at = None
    assert draw(project) == expected
    assert [len(documents) for (documents,) in calls.seen] == [3, 1]
    assert not (project / ".checkpoints/toy/sample").exists()


def test_a_killed_reward_goes_on_and_repeats_no_chunk(project, counted):
    draw(project)
    changed(project, "reward", chunk_documents=1)
    expected = judge(project)
    calls = counted(Quals, "score")
    calls.fail_at = 5
    with pytest.raises(Killed):
        judge(project)
    assert (project / ".checkpoints/toy/reward/quals/xsum").is_dir()
    calls.seen.clear()
    calls.fail_at = None
    assert judge(project) == expected
    assert len(calls.seen) == len(DOCUMENTS) - 5
    assert not (project / ".checkpoints/toy/reward/quals").exists()


def test_a_killed_summarize_goes_on_and_chunks_change_no_summary(project, counted):
    expected = decode(project)
    changed(project, "summarize", chunk_documents=3)
    calls = counted(Summarizer, "summarize")
    calls.fail_at = 4
    with pytest.raises(Killed):
        decode(project)
    calls.seen.clear()
    calls.fail_at = None
    assert decode(project) == expected
    assert [len(documents) for (documents,) in calls.seen] == [3, 1]
    assert not (project / ".checkpoints/toy/summarize/mle").exists()


@pytest.mark.parametrize(
    ("section", "values", "key"),
    [
        ("sample", {"top_k": 3}, "settings was"),
        ("sample", {"chunk_documents": 2}, "settings was"),
        ("summaries", {"xsum": {**SCALE["summaries"]["xsum"], "longest": 4}}, "settings was"),
    ],
)
def test_chunks_of_another_sample_are_refused(project, counted, section, values, key):
    changed(project, "sample", chunk_documents=3)
    calls = counted(Summarizer, "sample")
    calls.fail_at = 2
    with pytest.raises(Killed):
        draw(project)
    changed(project, section, **values)
    with pytest.raises(ChunkError, match=rf"sample/xsum/0/chunk-00000000.jsonl: .*{key}"):
        draw(project)


def test_chunks_of_another_model_or_of_other_candidates_are_refused(
    project, counted, make_qagen, few_words
):
    draw(project)
    changed(project, "reward", chunk_documents=1)
    calls = counted(Quals, "score")
    calls.fail_at = 2
    with pytest.raises(Killed):
        judge(project)
    weights = project / "models/qagen/model.safetensors"
    before = weights.read_bytes()
    make_folder(project / "models/qagen", make_qagen(11), few_words)
    with pytest.raises(ChunkError, match="of other work: model was"):
        judge(project)
    weights.write_bytes(before)
    path = project / "data/xsum/candidates/7.jsonl"
    rows = read_jsonl(path)
    rows[0]["candidates"][0] += " on Monday"
    write_jsonl(path, rows)
    with pytest.raises(ChunkError, match="of other work: rows was"):
        judge(project)


@pytest.mark.parametrize("selector", ["rouge", "copy"])
def test_other_selectors_score_in_chunks_too(project, selector):
    draw(project)
    expected = judge(project, selector)
    changed(project, "reward", chunk_documents=2)
    assert judge(project, selector) == expected


def candidates(folder, seed, *rows):
    path = folder / f"candidates/{seed}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def given(id_, texts='["Ada"]'):
    return f'{{"id": "{id_}", "candidates": {texts}}}'


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([given("a1"), "{"], [given("a1")], r"0\.jsonl:2: not JSON"),
        ([given("a1", 3)], [given("a1")], r"0\.jsonl:1: field 'candidates' must be list"),
        ([given("a2"), given("a1")], [given("a2"), given("a1")], r"0\.jsonl:2: field 'id': 'a1'"),
        ([given("a1"), given("a1")], [given("a1")], r"0\.jsonl:2: field 'id': 'a1' after 'a1'"),
        (
            [given("a1"), given("a3")],
            [given("a1"), given("a2")],
            r"0\.jsonl:2: .*'a3' where .*'a2'",
        ),
        (
            [given("a1"), given("a3")],
            [given("a1")],
            r"7\.jsonl:2: field 'id': nothing where .*'a3'",
        ),
        ([given("b")], [given("b")], r"0\.jsonl:1: field 'id': 'b' is none of .*corpus"),
    ],
)
def test_a_bad_row_of_candidates_is_named(tmp_path, first, second, message):
    corpus(tmp_path, DOCUMENTS)
    files = [candidates(tmp_path, seed, *rows) for seed, rows in ((0, first), (7, second))]
    with pytest.raises(DataError, match=message):
        list(stream_sampled(tmp_path / "data/xsum/corpus", files))


def test_documents_without_candidates_are_passed_over(tmp_path):
    corpus(tmp_path, DOCUMENTS)
    files = [candidates(tmp_path, seed, given("a1"), given("a4")) for seed in SEEDS]
    (first, second) = stream_sampled(tmp_path / "data/xsum/corpus", files)
    assert first.article == Article("a1", DOCUMENTS[1], "Ada")
    assert (second.article.id, second.candidates) == ("a4", [["Ada"], ["Ada"]])


def test_a_bad_row_of_the_corpus_is_named_before_any_work(project, counted):
    path = project / "data/xsum/corpus/train.jsonl"
    path.write_text(path.read_text() + '{"id": "a9", "document": 7, "summary": "x"}\n')
    calls = counted(Summarizer, "sample")
    changed(project, "sample", chunk_documents=2)
    with pytest.raises(DataError, match=r"train\.jsonl:8: field 'document' must be str"):
        draw(project)
    assert not calls.seen
    corpus(project, DOCUMENTS)
    changed(project, "sample", documents=8)
    with pytest.raises(DataError, match=r"train\.jsonl: 8 rows are needed, there are 7"):
        draw(project)
    assert not calls.seen
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    with pytest.raises(DataError, match=r"train\.jsonl:2: field 'id': 'a5' after 'a6'"):
        read_articles(path.parent, "train")


def test_the_benchmark_times_what_the_stages_run(project):
    changed(project, "sample", chunk_documents=3)
    changed(project, "reward", chunk_documents=3)
    (project / "params.yaml").write_text("seeds: [0]\n")
    sampled, scored = draw(project, [0]), judge(project, seeds=[0])
    root = project / "benchmark"
    for name in ("models", "data"):
        (root / name).mkdir(parents=True)
        (root / name / "testbed").symlink_to(project / name)
    (project / "models/metrics").mkdir()
    (project / "models/metrics/qagen").symlink_to(project / "models/qagen")
    place = linear.Place(root, project / "toy.yaml", project / "scratch")
    for step, texts, expected in (("sampling", 21, sampled), ("scoring", 28, scored)):
        row = linear.run_step(step, place, len(DOCUMENTS), 3)
        assert (row["documents"], row["texts"]) == (7, texts)
        assert (place.made(step, 7) / "0.jsonl").read_bytes() == expected[0]


def test_a_selector_by_truth_that_is_not_left_out_fails_without_truth(project):
    draw(project)
    changed(project, "left_out", reason="it takes long", selectors=["quals"])
    with pytest.raises(FileNotFoundError, match=r"truth/train\.jsonl"):
        judge(project, "oracle")
