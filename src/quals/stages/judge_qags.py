"""Stage `judge_qags`: QAGS and FactCC on judged summaries."""

import os
from dataclasses import dataclass
from pathlib import Path

from quals.command import run, stage_parser
from quals.corpora.judgments import Judgments, read_judgments
from quals.jsonl import write_jsonl
from quals.metrics.factcc import FactCC
from quals.metrics.parts import in_parts
from quals.metrics.suite import MetricPaths, load_classifier, load_qags
from quals.params import load_section
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
    settings = load_section(arguments.params, "judgments", Judgments)
    judged = read_judgments(arguments.benchmark, settings, os.environ)
    texts = [(item.document, item.summary) for item in judged]
    found = in_parts(Judge(arguments.params, arguments.models), texts, cost=lambda t: len(t[0]))
    rows = zip(judged, found, strict=True)
    write_jsonl(arguments.out, ({"id": item.id, "scores": scores} for item, scores in rows))
    print(f"judge_qags {arguments.benchmark}: {len(judged)} summaries, {watch.seconds():.0f} s")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params models out", names="benchmark"))
