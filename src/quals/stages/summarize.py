"""Stage `summarize`: beam-search summaries of the test set by a method's models, all seeds."""

from quals.command import run, stage_parser
from quals.decoding.jobs import Summarize, SummaryJob, Writer, write_summaries
from quals.decoding.summarizer import SummaryLimits
from quals.grid import Seeds, read_grid
from quals.parallel import run_jobs
from quals.params import load_section
from quals.piecewise import Kept, identity_of
from quals.signature import content_hash
from quals.training.loop import Stopwatch
from quals.training.mle import TrainMle
from quals.unfinished import unfinished


def main(arguments) -> None:
    """Documents lie in `data`/<dataset>/corpus, models in `models`/<dataset>/<method>."""
    watch = Stopwatch()
    settings = load_section(arguments.params, "summarize", Summarize)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    jobs = []
    with unfinished(arguments.params, f"summarize/{arguments.method}") as folder:
        for dataset in arguments.datasets:
            limits = load_section(arguments.params, f"summaries.{dataset}", SummaryLimits)
            models = arguments.models / dataset / arguments.method
            out = arguments.data / "summaries" / dataset / arguments.method
            for seed in seeds:
                writer = Writer(models / str(seed), limits, source_limit)
                depends = identity_of(
                    "summarize",
                    settings=[settings.model_dump(), limits.model_dump(), source_limit],
                    model=content_hash(writer.folder),
                )
                jobs.append(
                    SummaryJob(
                        writer,
                        corpus=arguments.data / dataset / "corpus",
                        settings=settings,
                        kept=Kept(folder / dataset / str(seed), depends),
                        out=out / f"{seed}.jsonl",
                    )
                )
        run_jobs(write_summaries, jobs)
    print(f"summarize {arguments.method}: by {len(jobs)} models, {watch.seconds():.1f} s")


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params grid data models", names="method", datasets=True)
    run(main, parser)
