"""What is measured? Models of published shapes with random weights, invented texts, the testbed's.

Random networks write neither separators nor answers that stand in a summary. On these shapes the
filter is therefore replaced by a rule that is the same for all implementations: the hypotheses of
the first groups count as the pairs. What is decoded and scored are the networks' own tokens.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import torch

from quals.assets.smollm2 import NETWORK
from quals.corpus import read_articles
from quals.decoding.sequences import Hypothesis
from quals.jsonl import read_json, write_json
from quals.metrics.pairs import Candidate
from quals.metrics.quals import PAPER, Quals, QualsSettings
from quals.models import checkpoint
from quals.models.bart import BART, BartConfig
from quals.models.causal import CausalConfig, CausalModel
from quals.models.tokenizer import (
    END,
    PAD,
    SEPARATOR,
    TextTokenizer,
    load_special_ids,
    train_tokenizer,
)
from quals.records import QualsScore

TESTBED = "testbed QAGen"
SEED = 0


@dataclass(frozen=True)
class Shape:
    """How much work there is: `common` summaries for all implementations, `batch` for the engine.

    Lengths in words, each of which is one token.
    """

    common: int
    batch: int
    document: int
    summary: int
    vocabularies: tuple[int, int]
    settings: QualsSettings
    tiny: bool


# The paper's settings; targets of 12 tokens and the end: as long as a short question with answer.
FULL = Shape(
    common=1,
    batch=4,
    document=400,
    summary=40,
    vocabularies=(50265, 49152),
    settings=PAPER.model_copy(update={"longest": 12}),
    tiny=False,
)
QUICK = Shape(
    common=2,
    batch=3,
    document=30,
    summary=8,
    vocabularies=(400, 420),
    settings=PAPER.model_copy(update={"groups": 6, "shortest": 2, "longest": 5, "max_pairs": 4}),
    tiny=True,
)


class Measured(Quals):
    """QUALS with its steps in reach: `given` pairs are scored as they are, none is generated."""

    given: dict[str, list[Candidate]] | None = None

    def generate(self, summaries: list[str]) -> dict[str, list[Candidate]]:
        return super().generate(summaries) if self.given is None else self.given

    def result(self, scored: list[tuple[Candidate, tuple[float, ...]]]) -> QualsScore:
        """The score of candidates with their log p under the document."""
        return self._result(scored)

    def survivors(self, summary: str, targets: list[list[int]]) -> list[list[int]]:
        """The distinct targets that pass the filter, before any is scored."""
        distinct = [list(ids) for ids in dict.fromkeys(map(tuple, targets))]
        return [t for t in distinct if self.select(summary, [Hypothesis(t, [0.0] * len(t))])]


class FirstGroups(Measured):
    """QUALS over a random network: the first groups' hypotheses are the pairs."""

    def select(self, summary: str, hypotheses: list[Hypothesis]) -> list[Candidate]:
        distinct: dict[tuple[int, ...], Hypothesis] = {}
        for hypothesis in hypotheses:
            distinct.setdefault(tuple(hypothesis.ids), hypothesis)
        kept = list(distinct.values())[: self.settings.max_pairs]
        texts = self.tokenizer.decode([h.ids for h in kept])
        return [
            Candidate(text, "", tuple(h.ids), len(h.ids) - 1, tuple(h.logprobs))
            for text, h in zip(texts, kept, strict=True)
        ]

    def survivors(self, summary: str, targets: list[list[int]]) -> list[list[int]]:
        return super().survivors(summary, targets)[: self.settings.max_pairs]


@dataclass(frozen=True)
class Work:
    """A model folder, the texts, and the metric whose pairs all implementations must find."""

    name: str
    folder: Path
    documents: list[str]
    summaries: list[str]
    common: int
    settings: QualsSettings

    def metric(self, *, weights: bool) -> Measured:
        """The metric; without weights its network has a shape only and takes no memory."""
        chosen = Measured if self.name == TESTBED else FirstGroups
        if weights:
            return chosen.from_pretrained(self.folder, self.settings)
        kind, config = checkpoint.read_config(self.folder)
        network = checkpoint.shell(kind, config)
        tokenizer = TextTokenizer.load(self.folder)
        separator = load_special_ids(self.folder)["separator_token_id"]
        return chosen(checkpoint.Checkpoint(network, tokenizer), separator, self.settings)


