"""Stage `examples`: what S+ and S- look like, and how QUALS tells them apart, token by token.

Real articles and references may not be shown: at their scales summaries that a model wrote, too.
"""

from pathlib import Path

from quals.analysis.quoting import cut_copies
from quals.command import run, stage_parser
from quals.corpora.settings import names_sources
from quals.corpus import Article, read_articles
from quals.explain.evidence import Card, explain
from quals.explain.wording import drop, meaning, verdict
from quals.grid import Seeds, read_grid
from quals.jsonl import Row, read_jsonl, write_json
from quals.metrics.quals import Quals, QualsSettings
from quals.params import Count, Natural, Section, load_section
from quals.records import TokenPair
from quals.training.contrastive import Contrastive, Method
from quals.training.selection import read_scores, select_pairs

METHOD = "conseq"
LISTED = 3  # pairs of a summary


class Examples(Section):
    """The scale's `examples` section; `summaries` is 0 where the pairs may be shown."""

    pairs: Count
    summaries: Natural


def main(arguments) -> None:
    """The first pairs in order of id, of the first seed: nobody chose them for their looks.

    `generated` says whether the texts are invented, and may be shown to anybody.
    """
    asked = load_section(arguments.params, "examples", Examples)
    most = asked.pairs
    shared = load_section(arguments.params, "contrastive", Contrastive)
    method = load_section(arguments.params, f"methods.{METHOD}", Method)
    settings = load_section(arguments.params, "quals", QualsSettings)
    quals = Quals.from_pretrained(arguments.qagen, settings)
    seed = read_grid(arguments.grid, Seeds).seeds[0]
    found = []
    for dataset in arguments.datasets:
        data = arguments.data / dataset
        documents = {a.id: a.document for a in read_articles(data / "corpus", "train")}
        rewards = read_scores(data / "rewards" / method.selector / f"{seed}.jsonl")
        pairs = select_pairs(
            rewards,
            negative_share=shared.negative_share,
            positive_share=method.positive_share,
            most=shared.pairs,
        )
        of_document = {scored.id: scored for scored in rewards}
        for pair in pairs[:most]:
            scored = of_document[pair.id]
            document = documents[pair.id]
            found.append(
                {
                    "dataset": dataset,
                    "id": pair.id,
                    "document": document,
                    "positive": pair.positive,
                    "negative": pair.negative,
                    "positive_score": scored.reference_score,
                    "negative_score": scored.scores[scored.worst],
                    "positive_tokens": _lowest(quals.token_pairs(document, pair.positive)),
                    "negative_tokens": _lowest(quals.token_pairs(document, pair.negative)),
                }
            )
        print(f"examples {dataset}: {min(most, len(pairs))} of {len(pairs)} pairs")
    generated = not names_sources(arguments.params, "corpus")
    content = {"generated": generated, "selector": method.selector, "pairs": found}
    if asked.summaries:
        content["summaries"] = [
            {"dataset": dataset, "method": METHOD, **row}
            for dataset in arguments.datasets
            for row in _written(
                quals,
                read_articles(arguments.data / dataset / "corpus", "test")[: asked.summaries],
                arguments.data / "summaries" / dataset / METHOD / f"{seed}.jsonl",
            )
        ]
    write_json(arguments.out, content)


def _written(quals: Quals, articles: list[Article], summaries: Path) -> list[Row]:
    """Summaries of the first documents and why they score as they do, without the documents.

    Of document and reference no more than a few words in a row are left (`cut_copies`).
    """
    texts = {row["id"]: row["summary"] for row in read_jsonl(summaries, {"id": str})}
    found = []
    for article in articles:
        sources = [article.document, article.summary]
        pairs = quals.token_pairs(article.document, texts[article.id])
        # Sentences of the document have no place here, so that none is looked for.
        explained = explain(
            "",
            texts[article.id],
            pairs,
            alone={},
            likelihood=quals.settings.likelihood,
            reason=None if pairs else "no question-answer pair survives",
        )
        found.append(
            {
                "id": article.id,
                "summary": cut_copies(texts[article.id], sources),
                "quals": explained.quals,
                "meaning": meaning(explained),
                "pairs": [_shown(card, sources) for card in explained.cards[:LISTED]],
            }
        )
    return found


def _shown(card: Card, sources: list[str]) -> Row:
    return {
        "question": cut_copies(card.pair.question, sources),
        "answer": cut_copies(card.pair.answer, sources),
        "score": card.score,
        "verdict": verdict(card),
        "drop": drop(card),
    }


def _lowest(pairs: list[TokenPair]) -> Row | None:
    """The question and answer that lose most under the document; None where nothing is asked."""
    if not pairs:
        return None
    worst = min(pairs, key=lambda p: (_lead(p), p.question, p.answer))
    return {
        "question": worst.question,
        "answer": worst.answer,
        "answer_at": worst.answer_at,
        "tokens": list(worst.tokens),
        "summary_logprobs": list(worst.summary_logprobs),
        "document_logprobs": list(worst.document_logprobs),
    }


def _lead(pair: TokenPair) -> float:
    """Mean log p under the document minus that under the summary."""
    changes = zip(pair.document_logprobs, pair.summary_logprobs, strict=True)
    return sum(document - summary for document, summary in changes) / len(pair.tokens)


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid data qagen out", datasets=True))
