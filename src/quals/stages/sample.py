"""Stage `sample`: candidate summaries of training documents from the MLE models, all seeds."""

from quals.command import run, stage_parser
from quals.decoding.jobs import Sample, SampleJob, Writer, write_samples
from quals.decoding.summarizer import SummaryLimits
from quals.grid import Seeds, read_grid
from quals.parallel import run_jobs
from quals.params import load_section
from quals.training.loop import Stopwatch
from quals.training.mle import TrainMle


def main(arguments) -> None:
    watch = Stopwatch()
    settings = load_section(arguments.params, "sample", Sample)
    limits = load_section(arguments.params, f"summaries.{arguments.dataset}", SummaryLimits)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    jobs = [
        SampleJob(
            Writer(arguments.models / str(seed), limits, source_limit),
            corpus=arguments.corpus,
            seed=seed,
            settings=settings,
            out=arguments.out / f"{seed}.jsonl",
        )
        for seed in seeds
    ]
    for seed, distinct in zip(seeds, run_jobs(write_samples, jobs), strict=True):
        print(f"sample {arguments.dataset} {seed}: {distinct:.2f} distinct candidates a document")
    print(f"sample: {watch.seconds():.0f} s")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid corpus models out", names="dataset"))
