"""How would QUALS score with other settings? Many variants from one search and one scoring pass.

A group pays for what earlier groups chose and for nothing else, so that the first groups of a wide
search are those of a narrow one. All variants then differ only in which pairs they keep and which
tokens they average.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated

from pydantic import Field

from quals.decoding.diverse import diverse_decode
from quals.decoding.likelihoods import unread
from quals.decoding.reading import read_in_batches
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Hypothesis, Limits
from quals.metrics.explained import explained_share
from quals.metrics.pairs import Candidate, Likelihood, PairFilter, mean
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.texts import Texts
from quals.models.checkpoint import Checkpoint
from quals.models.interface import Memory
from quals.params import Count, Natural, Section

SEARCH = ("diversity_strength", "shortest", "longest", "max_source_tokens", "row_budget")
Rows = dict[str, dict[tuple[int, ...], None]]  # what each document is asked, by its ids
Under = dict[tuple[int, ...], tuple[float, ...]]  # log p of a target's tokens by its ids
Asked = tuple[Candidate, tuple[float, ...]]  # a pair, and log p of its tokens under the document


@dataclass(frozen=True)
class Answers:
    """What the documents think of the pairs of every variant and summary, and of each summary.

    `explained` are the shares that `ExplainedQuals` would find.
    """

    pairs: list[list[list[Asked]]]
    explained: list[float | None]


class MetricAblations(Section):
    """Numbers of decoding groups and of pairs to try, groups of the official search, bootstrap.

    The first `documents` test documents of a corpus judge. `swaps_seed` draws the summaries that
    are given an error.
    """

    documents: Count
    groups: list[Count]
    pairs: list[Count]
    official_groups: Count
    swaps_seed: Natural
    resamples: Count
    seed: Natural
    level: Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class MetricVariant:
    """A setting of QUALS under the ablation that it belongs to; None asks no pairs at all."""

    ablation: str
    setting: str
    settings: QualsSettings | None


def metric_variants(base: QualsSettings, tried: MetricAblations) -> list[MetricVariant]:
    """Every ablation of the metric; each holds the base itself among its settings."""
    official = {"penalised_summary_score": True, "substring_answers": True}
    wide = {**official, "groups": tried.official_groups}
    changes: dict[str, dict[str, dict[str, object]]] = {
        "groups": {str(n): {"groups": n} for n in sorted({*tried.groups, base.groups})},
        "pairs": {str(n): {"max_pairs": n} for n in sorted({*tried.pairs, base.max_pairs})},
        "likelihood": {name: {"likelihood": name} for name in ("pair", "question", "answer")},
        "summary score": {
            "re-scored": {"penalised_summary_score": False},
            "penalised": {"penalised_summary_score": True},
        },
        "answers": {
            "whole words": {"substring_answers": False},
            "substring": {"substring_answers": True},
        },
        "official code": {
            "ours": {},
            f"both oddities, {base.groups} groups": official,
            f"both oddities, {tried.official_groups} groups": wide,
        },
    }
    found = [
        MetricVariant(ablation, setting, base.model_copy(update=change))
        for ablation, settings in changes.items()
        for setting, change in settings.items()
    ]
    formulas = {"pairs": base, "explained share": None}
    return found + [MetricVariant("formula", name, which) for name, which in formulas.items()]


def score_by_folder(
    folder: Path, variants: list[QualsSettings], texts: Texts
) -> list[tuple[float | None, ...]]:
    """Of each text its scores under every variant by the QAGen model in a folder.

    The explained share comes last.
    """
    quals = Quals.from_pretrained(folder, variants[0])
    qagen = Checkpoint(quals.model, quals.tokenizer)
    found = ask_variants(qagen, quals.separator, variants, texts.documents, texts.summaries)
    return list(zip(*score_asked(variants, found.pairs), found.explained, strict=True))


def ask_variants(
    qagen: Checkpoint,
    separator: int,
    variants: list[QualsSettings],
    documents: list[str],
    summaries: list[str],
    *,
    instead: Mapping[int, list[str]] | None = None,
) -> Answers:
    """For every variant and summary its pairs, with what the document thinks of them.

    A document is read once for all of them and for the summaries themselves. Variants must share
    what the search depends on besides the number of groups; else `ValueError`.
    `instead` holds, by the place of a variant, the texts that it reads in the documents' stead.
    """
    read = [(instead or {}).get(place, documents) for place in range(len(variants))]
    first = variants[0]
    apart = [s for s in SEARCH for v in variants if getattr(v, s) != getattr(first, s)]
    if apart:
        raise ValueError(f"variants differ in {apart[0]}: one search cannot serve them all")
    widest = first.model_copy(update={"groups": max(v.groups for v in variants)})
    filters = [
        PairFilter(
            qagen.tokenizer,
            separator,
            penalised=variant.penalised_summary_score,
            substring=variant.substring_answers,
        )
        for variant in variants
    ]
    kept: list[dict[str, list[Candidate]]] = [{} for _ in variants]
    for summary, found in _search(qagen, widest, sorted(set(summaries))):
        for variant, pairs, mine in zip(variants, filters, kept, strict=True):
            mine[summary] = pairs.select(summary, found[: variant.groups], variant.max_pairs)
    asked: Rows = {}
    for texts, mine in zip(read, kept, strict=True):
        for document, summary in zip(texts, summaries, strict=True):
            ids = (candidate.ids for candidate in mine[summary])
            asked.setdefault(document, {}).update(dict.fromkeys(ids))
    whole = [tuple(ids) for ids in qagen.tokenizer.encode(summaries, first.max_source_tokens)]
    told: Rows = {}
    for document, ids in zip(documents, whole, strict=True):
        told.setdefault(document, {}).update({ids: None} if ids else {})
    under = dict(_under_documents(qagen, widest, asked, told))
    rows = sorted({ids for ids in whole if ids})
    alone = unread(qagen.model, [list(ids) for ids in rows], budget=first.row_budget)
    without = dict(zip(rows, alone, strict=True))
    return Answers(
        pairs=[
            [
                [(candidate, under[document][candidate.ids]) for candidate in mine[summary]]
                for document, summary in zip(texts, summaries, strict=True)
            ]
            for texts, mine in zip(read, kept, strict=True)
        ],
        explained=[
            explained_share(under[document][ids], without[ids]) if ids else None
            for document, ids in zip(documents, whole, strict=True)
        ],
    )


def score_asked(
    variants: list[QualsSettings], asked: list[list[list[Asked]]]
) -> list[list[float | None]]:
    """The scores of every variant from what `ask_variants` found."""
    return [
        [_score(pairs, variant.likelihood) for pairs in column]
        for variant, column in zip(variants, asked, strict=True)
    ]


def _score(pairs: list[Asked], tokens: Likelihood) -> float | None:
    """Mean over pairs of the document's minus the summary's mean log p of `tokens`."""
    if not pairs:
        return None
    return mean([c.mean(under, tokens) - c.mean(c.logprobs, tokens) for c, under in pairs])


def _search(
    qagen: Checkpoint, settings: QualsSettings, summaries: list[str]
) -> Iterator[tuple[str, list[Hypothesis]]]:
    limits = Limits(settings.shortest, settings.longest)
    shapes = [(settings.groups, 1)] * len(summaries)  # a token of every group at a time
    for chosen, memory in _read(qagen, settings, summaries, shapes, "questions"):
        found = diverse_decode(
            qagen.model,
            memory,
            groups=settings.groups,
            strength=settings.diversity_strength,
            limits=limits,
        )
        yield from zip(chosen, found, strict=True)


def _under_documents(
    qagen: Checkpoint, settings: QualsSettings, asked: Rows, told: Rows
) -> Iterator[tuple[str, Under]]:
    """Log p of the pairs of all summaries and variants of a document, and of those summaries.

    It is encoded once. Pairs and summaries are scored apart: they differ in length.
    """
    parts = (asked, told)
    documents = [d for d in asked if any(rows.get(d) for rows in parts)]
    shapes = [max((_shape(rows.get(d, {})) for rows in parts), key=prod) for d in documents]
    for chosen, memory in _read(qagen, settings, documents, shapes, "documents"):
        under: list[Under] = [{} for _ in chosen]
        for rows in parts:
            targets = [[list(ids) for ids in rows.get(document, {})] for document in chosen]
            for place, found in enumerate(score_targets(qagen.model, memory, targets)):
                ids = map(tuple, targets[place])
                under[place].update(zip(ids, map(tuple, found), strict=True))
        yield from zip(chosen, under, strict=True)


def _shape(rows: dict[tuple[int, ...], None]) -> tuple[int, int]:
    return len(rows), max(map(len, rows), default=0)


def _read(
    qagen: Checkpoint,
    settings: QualsSettings,
    texts: list[str],
    shapes: list[tuple[int, int]],
    title: str,
) -> Iterator[tuple[list[str], Memory]]:
    sources = qagen.tokenizer.encode(texts, settings.max_source_tokens)
    batches = read_in_batches(
        qagen.model, sources, title=title, targets=shapes, budget=settings.row_budget
    )
    for chosen, memory in batches:
        yield [texts[i] for i in chosen], memory
