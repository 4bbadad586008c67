"""Stage `sample`: candidate summaries of training documents from the MLE models, all seeds."""

from quals.command import run, stage_parser
from quals.decoding.jobs import Sample, SampleJob, write_samples
from quals.decoding.writers import tasks
from quals.grid import Seeds, read_grid
from quals.parallel import run_jobs
from quals.params import load_section
from quals.training.loop import Stopwatch
from quals.unfinished import unfinished


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>, its models in `models`/<dataset>/mle."""
    watch = Stopwatch()
    settings = load_section(arguments.params, "sample", Sample)
    with unfinished(arguments.params, "sample") as folder:
        jobs = {
            f"{task.dataset} {task.seed}": SampleJob(
                task.writer,
                corpus=arguments.data / task.dataset / "corpus",
                seed=task.seed,
                settings=settings,
                kept=task.kept,
                out=arguments.data / task.dataset / "candidates" / f"{task.seed}.jsonl",
            )
            for task in tasks(
                "sample",
                arguments.params,
                settings,
                datasets=arguments.datasets,
                seeds=read_grid(arguments.grid, Seeds).seeds,
                models=arguments.models,
                method="mle",
                folder=folder,
            )
        }
        found = run_jobs(write_samples, list(jobs.values()))
    for title, counts in zip(jobs, found, strict=True):
        distinct = counts["distinct"] / counts["documents"]
        print(f"sample {title}: {distinct:.2f} distinct candidates a document")
    print(f"sample: {watch.seconds():.0f} s")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params grid data models", datasets=True))
