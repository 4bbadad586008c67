"""Stage `train_mle`: the maximum-likelihood summarizers of all corpora for one seed.

Trained on from QAGen, or, where the scale's section names a `base`, from that.
"""

from pathlib import Path

from quals.command import run, stage_parser
from quals.decoding.summarizer import SummaryLimits
from quals.models.adapter_folder import Places
from quals.models.released import find
from quals.parallel import run_jobs
from quals.params import ParamsError, load_section
from quals.training.mle import MleJob, TrainMle, train_mle
from quals.training.pretrained_mle import train_pretrained_mle
from quals.training.running import running


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>/corpus, its models in `models`/<dataset>/mle."""
    settings = load_section(arguments.params, "train_mle", TrainMle)
    bases = settings.base
    with running(arguments.params, f"train_mle/{arguments.seed}") as how:
        jobs = [
            MleJob(
                dataset=dataset,
                seed=arguments.seed,
                corpus=arguments.data / dataset / "corpus",
                init=arguments.init if bases is None else _base(bases, dataset, arguments.params),
                out=arguments.models / dataset / "mle" / str(arguments.seed),
                metrics=arguments.metrics / f"{dataset}-mle-{arguments.seed}.json",
                settings=settings,
                limits=load_section(arguments.params, f"summaries.{dataset}", SummaryLimits),
                running=how,
            )
            for dataset in arguments.datasets
        ]
        run_jobs(train_mle if bases is None else train_pretrained_mle, jobs)


def _base(bases: dict[str, Places], dataset: str, params: Path) -> Path:
    if dataset not in bases:
        raise ParamsError(f"{params}: train_mle.base.{dataset} is missing")
    return find(bases[dataset], params)


if __name__ == "__main__":
    parser = stage_parser(
        __doc__, paths="params data init models metrics", seed=True, datasets=True
    )
    run(main, parser)
