"""Stage `judge_quals`: QUALS, its variants and what needs no questions, on judged summaries.

The variants share one search and one reading of each document with QUALS itself.
"""

from dataclasses import dataclass
from pathlib import Path

from quals.ablations.variants import ask_variants, score_asked
from quals.command import run, stage_parser
from quals.corpora.judgments import Judged, Judgments
from quals.jsonl import Row
from quals.metrics.judging import copied_shares, judge_in_chunks
from quals.metrics.likelihood import Likelihood
from quals.metrics.pairs import Candidate, mean
from quals.metrics.pairs import Likelihood as Tokens
from quals.metrics.parts import in_parts
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import TYPES, Rouge, RougeSettings
from quals.metrics.windows import closest_sentences
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.checkpoint import Checkpoint
from quals.models.released import find
from quals.models.source import model_folder
from quals.params import Count, Section, load_section
from quals.signature import content_hash
from quals.training.loop import Stopwatch

EXPLAINED = "quals_explained"  # no change of a setting, but what `ExplainedQuals` finds


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

    def __call__(self, texts: list[tuple[str, str]]) -> list[Row]:
        """Of (document, summary) pairs, in order: a score in each column, and `pairs`."""
        documents, summaries = [d for d, _ in texts], [s for _, s in texts]
        columns = self._quals(documents, summaries)
        plain = Likelihood(
            checkpoint.load(self.plain), longest=self.longest, row_budget=self.settings.row_budget
        )
        tokens = plain.tokens(documents, summaries)
        columns["likelihood"] = [None if row is None else mean(row) for row in tokens]
        columns["likelihood_explained"] = plain.share(tokens, summaries)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _quals(self, documents: list[str], summaries: list[str]) -> dict[str, list]:
        quals = Quals.from_pretrained(self.qagen, self.settings)
        instead = {
            place: [
                closest_sentences(d, s, change.closest_words)
                for d, s in zip(documents, summaries, strict=True)
            ]
            for place, change in enumerate(self.changes.values(), start=1)
            if change.closest_words is not None
        }
        tried = [
            self.settings,
            *(change.applied(self.settings) for change in self.changes.values()),
        ]
        asked = ask_variants(
            Checkpoint(quals.model, quals.tokenizer),
            quals.separator,
            tried,
            documents,
            summaries,
            instead=instead,
        )
        scores = score_asked(tried, asked.pairs)
        whole = [place for place in range(len(tried)) if place not in instead]
        most = max(whole, key=lambda place: (tried[place].groups, tried[place].max_pairs, -place))
        shown = [[_shown(*pair) for pair in pairs] for pairs in asked.pairs[most]]
        columns = dict(zip(["quals", *self.changes], scores, strict=True))
        return {**columns, EXPLAINED: asked.explained, "pairs": shown}


def _shown(pair: Candidate, under: tuple[float, ...]) -> Row:
    """A pair with log p of its tokens under both texts: other averages of them cost no model."""
    return {
        "question": pair.question,
        "answer": pair.answer,
        "answer_at": pair.answer_at,
        "summary": list(pair.logprobs),
        "document": list(under),
    }


def main(arguments) -> None:
    """Each row holds `scores` of the metrics, `variants` of QUALS, and the `pairs` behind them."""
    watch = Stopwatch()
    params: Path = arguments.params
    settings = load_section(params, "judgments", Judgments)
    variants = load_section(params, "quals_variants", Variants).changes
    judge = Judge(
        qagen=model_folder(str(arguments.qagen)),
        plain=find(load_section(params, "train_qagen.base", Places), params),
        settings=load_section(params, "quals", QualsSettings),
        changes=variants,
        longest=settings.max_likelihood_tokens,
    )
    rouge = load_section(params, "rouge", RougeSettings)
    count = judge_in_chunks(
        arguments,
        "judge_quals",
        lambda items: _rows(judge, Rouge(use_stemmer=rouge.use_stemmer), items),
        models=[content_hash(folder) for folder in (judge.qagen, judge.plain)],
        settings=[section.model_dump() for section in (judge.settings, rouge)],
        changes={name: change.model_dump() for name, change in variants.items()},
        longest=judge.longest,
    )
    print(f"judge_quals {arguments.benchmark}: {count} summaries, {watch.seconds():.0f} s")


def _rows(judge: Judge, rouge: Rouge, items: list[Judged]) -> list[Row]:
    documents, summaries = [j.document for j in items], [j.summary for j in items]
    texts = list(zip(documents, summaries, strict=True))
    columns = zip(
        items,
        in_parts(judge, texts, cost=lambda text: len(text[0])),
        rouge.score(documents, summaries),  # against the document: there is no reference
        copied_shares(documents, summaries),
        strict=True,
    )
    return [
        {
            "id": item.id,
            "scores": {
                "quals": row["quals"],
                **{name: overlap[name] for name in TYPES},
                **copied,
                **{name: row[name] for name in ("likelihood", "likelihood_explained")},
            },
            "variants": {name: row[name] for name in (*judge.changes, EXPLAINED)},
            "pairs": row["pairs"],
        }
        for item, row, overlap, copied in columns
    ]


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params qagen out", names="benchmark"))
