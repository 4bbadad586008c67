"""Which metrics make up the results table? All of them, from one call."""

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from quals.decoding.jobs import Writer
from quals.metrics.answers import LanguageSettings, load_spacy
from quals.metrics.encoder_reader import EncoderReader, EncoderReaderSettings
from quals.metrics.factcc import ClaimClassifier, ClosestReading, FactCC, FactccSettings
from quals.metrics.overlap import copy_rates
from quals.metrics.qags import Qags, QagsSettings, QuestionGenerator
from quals.metrics.quals import Quals, QualsSettings
from quals.metrics.reader import Reader, ReaderSettings
from quals.metrics.rouge import TYPES, Rouge, RougeSettings
from quals.metrics.texts import Texts, score_in_parts
from quals.models import checkpoint
from quals.models.classifier import TrainedClassifier
from quals.models.encoder import is_encoder
from quals.models.encoder_classifier import EncoderClassifier
from quals.models.tokenizer import load_special_ids
from quals.params import load_section

MetricRow = dict[str, float | None]


@dataclass(frozen=True)
class MetricPaths:
    """The folders of the models that the metrics need."""

    qagen: Path
    qg: Path
    reader: Path
    factcc: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "MetricPaths":
        """The folder of a scale's metrics holds one of that name for each."""
        return cls(*(folder / name for name in cls.__dataclass_fields__))

    def folders(self) -> dict[str, Path]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def load_qags(params: Path, paths: MetricPaths, **changes: int | bool) -> Qags:
    """QAGS over its three models, with the settings of a scale's file and `changes` to them."""
    settings = load_section(params, "qags", QagsSettings).model_copy(update=changes)
    language = load_section(params, "language", LanguageSettings)
    separator = load_special_ids(paths.qg).get("separator_token_id")
    return Qags(
        load_spacy(language.spacy_pipeline),
        QuestionGenerator(checkpoint.load(paths.qg), settings, separator=separator),
        load_reader(params, paths.reader),
        settings,
    )


def load_reader(params: Path, folder: Path) -> Reader | EncoderReader:
    """The reader in a folder: an encoder, or the one on T5."""
    if is_encoder(folder):
        return EncoderReader(folder, load_section(params, "reader", EncoderReaderSettings))
    return Reader(folder, load_section(params, "reader", ReaderSettings))


def load_classifier(params: Path, folder: Path) -> ClaimClassifier:
    """The classifier behind FactCC in a folder: an encoder, or the one on T5, and how it reads."""
    kind = EncoderClassifier if is_encoder(folder) else TrainedClassifier
    reading = load_section(params, "factcc", FactccSettings)
    found = kind(folder, longest=reading.longest, contexts_per_batch=reading.contexts_per_batch)
    most = reading.closest_words
    return found if most is None else ClosestReading(found, most)


class MetricSuite:
    """ROUGE against the reference; QAGS, QUALS, FactCC and copying against the document."""

    def __init__(self, params: Path, paths: MetricPaths):
        self.quals = Quals.from_pretrained(
            paths.qagen, load_section(params, "quals", QualsSettings)
        )
        self.qags = load_qags(params, paths)
        self.factcc = FactCC(load_classifier(params, paths.factcc))
        settings = load_section(params, "rouge", RougeSettings)
        self.rouge = Rouge(use_stemmer=settings.use_stemmer)

    def score(
        self, documents: list[str], references: list[str], summaries: list[str]
    ) -> list[MetricRow]:
        """All metrics of every summary, in order; None where a metric is undefined."""
        quals = [score.quals for score in self.quals.score(documents, summaries)]
        qags = [score.qags for score in self.qags.score(documents, summaries)]
        factcc = self.factcc.score(documents, summaries)
        rouge = self.rouge.score(references, summaries)
        copied = copy_rates(documents, summaries)
        return [
            {
                **{name: rouge[i][name] for name in TYPES},
                **copied[i],
                "quals": quals[i],
                "qags": qags[i],
                "factcc": factcc[i],
            }
            for i in range(len(summaries))
        ]


def score_texts(
    params: Path, paths: MetricPaths, texts: Texts, *, mle: Writer | None = None
) -> list[MetricRow]:
    """All metrics of very many texts, in order, by processes that each load the suite.

    `mle` adds the `likelihood` of each text under that summarizer.
    """
    try:
        return score_in_parts(partial(_score_part, params, paths, mle), texts)
    finally:
        _load.cache_clear()


@cache
def _load(params: Path, paths: MetricPaths) -> MetricSuite:
    """Once in a process, which scores several parts one after another."""
    return MetricSuite(params, paths)


def _score_part(
    params: Path, paths: MetricPaths, mle: Writer | None, texts: Texts
) -> list[MetricRow]:
    rows = _load(params, paths).score(texts.documents, texts.references, texts.summaries)
    if mle is None:
        return rows
    likelihood = mle.load().likelihood(texts.documents, texts.summaries)
    return [{**row, "likelihood": value} for row, value in zip(rows, likelihood, strict=True)]