def invented(shape: Shape, scratch: Path) -> list[Work]:
    """The random networks, saved as folders of the hub's format, with their texts."""
    names = ("BART-base shape", "SmolLM2-135M shape")
    works = []
    for name, vocabulary, make in zip(names, shape.vocabularies, (bart, smollm), strict=True):
        words = invented_words(vocabulary)
        folder = scratch / f"{name.split()[0].lower()}-{vocabulary}"
        if not (folder / checkpoint.WEIGHTS).is_file():
            tokenizer = train_tokenizer(words, vocabulary)
            torch.manual_seed(SEED)
            checkpoint.save(
                make(vocabulary, tokenizer, tiny=shape.tiny),
                tokenizer,
                folder,
                separator_token_id=tokenizer.id_of(SEPARATOR),
            )
        rng = random.Random(SEED)
        # The last words may have found no place in the vocabulary.
        known = words[: vocabulary // 2]
        documents = [rng.choices(known, k=shape.document) for _ in range(shape.batch)]
        summaries = [rng.sample(document, shape.summary) for document in documents]
        works.append(
            Work(
                name,
                folder,
                [" ".join(document) for document in documents],
                [" ".join(summary) for summary in summaries],
                shape.common,
                shape.settings,
            )
        )
    return works


def testbed(models: Path, data: Path) -> Work | None:
    """The pipeline's own QAGen on its articles and references; None where it was not made."""
    folder, corpus = models / "testbed/metrics/qagen", data / "testbed/xsum/corpus"
    if not (folder / checkpoint.WEIGHTS).is_file() or not (corpus / "test.jsonl").is_file():
        return None
    articles = read_articles(corpus, "test")[:64]
    settings = PAPER.model_copy(update={"shortest": 4, "longest": 32})
    documents, summaries = (
        [getattr(a, side) for a in articles] for side in ("document", "summary")
    )
    return Work(TESTBED, folder, documents, summaries, 4, settings)


def invented_words(count: int) -> list[str]:
    """At least as many distinct words as a vocabulary of `count` tokens can hold, sorted."""
    rng, found = random.Random(SEED), set()
    while len(found) < count:
        syllables = [rng.choice("bcdfgklmnprstvz") + rng.choice("aeiou") for _ in range(3)]
        found.add("".join(syllables) + rng.choice("lmnrst"))
    return sorted(found)


def write(work: Work, path: Path) -> None:
    """A file from which another process reads the work."""
    values = {**vars(work), "folder": str(work.folder), "settings": work.settings.model_dump()}
    write_json(path, values)


def read(path: Path) -> Work:
    values = read_json(path)
    settings = QualsSettings.model_validate(values["settings"])
    return Work(**{**values, "folder": Path(values["folder"]), "settings": settings})


def _ids(tokenizer: TextTokenizer) -> dict[str, int]:
    pad, end = tokenizer.id_of(PAD), tokenizer.id_of(END)
    return {"pad_token_id": pad, "eos_token_id": end, "decoder_start_token_id": end}


def bart(vocabulary: int, tokenizer: TextTokenizer, *, tiny: bool) -> BART:
    """A random network of BART-base's shape."""
    layers, size, heads, inner = (2, 32, 4, 48) if tiny else (6, 768, 12, 3072)
    return BART(
        BartConfig(
            vocab_size=vocabulary,
            d_model=size,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_attention_heads=heads,
            decoder_attention_heads=heads,
            encoder_ffn_dim=inner,
            decoder_ffn_dim=inner,
            max_position_embeddings=1024,
            scale_embedding=False,
            **_ids(tokenizer),
        )
    )


def smollm(vocabulary: int, tokenizer: TextTokenizer, *, tiny: bool) -> CausalModel:
    """A random network of SmolLM2-135M's shape."""
    layers, size, heads, shared, inner = (2, 32, 4, 2, 48) if tiny else (30, 576, 9, 3, 1536)
    return CausalModel(
        CausalConfig(
            vocab_size=vocabulary,
            hidden_size=size,
            intermediate_size=inner,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=shared,
            head_dim=size // heads,
            **NETWORK,
            **_ids(tokenizer),
        )
    )
