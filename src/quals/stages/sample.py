"""Stage `sample`: candidate summaries of training documents from the MLE models, all seeds."""

from quals.command import run, stage_parser
from quals.decoding.jobs import Sample, SampleJob, Writer, write_samples
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
    """Data of a corpus lie in `data`/<dataset>, its models in `models`/<dataset>/mle."""
    watch = Stopwatch()
    settings = load_section(arguments.params, "sample", Sample)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    jobs: dict[str, SampleJob] = {}
    with unfinished(arguments.params, "sample") as folder:
        for dataset in arguments.datasets:
            limits = load_section(arguments.params, f"summaries.{dataset}", SummaryLimits)
            data, models = arguments.data / dataset, arguments.models / dataset / "mle"
            for seed in seeds:
                writer = Writer(models / str(seed), limits, source_limit)
                depends = identity_of(
                    "sample",
                    seed=seed,
                    settings=[settings.model_dump(), limits.model_dump(), source_limit],
                    model=content_hash(writer.folder),
                )
                jobs[f"{dataset} {seed}"] = SampleJob(
                    writer,
                    corpus=data / "corpus",
                    seed=seed,
                    settings=settings,
                    kept=Kept(folder / dataset / str(seed), depends),
                    out=data / "candidates" / f"{seed}.jsonl",
                )
        found = run_jobs(write_samples, list(jobs.values()))
    for title, counts in zip(jobs, found, strict=True):
        distinct = counts["distinct"] / counts["documents"]
        print(f"sample {title}: {distinct:.2f} distinct candidates a document")
    print(f"sample: {watch.seconds():.0f} s")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid data models", datasets=True))
