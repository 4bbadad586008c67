"""Stage `judge_summaries`: explained shares and likelihood of all methods' test summaries.

None of them chose S+ and S-, and on real text the explained share agrees with people better than
QUALS does. The references are judged beside the methods.
"""

from pathlib import Path

from quals.analysis.summary_judges import REFERENCE, judge_tables
from quals.analysis.tables import BASELINES
from quals.command import run, stage_parser
from quals.corpus import read_articles
from quals.grid import Methods, read_grid
from quals.jsonl import Row, read_jsonl, rounded, write_json, write_jsonl
from quals.metrics.readings import Readings
from quals.signature import signature
from quals.training.loop import Stopwatch

RESAMPLES = 5000  # bootstrap draws
PERMUTATIONS = 10_000  # sign flips
LEVEL = 0.95  # of all intervals


def main(arguments) -> None:
    watch = Stopwatch()
    grid = read_grid(arguments.grid, Methods, arguments.params)
    articles = read_articles(arguments.corpus, "test")
    summaries = {
        (method, seed): _written(arguments.summaries / method / f"{seed}.jsonl")
        for method in grid.methods
        for seed in grid.seeds
    }
    # A person wrote a document's reference once; it stands beside the models of every seed.
    for seed in grid.seeds:
        summaries[REFERENCE, seed] = {article.id: article.summary for article in articles}
    asked = [(run, article) for run in summaries for article in articles]
    readings = Readings.of_scale(arguments.params, arguments.qagen)
    columns = readings.columns([(one.document, summaries[run][one.id]) for run, one in asked])
    rows: dict[tuple[str, int], list[Row]] = {run: [] for run in summaries}
    for place, (judged, article) in enumerate(asked):
        scores = {name: column[place] for name, column in columns.items()}
        rows[judged].append(rounded({"id": article.id, "metrics": scores}))
    for (method, seed), mine in rows.items():
        write_jsonl(arguments.scores / method / f"{seed}.jsonl", mine)
    tables = judge_tables(
        arguments.dataset,
        rows,
        methods=[*grid.methods, REFERENCE],
        seeds=grid.seeds,
        baseline=BASELINES[0],
        resamples=RESAMPLES,
        permutations=PERMUTATIONS,
        seed=0,
        level=LEVEL,
    )
    models = {"qagen": readings.qagen}
    write_json(arguments.out, {**tables, "signature": signature(models=models)})
    print(
        f"judge_summaries {arguments.dataset}: {len(articles)} documents, "
        f"{len(asked)} summaries, {watch.seconds():.0f} s"
    )


def _written(path: Path) -> dict[str, str]:
    return {row["id"]: row["summary"] for row in read_jsonl(path, {"id": str, "summary": str})}


if __name__ == "__main__":
    run(
        main,
        stage_parser(
            __doc__, paths="params grid corpus summaries qagen scores out", names="dataset"
        ),
    )
