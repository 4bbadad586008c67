"""Stage `judge_qags`: QAGS and FactCC on judged summaries."""

from dataclasses import dataclass
from pathlib import Path

from quals.command import run, stage_parser
from quals.corpora.judgments import Judged
from quals.jsonl import Row
from quals.metrics.factcc import FactCC
from quals.metrics.judging import judge_in_chunks
from quals.metrics.parts import in_parts
from quals.metrics.suite import MetricPaths, load_classifier, load_qags
from quals.params import load_yaml
from quals.signature import content_hash
from quals.training.loop import Stopwatch


@dataclass(frozen=True)
class Judge:
    """Both metrics over the models in a folder."""

    params: Path
    models: Path

    def __call__(self, texts: list[tuple[str, str]]) -> list[dict[str, float | None]]:
        """The scores of (document, summary) pairs, in order."""
        paths = MetricPaths.in_folder(self.models)
        documents, summaries = [d for d, _ in texts], [s for _, s in texts]
        qags = load_qags(self.params, paths).score(documents, summaries)
        factcc = FactCC(load_classifier(self.params, paths.factcc)).score(documents, summaries)
        return [
            {"qags": found.qags, "factcc": claim} for found, claim in zip(qags, factcc, strict=True)
        ]


def main(arguments) -> None:
    watch = Stopwatch()
    params, models = arguments.params, arguments.models
    sections = ("qags", "reader", "factcc", "language")
    paths = MetricPaths.in_folder(models)
    count = judge_in_chunks(
        arguments,
        "judge_qags",
        lambda items: _rows(Judge(params, models), items),
        models=[content_hash(folder) for folder in (paths.qg, paths.reader, paths.factcc)],
        settings={name: load_yaml(params).get(name) for name in sections},
    )
    print(f"judge_qags {arguments.benchmark}: {count} summaries, {watch.seconds():.0f} s")


def _rows(judge: Judge, items: list[Judged]) -> list[Row]:
    texts = [(item.document, item.summary) for item in items]
    found = in_parts(judge, texts, cost=lambda text: len(text[0]))
    return [{"id": item.id, "scores": scores} for item, scores in zip(items, found, strict=True)]


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params models out", names="benchmark"))
