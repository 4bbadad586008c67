"""Stage `judge_quals`: QUALS, its variants and what needs no questions, on judged summaries.

The variants share one search and one reading of each document with QUALS itself.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from quals.ablations.variants import score_variants
from quals.command import run, stage_parser
from quals.corpora.judgments import Judgments, read_judgments
from quals.jsonl import write_jsonl
from quals.metrics.likelihood import Likelihood
from quals.metrics.overlap import copy_rates
from quals.metrics.pairs import Likelihood as Tokens
from quals.metrics.parts import in_parts
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import TYPES, Rouge, RougeSettings
from quals.metrics.windows import closest_sentences
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.checkpoint import Checkpoint
from quals.models.released import find
from quals.params import Count, Section, load_section
from quals.training.loop import Stopwatch


class Change(Section):
    """What a variant of QUALS changes; `closest_words` bounds the sentences that it reads.

    Without it all of a document is read, up to `max_source_tokens`.
    """

    groups: Count | None = None
    max_pairs: Count | None = None
    likelihood: Tokens | None = None
    closest_words: Count | None = None

    def applied(self, settings: QualsSettings) -> QualsSettings:
        changes = self.model_dump(exclude={"closest_words"}, exclude_none=True)
        return settings.model_copy(update=changes)


class Variants(Section):
    """The scale's `quals_variants` section: changes by the name of their column."""

    changes: dict[str, Change]


@dataclass(frozen=True)
class Judge:
    """All that needs a language model; `plain` is the one that never saw a question."""

    qagen: Path
    plain: Path
    settings: QualsSettings
    changes: dict[str, Change]
    longest: int

    def __call__(self, texts: list[tuple[str, str]]) -> list[dict[str, float | None]]:
        """The scores of (document, summary) pairs, in order."""
        documents, summaries = [d for d, _ in texts], [s for _, s in texts]
        columns = self._quals(documents, summaries)
        plain = checkpoint.load(self.plain)
        budget = self.settings.row_budget
        columns["likelihood"] = Likelihood(plain, longest=self.longest, row_budget=budget).score(
            documents, summaries
        )
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _quals(self, documents: list[str], summaries: list[str]) -> dict[str, list[float | None]]:
        quals = Quals.from_pretrained(self.qagen, self.settings)
        instead = {
            place: [
                closest_sentences(d, s, change.closest_words)
                for d, s in zip(documents, summaries, strict=True)
            ]
            for place, change in enumerate(self.changes.values(), start=1)
            if change.closest_words is not None
        }
        scores = score_variants(
            Checkpoint(quals.model, quals.tokenizer),
            quals.separator,
            [self.settings, *(change.applied(self.settings) for change in self.changes.values())],
            documents,
            summaries,
            instead=instead,
        )
        return dict(zip(["quals", *self.changes], scores, strict=True))


def main(arguments) -> None:
    """Each row holds `scores` of the metrics and `variants` of QUALS."""
    watch = Stopwatch()
    params: Path = arguments.params
    settings = load_section(params, "judgments", Judgments)
    judged = read_judgments(arguments.benchmark, settings, os.environ)
    variants = load_section(params, "quals_variants", Variants).changes
    judge = Judge(
        qagen=arguments.qagen,
        plain=find(load_section(params, "train_qagen.base", Places), params),
        settings=load_section(params, "quals", QualsSettings),
        changes=variants,
        longest=settings.max_likelihood_tokens,
    )
    documents, summaries = [j.document for j in judged], [j.summary for j in judged]
    found = in_parts(judge, list(zip(documents, summaries, strict=True)), cost=lambda t: len(t[0]))
    rouge = Rouge(use_stemmer=load_section(params, "rouge", RougeSettings).use_stemmer)
    columns = zip(
        judged,
        found,
        rouge.score(documents, summaries),  # against the document: there is no reference
        copy_rates(documents, summaries),
        strict=True,
    )
    write_jsonl(
        arguments.out,
        (
            {
                "id": item.id,
                "scores": {
                    "quals": row["quals"],
                    **{name: overlap[name] for name in TYPES},
                    **{name: value for name, value in copied.items() if name != "novel2"},
                    "likelihood": row["likelihood"],
                },
                "variants": {name: row[name] for name in variants},
            }
            for item, row, overlap, copied in columns
        ),
    )
    print(f"judge_quals {arguments.benchmark}: {len(judged)} summaries, {watch.seconds():.0f} s")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params qagen out", names="benchmark"))
