"""Stage `speed`: seconds per summary of QUALS and QAGS, same machine, same summaries."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import GeneratorType

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from tqdm import tqdm

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.jsonl import read_jsonl, write_json
from quals.metrics.explained import ExplainedQuals
from quals.metrics.qags import Qags
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.suite import MetricPaths, load_qags
from quals.params import Count, Natural, Section, Share, load_section
from quals.signature import device_name, signature
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch

Score = Callable[[list[str], list[str]], object]


class Speed(Section):
    """The scale's `speed` section.

    `paper_qags` is QAGS as its authors ran it: 10 answers with 10 questions each, short lists
    filled up by repeats. `groups` is the grid of the cost curve.
    """

    seed: Natural
    repeats: Count
    level: Share
    paper_summaries: Count
    paper_groups: Count
    paper_answers: Count
    paper_questions_per_answer: Count
    paper_beams: Count
    paper_max_questions: Count
    engine_summaries: Count
    groups: list[int]
    curve_summaries: Count


@dataclass(frozen=True)
class Work:
    """The summaries that both metrics are timed on."""

    documents: list[str]
    summaries: list[str]

    def first(self, most: int) -> "Work":
        return Work(self.documents[:most], self.summaries[:most])

    def together(self, score: Score) -> None:
        score(self.documents, self.summaries)

    def one_by_one(self, score: Score) -> None:
        for document, summary in zip(self.documents, self.summaries, strict=True):
            score([document], [summary])


def main(arguments) -> None:
    settings = load_section(arguments.params, "speed", Speed)
    quals_settings = load_section(arguments.params, "quals", QualsSettings)
    paths = MetricPaths.in_folder(arguments.models)
    articles = read_articles(arguments.corpus, "test")
    written = {row["id"]: row["summary"] for row in read_jsonl(arguments.summaries, {"id": str})}
    work = Work([a.document for a in articles], [written[a.id] for a in articles])
    watch = Stopwatch()
    protocols = [
        _paper(settings, quals_settings, arguments, paths, work),
        _engine(settings, quals_settings, arguments, paths, work),
    ]
    curve, explained = _cost_curve(settings, quals_settings, paths, arguments, articles, work)
    write_json(
        arguments.out,
        {
            "protocols": protocols,
            "groups": curve,
            "explained": explained,
            "device": device_name(),
            "threads": torch.get_num_threads(),
            "signature": signature(seed=settings.seed, models=paths.folders()),
        },
    )
    for protocol in protocols:
        print(f"speed {protocol['name']}: QUALS {protocol['ratio']:.1f} times as fast as QAGS")
    print(f"speed: {watch.seconds():.0f} s")


def _paper(settings: Speed, quals_settings: QualsSettings, arguments, paths, work: Work) -> dict:
    """One summary at a time, with the authors' numbers of answers, questions and groups."""
    work = work.first(settings.paper_summaries)
    quals = Quals.from_pretrained(
        paths.qagen, quals_settings.model_copy(update={"groups": settings.paper_groups})
    )
    qags = load_qags(
        arguments.params,
        paths,
        answers=settings.paper_answers,
        questions_per_answer=settings.paper_questions_per_answer,
        beams=settings.paper_beams,
        max_questions=settings.paper_max_questions,
        refill_answers=True,
    )
    return _compare("paper", settings, work, quals, qags, work.one_by_one)


def _engine(settings: Speed, quals_settings: QualsSettings, arguments, paths, work: Work) -> dict:
    """Both metrics in batches, as this repository scores its tables."""
    work = work.first(settings.engine_summaries)
    quals = Quals.from_pretrained(paths.qagen, quals_settings)
    qags = load_qags(arguments.params, paths)
    return _compare("engine", settings, work, quals, qags, work.together)


