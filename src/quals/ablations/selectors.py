"""What else could choose S+ and S-? Every selector of the ablations, loaded by name."""

import random
from collections.abc import Callable
from pathlib import Path

from quals.metrics import selectors
from quals.metrics.factcc import FactCC
from quals.metrics.qags import Qags
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.rouge import Rouge, RougeSettings
from quals.metrics.selectors import Scores, Selector
from quals.metrics.suite import MetricPaths, load_classifier, load_qags
from quals.metrics.texts import Texts
from quals.params import load_section
from quals.testbed.oracle import Oracle
from quals.text import words


def by_qags(qags: Qags) -> Selector:
    return lambda texts: [s.qags for s in qags.score(texts.documents, texts.summaries)]


def by_factcc(factcc: FactCC) -> Selector:
    return lambda texts: factcc.score(texts.documents, texts.summaries)


def by_length(texts: Texts) -> Scores:
    """The control: fewer words leave less to be wrong."""
    return [-float(len(words(summary))) for summary in texts.summaries]


def by_chance(seed: int) -> Selector:
    """The control: a number for each text of a document, the same whenever it is asked for."""
    return lambda texts: [
        random.Random(f"{seed} {id_} {summary}").random()
        for id_, summary in zip(texts.ids, texts.summaries, strict=True)
    ]


def load_selector(
    name: str, *, params: Path, paths: MetricPaths, oracle: Oracle, seed: int
) -> Selector:
    """The selector of that name with the models and settings that it needs, and no others."""
    loaders: dict[str, Callable[[], Selector]] = {
        "quals": lambda: selectors.by_quals(_quals(params, paths)),
        "qags": lambda: by_qags(load_qags(params, paths)),
        "factcc": lambda: by_factcc(_factcc(params, paths)),
        "rouge": lambda: selectors.by_rouge(_rouge(params)),
        "copy": lambda: selectors.by_copying,
        "length": lambda: by_length,
        "random": lambda: by_chance(seed),
        "oracle": lambda: selectors.by_truth(lambda i, text: oracle.judge(i, text).consistent),
    }
    return loaders[name]()


def _quals(params: Path, paths: MetricPaths) -> Quals:
    return Quals.from_pretrained(paths.qagen, load_section(params, "quals", QualsSettings))


def _factcc(params: Path, paths: MetricPaths) -> FactCC:
    return FactCC(load_classifier(params, paths.factcc))


def _rouge(params: Path) -> Rouge:
    return Rouge(use_stemmer=load_section(params, "rouge", RougeSettings).use_stemmer)
