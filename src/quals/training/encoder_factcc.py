"""How does a pretrained encoder become FactCC? It learns which sentences of documents were spoilt.

FactCC's authors give BERT whole documents, cut at 512 tokens, and claims from all over them. Here
documents are cut first and give their claims then: a claim from what is cut off teaches nothing
true. In training they are of many lengths, which costs less and leaves more steps. With `spans` it
is FactCCX that is trained, which also points at what the label is about.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from quals.corpus import Article, read_articles
from quals.metrics.answers import LanguageSettings, load_spacy
from quals.metrics.corruptions import ClaimExample, training_examples
from quals.metrics.factcc import FactccSettings
from quals.models import encoder
from quals.models.adapter_folder import Places
from quals.models.device import device_of
from quals.models.encoder import CLAIM, Encoder, Inputs
from quals.models.encoder_classifier import EncoderClassifier, fit
from quals.models.released import find
from quals.models.tokenizer import TextTokenizer
from quals.params import Count, Natural, Section, Share, load_section
from quals.text import sentences
from quals.training.claim_spans import Pointing, places, pointing_logits
from quals.training.encoders import EncoderTraining, Labelled, train_encoder
from quals.training.gates import belief_gate
from quals.training.record import begin
from quals.training.running import Running


class TrainEncoderFactcc(Section):
    """The scale's `train_factcc` section where it names a base.

    Documents of training keep between `fewest_words` and `most_words`, those of validation
    `most_words`. `documents` is the number of each corpus, null for all; `spans` also teaches the
    places that FactCCX points at.
    """

    seed: Natural
    base: Places
    documents: Count | None
    validation_documents: Count
    fewest_words: Count
    most_words: Count
    pairs_per_document: Count
    shortest_claim: Count
    noise_share: Share
    noise_chance: Share
    spans: bool
    training: EncoderTraining


def train_encoder_factcc(
    params: Path, corpora: Sequence[Path], out: Path, metrics: Path, running: Running
) -> None:
    """Train on corruptions of documents of all corpora, write the model and its quality."""
    settings = load_section(params, "train_factcc", TrainEncoderFactcc)
    reading = load_section(params, "factcc", FactccSettings)
    language = load_section(params, "language", LanguageSettings)
    begun = begin("train_factcc", settings.seed)
    folder = find(settings.base, params)
    start = encoder.start(CLAIM, folder, longest=reading.longest, dropout=settings.training.dropout)
    nlp = load_spacy(language.spacy_pipeline)
    claims = {}
    for split, most, fewest in (
        ("train", settings.documents, settings.fewest_words),
        ("validation", settings.validation_documents, settings.most_words),
    ):
        rng = random.Random(f"{settings.seed} {split}")
        articles = [a for corpus in corpora for a in read_articles(corpus, split, most)]
        claims[split] = training_examples(
            shortened(articles, fewest, settings.most_words, rng),
            nlp,
            rng,
            pairs_per_document=settings.pairs_per_document,
            shortest=settings.shortest_claim,
            noise_share=settings.noise_share,
            noise_chance=settings.noise_chance,
        )
    learner, logits = start, claim_logits
    if settings.spans:
        learner = Encoder(Pointing(start.model).to(device_of(start.model)), start.tokenizer)
        logits = pointing_logits
    losses = train_encoder(
        learner,
        claim_rows(claims["train"], start.tokenizer, reading.longest, spans=settings.spans),
        logits,
        settings.training,
        seed=settings.seed,
        title="train_factcc",
        running=running,
    )
    if not running.leads:
        return
    encoder.save(start, out)
    classifier = EncoderClassifier(
        out, longest=reading.longest, contexts_per_batch=reading.contexts_per_batch
    )
    begun.record(
        metrics,
        model=start.model,
        losses=losses,
        metrics={
            "claims": len(claims["train"]),
            "validation_claims": len(claims["validation"]),
            **belief_gate(classifier, claims["validation"]),
        },
    )


def shortened(
    articles: Sequence[Article], fewest: int, most: int, rng: random.Random
) -> list[dict[str, object]]:
    """Ids and the first sentences of documents, within a number of words between the two."""
    return [
        {"id": article.id, "document": leading(article.document, rng.randint(fewest, most))}
        for article in articles
    ]


def leading(document: str, most: int) -> str:
    """The first sentences, as many as have at most `most` words, and at least one."""
    kept: list[str] = []
    words = 0
    for sentence in sentences(document):
        words += len(sentence.split())
        if kept and words > most:
            break
        kept.append(sentence)
    return " ".join(kept)


def claim_rows(
    claims: Sequence[ClaimExample], tokenizer: TextTokenizer, longest: int, *, spans: bool
) -> list[Labelled]:
    """Document and claim of every example, cut as the classifier cuts them, and what to tell.

    `claims` are pairs, a true one and then what was made of it, as from `training_examples`.
    """
    texts = list(dict.fromkeys(claim.document for claim in claims))
    documents = dict(zip(texts, tokenizer.encode(texts, longest), strict=True))
    encoded = tokenizer.encode([claim.claim for claim in claims], longest)
    rows = []
    for at, (example, claim) in enumerate(zip(claims, encoded, strict=True)):
        true = encoded[at - at % 2]
        document, claim = fit(documents[example.document], claim, longest)
        target = (example.label, *places(document, claim, true)) if spans else (example.label,)
        rows.append(Labelled(document, claim, target))
    return rows


def claim_logits(model: nn.Module, inputs: Inputs) -> Tensor:
    """Class logits [B, 2, 1]."""
    return model(**inputs).logits[..., None]