def _compare(
    name: str, settings: Speed, work: Work, quals: Quals, qags: Qags, run: Callable[[Score], None]
) -> dict[str, object]:
    """Both in turn after one warm-up each, so that a drifting machine hits them alike.

    The warm-up is one summary; a run before the timed ones tells how each spends its time.
    """
    for score in (quals.score, qags.score):
        work.first(1).together(score)
    quals_parts, qags_parts = _quals_parts(quals, run), _qags_parts(qags, run)
    times: dict[str, list[float]] = {"quals": [], "qags": []}
    for _ in tqdm(range(settings.repeats), desc=f"speed {name}", delay=5):
        for metric, score in (("quals", quals.score), ("qags", qags.score)):
            watch = Stopwatch()
            run(score)
            times[metric].append(watch.seconds() / len(work.summaries))
    ratios = [b / a for a, b in zip(times["quals"], times["qags"], strict=True)]
    low, high = median_interval(ratios, level=settings.level, seed=settings.seed)
    return {
        "name": name,
        "quals_seconds": statistics.median(times["quals"]),
        "qags_seconds": statistics.median(times["qags"]),
        "ratio": statistics.median(ratios),
        "ratio_low": low,
        "ratio_high": high,
        "quals_parts": {step: spent / len(work.summaries) for step, spent in quals_parts.items()},
        "qags_parts": {step: spent / len(work.summaries) for step, spent in qags_parts.items()},
        "summaries": len(work.summaries),
        "repeats": settings.repeats,
    }


def _quals_parts(quals: Quals, run: Callable[[Score], None]) -> dict[str, float]:
    """Seconds of the two halves of QUALS."""
    watch = Stopwatch()
    with timed(quals, "generate") as generating:
        run(quals.score)
    spent = sum(generating)
    return {"generating pairs": spent, "scoring documents": watch.seconds() - spent}


def _qags_parts(qags: Qags, run: Callable[[Score], None]) -> dict[str, float]:
    """Seconds of QAGS's three models; what is left over is comparing answers."""
    watch = Stopwatch()
    with (
        timed(qags.nlp, "pipe") as extracting,
        timed(qags.generator, "generate") as generating,
        timed(qags.reader, "answer") as reading,
    ):
        run(qags.score)
    parts = {
        "extracting answers": sum(extracting),
        "generating questions": sum(generating),
        "answering questions": sum(reading),
    }
    return {**parts, "the rest": watch.seconds() - sum(parts.values())}


@contextmanager
def timed(owner: object, method: str) -> Iterator[list[float]]:
    """The seconds of every call of a method while the context lasts; generators are run out."""
    original = getattr(owner, method)
    seconds: list[float] = []

    def call(*args: object) -> object:
        watch = Stopwatch()
        result = original(*args)
        result = list(result) if isinstance(result, GeneratorType) else result
        seconds.append(watch.seconds())
        return result

    setattr(owner, method, call)
    try:
        yield seconds
    finally:
        delattr(owner, method)


def median_interval(values: list[float], *, level: float, seed: int) -> tuple[float, float]:
    """Percentile bootstrap interval of a median."""
    draws = np.random.default_rng(seed).choice(values, size=(5000, len(values)))
    tail = (1 - level) / 2
    low, high = np.quantile(np.median(draws, axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _cost_curve(
    settings: Speed, quals_settings: QualsSettings, paths, arguments, articles, work: Work
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Seconds per summary, and AUC where the truth is known, for growing numbers of groups.

    The same without questions, of the explained share.
    """
    # References stand in for summaries of both kinds: some are consistent, some are not.
    work = Work(work.documents, [a.summary for a in articles]).first(settings.curve_summaries)
    truth: list[float | None] = [None] * len(work.summaries)
    if (arguments.truth / "test.jsonl").is_file():
        oracle = Oracle(arguments.truth, "test", articles)
        truth = [
            float(oracle.judge(a.id, s).consistent)
            for a, s in zip(articles, work.summaries, strict=False)
        ]
    curve = []
    for groups in settings.groups:
        quals = Quals.from_pretrained(
            paths.qagen, quals_settings.model_copy(update={"groups": groups})
        )
        curve.append({"groups": groups, **_cost_and_use(quals, work, truth)})
    explained = ExplainedQuals.from_pretrained(paths.qagen, quals_settings)
    return curve, _cost_and_use(explained, work, truth)


def _cost_and_use(quals: Quals, work: Work, truth: list[float | None]) -> dict[str, object]:
    watch = Stopwatch()
    scores = [score.quals for score in quals.score(work.documents, work.summaries)]
    seconds = watch.seconds() / len(work.summaries)
    known = [(t, s) for t, s in zip(truth, scores, strict=True) if s is not None]
    right, wrong = ([s for t, s in known if t == side] for side in (1.0, 0.0))
    wins = mannwhitneyu(right, wrong).statistic if right and wrong else None
    return {
        "seconds_per_summary": seconds,
        "auc": None if wins is None else float(wins / (len(right) * len(wrong))),
        "undefined": len(scores) - len(known),
        "summaries": len(work.summaries),
    }


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params corpus truth summaries models out")
    run(main, parser)
