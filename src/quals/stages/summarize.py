"""Stage `summarize`: beam-search summaries of the test set by a method's models, all seeds."""

from quals.command import run, stage_parser
from quals.decoding.jobs import SummaryJob, Writer, write_summaries
from quals.decoding.summarizer import SummaryLimits
from quals.grid import Seeds, read_grid
from quals.parallel import run_jobs
from quals.params import load_section
from quals.training.loop import Stopwatch
from quals.training.mle import TrainMle


def main(arguments) -> None:
    """Documents lie in `data`/<dataset>/corpus, models in `models`/<dataset>/<method>."""
    watch = Stopwatch()
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    jobs = []
    for dataset in arguments.datasets:
        limits = load_section(arguments.params, f"summaries.{dataset}", SummaryLimits)
        models = arguments.models / dataset / arguments.method
        out = arguments.data / "summaries" / dataset / arguments.method
        jobs += [
            SummaryJob(
                Writer(models / str(seed), limits, source_limit),
                corpus=arguments.data / dataset / "corpus",
                out=out / f"{seed}.jsonl",
            )
            for seed in seeds
        ]
    run_jobs(write_summaries, jobs)
    print(f"summarize {arguments.method}: by {len(jobs)} models, {watch.seconds():.1f} s")


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params grid data models", names="method", datasets=True)
    run(main, parser)
