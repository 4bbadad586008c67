"""Stage `summarize`: beam-search summaries of the test set by a method's models, all seeds."""

from quals.command import run, stage_parser
from quals.decoding.jobs import Summarize, SummaryJob, write_summaries
from quals.decoding.writers import tasks
from quals.grid import Seeds, read_grid
from quals.left_out import leave_empty, reason_to_leave
from quals.parallel import run_jobs
from quals.params import load_section
from quals.training.loop import Stopwatch
from quals.unfinished import unfinished


def main(arguments) -> None:
    """Documents lie in `data`/<dataset>/corpus, models in `models`/<dataset>/<method>."""
    summaries = arguments.data / "summaries"
    if reason := reason_to_leave(arguments.params, "methods", arguments.method):
        leave_empty([summaries / name / arguments.method for name in arguments.datasets], reason)
        return
    watch = Stopwatch()
    settings = load_section(arguments.params, "summarize", Summarize)
    with unfinished(arguments.params, f"summarize/{arguments.method}") as folder:
        jobs = [
            SummaryJob(
                task.writer,
                corpus=arguments.data / task.dataset / "corpus",
                settings=settings,
                kept=task.kept,
                out=summaries / task.dataset / arguments.method / f"{task.seed}.jsonl",
            )
            for task in tasks(
                "summarize",
                arguments.params,
                settings,
                datasets=arguments.datasets,
                seeds=read_grid(arguments.grid, Seeds).seeds,
                models=arguments.models,
                method=arguments.method,
                folder=folder,
            )
        ]
        run_jobs(write_summaries, jobs)
    print(f"summarize {arguments.method}: by {len(jobs)} models, {watch.seconds():.1f} s")


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params grid data models", names="method", datasets=True)
    run(main, parser)
