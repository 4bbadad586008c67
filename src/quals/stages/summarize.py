"""Stage `summarize`: beam-search summaries of the test set by a method's models, all seeds."""

from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.grid import Seeds, read_grid
from quals.jsonl import write_jsonl
from quals.models import checkpoint
from quals.params import load_section
from quals.training.loop import Stopwatch
from quals.training.mle import TrainMle


def main(arguments) -> None:
    """Documents lie in `data`/<dataset>/corpus, models in `models`/<dataset>/<method>."""
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    for dataset in arguments.datasets:
        watch = Stopwatch()
        limits = load_section(arguments.params, f"summaries.{dataset}", SummaryLimits)
        articles = read_articles(arguments.data / dataset / "corpus", "test")
        documents = [article.document for article in articles]
        for seed in seeds:
            model = checkpoint.load(arguments.models / dataset / arguments.method / str(seed))
            summaries = Summarizer(model, limits, source_limit).summarize(documents)
            write_jsonl(
                arguments.data / "summaries" / dataset / arguments.method / f"{seed}.jsonl",
                (
                    {"id": article.id, "summary": summary}
                    for article, summary in zip(articles, summaries, strict=True)
                ),
            )
        print(f"summarize {dataset}: {len(articles)} by each model, {watch.seconds():.1f} s")


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params grid data models", names="method", datasets=True)
    run(main, parser)
