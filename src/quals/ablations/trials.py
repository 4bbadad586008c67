"""How does a recipe fare? Choose, retrain, decode and judge, for one corpus and one seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from quals.ablations.lessons import Lesson, select_lessons
from quals.ablations.objectives import AGAINST_START, lesson_batches, objective
from quals.ablations.recipes import Evaluation, Recipe, Variant
from quals.ablations.selectors import load_selector
from quals.corpus import Article, read_articles
from quals.decoding.jobs import Sample
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.jsonl import DataError, read_jsonl
from quals.metrics.overlap import copy_rates
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.selectors import Selector
from quals.metrics.suite import MetricPaths
from quals.metrics.texts import Texts
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.params import load_section
from quals.testbed.oracle import Oracle
from quals.training.contrastive import Contrastive
from quals.training.loop import Optimisation, Stopwatch, seed_everything, train
from quals.training.selection import Scored, read_scores

STORED = ("quals", "rouge", "copy", "oracle")  # selectors whose scores the stage `reward` leaves
Candidates = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Job:
    """All variants on one corpus with one seed; `data` and `models` are a scale's folders."""

    dataset: str
    seed: int
    data: Path
    models: Path
    params: Path
    variants: tuple[Variant, ...]
    documents: int
    evaluation: Evaluation
    contrastive: Contrastive
    sampling: Sample
    limits: SummaryLimits
    max_source_tokens: int


@dataclass(frozen=True)
class Measured:
    """What came out of a variant.

    `scores` maps a metric to its value for each judged document, None where undefined. The shares
    say how good the choice was: positives that are true, negatives that are not; None without any.
    """

    scores: dict[str, list[float | None]]
    pairs: int
    positives_true: float | None
    negatives_false: float | None


def run_job(job: Job) -> dict[str, Measured]:
    """Every variant's measures by its setting; equal recipes are run once."""
    trials = Trials(job)
    known: dict[Recipe, Measured] = {}
    for variant in job.variants:
        if variant.recipe not in known:
            watch = Stopwatch()
            known[variant.recipe] = trials.measure(variant.recipe)
            title = f"{job.dataset} {job.seed} {variant.setting}"
            pairs = known[variant.recipe].pairs
            print(f"{title}: {pairs} pairs, {watch.seconds():.1f} s", flush=True)
    return {variant.setting: known[variant.recipe] for variant in job.variants}


