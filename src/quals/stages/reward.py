"""Stage `reward`: a selector's score for every candidate and reference, all seeds together."""

from collections.abc import Callable
from pathlib import Path

from quals.command import run, stage_parser
from quals.corpus import Article
from quals.grid import Seeds, read_grid
from quals.left_out import leave_empty, reason_to_leave
from quals.metrics import selectors
from quals.metrics.quals import QualsSettings
from quals.metrics.rewards import Reward, RewardJob, write_rewards
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.selectors import QualsSelection, Selector
from quals.params import ParamsError, load_section
from quals.piecewise import Kept, identity_of
from quals.signature import content_hash
from quals.testbed.oracle import Oracle
from quals.training.loop import Stopwatch
from quals.unfinished import unfinished


def main(arguments) -> None:
    """What belongs to a corpus lies in `data`/<dataset>."""
    if reason := reason_to_leave(arguments.params, "selectors", arguments.selector):
        rewards = Path("rewards") / arguments.selector
        leave_empty([arguments.data / name / rewards for name in arguments.datasets], reason)
        return
    seeds = read_grid(arguments.grid, Seeds).seeds
    settings = load_section(arguments.params, "reward", Reward)
    selection = load_section(arguments.params, "quals_selection", QualsSelection)
    quals = selection.applied(load_section(arguments.params, "quals", QualsSettings))
    rouge = load_section(arguments.params, "rouge", RougeSettings)
    load = _loader(arguments.selector, arguments.qagen, quals, rouge)
    depends = identity_of(
        "reward",
        selector=arguments.selector,
        seeds=seeds,
        settings=[section.model_dump() for section in (settings, quals, rouge)],
        model=content_hash(arguments.qagen),
    )
    with unfinished(arguments.params, f"reward/{arguments.selector}") as folder:
        for dataset in arguments.datasets:
            watch = Stopwatch()
            data = arguments.data / dataset
            title = f"reward {dataset} {arguments.selector}"
            found = write_rewards(
                RewardJob(
                    title,
                    corpus=data / "corpus",
                    candidates=data / "candidates",
                    seeds=seeds,
                    select=load(data / "truth"),
                    settings=settings,
                    kept=Kept(folder / dataset, {**depends, "truth": content_hash(data / "truth")}),
                    out=data / "rewards" / arguments.selector,
                )
            )
            counted = f"{found['texts']} texts, {found['undefined']} undefined"
            print(f"{title}: {counted}, {watch.seconds():.0f} s")


Select = Callable[[list[Article]], Selector]


def _loader(
    name: str, qagen: Path, quals: QualsSettings, rouge: RougeSettings
) -> Callable[[Path], Select]:
    """Truth folder of a corpus to the selector of that name for some of its articles."""
    match name:
        case "quals":
            chosen = selectors.by_quals_in_parts(qagen, quals)
        case "rouge":
            chosen = selectors.by_rouge(Rouge(use_stemmer=rouge.use_stemmer))
        case "copy":
            chosen = selectors.by_copying
        case "oracle":
            return lambda truth: lambda articles: _by_oracle(truth, articles)
        case _:
            raise ParamsError(f"no selector is called '{name}'")
    return lambda truth: lambda articles: chosen


def _by_oracle(truth: Path, articles: list[Article]) -> Selector:
    oracle = Oracle(truth, "train", articles)
    return selectors.by_truth(lambda id_, text: oracle.judge(id_, text).consistent)


if __name__ == "__main__":
    parser = stage_parser(__doc__, paths="params grid data qagen", names="selector", datasets=True)
    run(main, parser)
