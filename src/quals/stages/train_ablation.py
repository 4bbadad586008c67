"""Stage `train_ablation`: one choice of ConSeq varied, each setting retrained for every seed."""

from quals.ablations.recipes import Evaluation, read_ablation
from quals.ablations.rows import training_rows
from quals.ablations.trials import Job, run_job
from quals.command import run, stage_parser
from quals.decoding.jobs import Sample
from quals.decoding.summarizer import SummaryLimits
from quals.grid import Seeds, read_grid
from quals.jsonl import write_json
from quals.left_out import reason_to_leave
from quals.parallel import run_jobs
from quals.params import load_section
from quals.signature import signature
from quals.training.contrastive import Contrastive
from quals.training.loop import Stopwatch
from quals.training.mle import TrainMle


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>, its MLE models in `models`/<dataset>/mle."""
    if reason := reason_to_leave(arguments.params, "ablations", arguments.ablation):
        write_json(arguments.out, {"rows": [], "left_out": reason})
        return
    watch = Stopwatch()
    ablation, variants = read_ablation(arguments.settings, arguments.ablation)
    evaluation = load_section(arguments.settings, "evaluation", Evaluation)
    contrastive = load_section(arguments.params, "contrastive", Contrastive)
    sampling = load_section(arguments.params, "sample", Sample)
    source_limit = load_section(arguments.params, "train_mle", TrainMle).max_source_tokens
    seeds = read_grid(arguments.grid, Seeds).seeds
    jobs = [
        Job(
            dataset=dataset,
            seed=seed,
            data=arguments.data,
            models=arguments.models,
            params=arguments.params,
            variants=tuple(variants),
            documents=ablation.documents,
            evaluation=evaluation,
            contrastive=contrastive,
            sampling=sampling,
            limits=load_section(arguments.params, f"summaries.{dataset}", SummaryLimits),
            max_source_tokens=source_limit,
        )
        for dataset in arguments.datasets
        for seed in seeds
    ]
    measured = run_jobs(run_job, jobs)
    rows = []
    for place, dataset in enumerate(arguments.datasets):
        of_seeds = measured[place * len(seeds) : (place + 1) * len(seeds)]
        rows += training_rows(
            arguments.ablation, dataset, variants, of_seeds, level=evaluation.level
        )
    record = {
        "rows": rows,
        "split": evaluation.split,
        "documents": evaluation.documents,
        "signature": signature(),
    }
    write_json(arguments.out, record)
    print(f"train_ablation {arguments.ablation}: {len(variants)} settings, {watch.seconds():.0f} s")


if __name__ == "__main__":
    parser = stage_parser(
        __doc__, paths="params settings grid data models out", names="ablation", datasets=True
    )
    run(main, parser)