class Trials:
    """What the variants of a job share: texts, scores, judges."""

    def __init__(self, job: Job):
        self.job = job
        data = job.data / job.dataset
        rows = read_jsonl(
            data / "candidates" / f"{job.seed}.jsonl", {"id": str, "candidates": list}
        )
        if len(rows) < job.documents:
            raise DataError(f"{data}/candidates: {job.documents} documents, not {len(rows)}")
        self.candidates = {row["id"]: tuple(row["candidates"]) for row in rows[: job.documents]}
        articles = read_articles(data / "corpus", "train")
        self.articles = {a.id: a for a in articles if a.id in self.candidates}
        self.judged = read_articles(data / "corpus", job.evaluation.split, job.evaluation.documents)
        self.train_oracle = Oracle(data / "truth", "train", list(self.articles.values()))
        self.oracle = Oracle(data / "truth", job.evaluation.split, self.judged)
        stemming = load_section(job.params, "rouge", RougeSettings).use_stemmer
        self.rouge = Rouge(use_stemmer=stemming)
        self.selectors: dict[str, Selector] = {}
        self.scored: dict[str, list[Scored]] = {}

    def measure(self, recipe: Recipe) -> Measured:
        """Retrain a fresh copy of the MLE summarizer and judge what it writes."""
        folder = self.job.models / self.job.dataset / "mle" / str(self.job.seed)
        start = checkpoint.load(folder)
        lessons: list[Lesson] = []
        for turn in range(recipe.rounds):
            chosen = select_lessons(self._scores(recipe, start, turn), recipe)
            self.teach(start, chosen, recipe)
            lessons += chosen
        return self._measured(self._summaries(start), lessons)

    def teach(self, start: Checkpoint, lessons: list[Lesson], recipe: Recipe) -> None:
        """Train in place; without lessons the summarizer stays as it is."""
        job = self.job
        if not lessons:
            return
        seed_everything(job.seed)
        train(
            start.model,
            lesson_batches(
                lessons,
                self.articles,
                start,
                job.max_source_tokens,
                job.contrastive.batch_size,
                random.Random(job.seed),
                against_start=recipe.loss in AGAINST_START,
            ),
            objective(recipe),
            steps=max(1, round(recipe.steps * job.contrastive.steps[job.dataset])),
            optimisation=Optimisation(
                lr=recipe.lr, other_lr=recipe.lr, **job.contrastive.schedule.model_dump()
            ),
            title=f"{job.dataset} {job.seed}",
        )

    def _scores(self, recipe: Recipe, model: Checkpoint, turn: int) -> list[Scored]:
        """Candidates and references with scores: of the MLE model, later of the one so far."""
        if turn:
            return self._score(recipe.selector, self._sample(model, recipe.samples, turn))
        if recipe.selector not in self.scored:
            stored = recipe.selector in STORED
            self.scored[recipe.selector] = (
                self._read(recipe.selector)
                if stored
                else self._score(recipe.selector, self.candidates)
            )
        return self.scored[recipe.selector]

    def _read(self, selector: str) -> list[Scored]:
        """The scores that the stage `reward` left."""
        folder = self.job.data / self.job.dataset / "rewards" / selector
        rows = read_scores(folder / f"{self.job.seed}.jsonl")
        return [row for row in rows if row.id in self.candidates]

    def _score(self, selector: str, candidates: Candidates) -> list[Scored]:
        """Scores of candidates that nobody has scored yet."""
        if selector not in self.selectors:
            self.selectors[selector] = load_selector(
                selector,
                params=self.job.params,
                paths=MetricPaths.in_folder(self.job.models / "metrics"),
                oracle=self.train_oracle,
                seed=self.job.seed,
            )
        articles = [self.articles[id_] for id_ in candidates]
        return score_candidates(self.selectors[selector], articles, candidates)

    def _sample(self, model: Checkpoint, samples: int, turn: int) -> Candidates:
        ids = list(self.candidates)
        drawn = self._summarizer(model).sample(
            [self.articles[id_].document for id_ in ids],
            samples=samples,
            top_k=self.job.sampling.top_k,
            generator=torch.Generator().manual_seed(1000 * turn + self.job.seed),
        )
        return {id_: tuple(texts) for id_, texts in zip(ids, drawn, strict=True)}

    def _summaries(self, model: Checkpoint) -> list[str]:
        return self._summarizer(model).summarize([a.document for a in self.judged])

    def _summarizer(self, model: Checkpoint) -> Summarizer:
        return Summarizer(model, self.job.limits, self.job.max_source_tokens)

    def _measured(self, summaries: list[str], lessons: list[Lesson]) -> Measured:
        verdicts = [
            self.oracle.judge(article.id, text)
            for article, text in zip(self.judged, summaries, strict=True)
        ]
        copied = copy_rates([a.document for a in self.judged], summaries)
        rouge = self.rouge.score([a.summary for a in self.judged], summaries)
        judge = self.train_oracle.judge
        taught = [judge(one.id, one.positive).consistent for one in lessons if one.teach]
        punished = [not judge(one.id, one.negative).consistent for one in lessons if one.punish]
        return Measured(
            scores={
                "truth": [float(verdict.consistent) for verdict in verdicts],
                "unparsed": [float("unparsed" in verdict.errors) for verdict in verdicts],
                "rougeL": [row["rougeL"] for row in rouge],
                "copy2": [row["copy2"] for row in copied],
                "length": [row["length"] for row in copied],
            },
            pairs=len(lessons),
            positives_true=_share(taught),
            negatives_false=_share(punished),
        )


def score_candidates(
    selector: Selector, articles: list[Article], candidates: Candidates
) -> list[Scored]:
    """Each article's candidates and reference with the selector's scores, in order of id."""
    ordered = sorted(articles, key=lambda article: article.id)
    rows = [(a, text) for a in ordered for text in (*candidates[a.id], a.summary)]
    scores = iter(
        selector(
            Texts(
                ids=[a.id for a, _ in rows],
                documents=[a.document for a, _ in rows],
                references=[a.summary for a, _ in rows],
                summaries=[text for _, text in rows],
            )
        )
    )
    return [
        Scored(
            a.id,
            candidates[a.id],
            tuple(next(scores) for _ in candidates[a.id]),
            a.summary,
            next(scores),
        )
        for a in ordered
    ]


def _share(hits: list[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
