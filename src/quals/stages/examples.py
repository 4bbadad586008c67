"""Stage `examples`: what S+ and S- look like, and how QUALS tells them apart, token by token."""

from quals.command import run, stage_parser
from quals.corpora.settings import names_sources
from quals.corpus import read_articles
from quals.grid import Seeds, read_grid
from quals.jsonl import Row, write_json
from quals.metrics.quals import Quals, QualsSettings
from quals.params import Count, Section, load_section
from quals.records import TokenPair
from quals.training.contrastive import Contrastive, Method
from quals.training.selection import read_scores, select_pairs

METHOD = "conseq"


class Examples(Section):
    """The scale's `examples` section."""

    pairs: Count


def main(arguments) -> None:
    """The first pairs in order of id, of the first seed: nobody chose them for their looks.

    `generated` says whether the texts are invented, and may be shown to anybody.
    """
    most = load_section(arguments.params, "examples", Examples).pairs
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
    write_json(arguments.out, {"generated": generated, "selector": method.selector, "pairs": found})


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
