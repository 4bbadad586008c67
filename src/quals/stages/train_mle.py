"""Stage `train_mle`: the maximum-likelihood summarizers of all corpora for one seed."""

from quals.command import run, stage_parser
from quals.decoding.summarizer import SummaryLimits
from quals.parallel import run_jobs
from quals.params import load_section
from quals.training.mle import MleJob, TrainMle, train_mle


def main(arguments) -> None:
    """Data of a corpus lie in `data`/<dataset>/corpus, its models in `models`/<dataset>/mle."""
    settings = load_section(arguments.params, "train_mle", TrainMle)
    jobs = [
        MleJob(
            dataset=dataset,
            seed=arguments.seed,
            corpus=arguments.data / dataset / "corpus",
            init=arguments.init,
            out=arguments.models / dataset / "mle" / str(arguments.seed),
            metrics=arguments.metrics / f"{dataset}-mle-{arguments.seed}.json",
            settings=settings,
            limits=load_section(arguments.params, f"summaries.{dataset}", SummaryLimits),
        )
        for dataset in arguments.datasets
    ]
    run_jobs(train_mle, jobs)


if __name__ == "__main__":
    parser = stage_parser(
        __doc__, paths="params data init models metrics", seed=True, datasets=True
    )
    run(main, parser)
