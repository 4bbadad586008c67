"""Stage `train_contrastive`: select S+ and S-, retrain each seed; ConSeq, ROUGE and controls."""

from pathlib import Path

from quals.command import run, stage_parser
from quals.grid import Seeds, read_grid
from quals.jsonl import write_json
from quals.left_out import leave_empty, reason_to_leave
from quals.parallel import THREADS, run_jobs
from quals.params import ParamsError, load_section
from quals.signature import signature
from quals.training.contrastive import (
    Contrastive,
    ContrastiveJob,
    Method,
    Retrained,
    train_contrastive,
)
from quals.training.loop import Stopwatch, curve
from quals.training.mle import TrainMle
from quals.training.running import running


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>, its models in `models`/<dataset>."""
    if reason := reason_to_leave(arguments.params, "methods", arguments.method):
        leave_empty([arguments.models / n / arguments.method for n in arguments.datasets], reason)
        for dataset in arguments.datasets:
            write_json(_record(arguments, dataset), {"seeds": {}, "left_out": reason})
        return
    watch = Stopwatch()
    shared = load_section(arguments.params, "contrastive", Contrastive)
    method = load_section(arguments.params, f"methods.{arguments.method}", Method)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    missing = [name for name in arguments.datasets if name not in shared.corpora]
    if missing:
        key = "steps" if shared.finetuning is None else "finetuning"
        raise ParamsError(f"{arguments.params}: contrastive.{key}.{missing[0]} is missing")
    titles = {name: f"train_contrastive {name} {arguments.method}" for name in arguments.datasets}
    with running(arguments.params, f"train_contrastive/{arguments.method}") as how:
        jobs = [
            ContrastiveJob(
                title=f"{title} {seed}",
                seed=seed,
                start=arguments.models / dataset / "mle" / str(seed),
                corpus=arguments.data / dataset / "corpus",
                rewards=arguments.data / dataset / "rewards" / method.selector / f"{seed}.jsonl",
                out=arguments.models / dataset / arguments.method / str(seed),
                shared=shared,
                method=method,
                dataset=dataset,
                max_source_tokens=source_limit,
                running=how,
            )
            for dataset, title in titles.items()
            for seed in seeds
        ]
        retrained = run_jobs(train_contrastive, jobs)
        if how.leads:
            _write_records(arguments, titles, seeds, retrained)
            print(f"train_contrastive: {watch.seconds():.0f} s")


def _record(arguments, dataset: str) -> Path:
    return arguments.metrics / f"{dataset}-{arguments.method}.json"


def _write_records(
    arguments, titles: dict[str, str], seeds: list[int], retrained: list[Retrained]
) -> None:
    """One record for each corpus, with a curve for each seed; jobs come in this order."""
    following = iter(retrained)
    for dataset, title in titles.items():
        of_seeds = {str(seed): next(following) for seed in seeds}
        runs = {
            seed: {
                "metrics": {"pairs": one.pairs, "train_loss": one.losses[-1]},
                "curve": curve(one.losses),
            }
            for seed, one in of_seeds.items()
        }
        write_json(
            _record(arguments, dataset),
            {"stage": title, "seeds": runs, "signature": signature(threads=THREADS)},
        )
        print(f"{title}: {', '.join(str(one.pairs) for one in of_seeds.values())} pairs")


if __name__ == "__main__":
    parser = stage_parser(
        __doc__, paths="params grid data models metrics", names="method", datasets=True
    )
    run(main, parser)
