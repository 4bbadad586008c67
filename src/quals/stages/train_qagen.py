"""Stage `train_qagen`: text -> question, separator, answer; the one model of QUALS.

Trained from scratch, or, where the scale's section names a `base`, as an adapter of that, or with
`finetuning` by all its weights.
"""

import random
from pathlib import Path

from quals.command import run, stage_parser
from quals.corpus import Context, read_contexts
from quals.jsonl import read_jsonl
from quals.metrics.quals import Quals, QualsSettings, save_settings
from quals.models import checkpoint
from quals.models.checkpoint import Checkpoint
from quals.models.t5 import T5, T5Config
from quals.models.tokenizer import END, PAD, SEPARATOR, TextTokenizer, train_tokenizer
from quals.params import Count, Natural, Section, load_section
from quals.testbed.truth import judge_answer
from quals.testbed.world import Story
from quals.training.adapted_qagen import train_adapted_qagen
from quals.training.bases import finetunes, names_base
from quals.training.batches import Batches, TargetBatch, epochs, together
from quals.training.loop import Optimisation, train
from quals.training.pretrained_qagen import train_pretrained_qagen
from quals.training.qa import likelihood_of_parts, qagen_examples
from quals.training.record import begin
from quals.training.running import Running, running


class Network(Section):
    """Sizes of a small T5 that is trained from scratch."""

    vocab_size: Count
    d_model: Count
    d_kv: Count
    d_ff: Count
    layers: Count
    heads: Count
    position_buckets: Count
    position_distance: Count


class TrainQagen(Section):
    """The scale's `train_qagen` section."""

    seed: Natural
    network: Network
    steps: Count
    articles_per_batch: Count
    summaries_per_batch: Count
    max_source_tokens: Count
    gate_contexts: Count
    optimisation: Optimisation


def main(arguments) -> None:
    paths = (arguments.out, arguments.metrics)
    with running(arguments.params, "train_qagen") as how:
        if finetunes(arguments.params, "train_qagen"):
            train_pretrained_qagen(
                arguments.params, arguments.questions, arguments.truth, *paths, how
            )
        elif names_base(arguments.params, "train_qagen"):
            train_adapted_qagen(arguments.params, arguments.questions, *paths, how)
        else:
            _train_from_scratch(arguments, how)


def _train_from_scratch(arguments, how: Running) -> None:
    settings = load_section(arguments.params, "train_qagen", TrainQagen)
    quals_settings = load_section(arguments.params, "quals", QualsSettings)
    begun = begin("train_qagen", settings.seed)
    contexts = read_contexts(arguments.questions / "train.jsonl")
    validation = read_contexts(arguments.questions / "validation.jsonl")
    tokenizer = _tokenizer(contexts, settings.network.vocab_size)
    separator = tokenizer.id_of(SEPARATOR)
    model = T5(_config(settings.network, tokenizer))
    losses = train(
        model,
        _batches(contexts, tokenizer, settings),
        likelihood_of_parts,
        steps=settings.steps,
        optimisation=settings.optimisation,
        title="train_qagen",
        running=how,
    )
    if not how.leads:
        return
    checkpoint.save(model, tokenizer, arguments.out, separator_token_id=separator)
    save_settings(quals_settings, arguments.out)
    quals = Quals(Checkpoint(model, tokenizer), separator, quals_settings)
    metrics = _gate(quals, validation[-settings.gate_contexts :], arguments.truth)
    begun.record(arguments.metrics, model=model, losses=losses, metrics=metrics)


def _tokenizer(contexts: list[Context], vocab_size: int) -> TextTokenizer:
    texts = (text for c in contexts for text in (c.text, *(q.question for q in c.questions)))
    return train_tokenizer(texts, vocab_size)


def _config(network: Network, tokenizer: TextTokenizer) -> T5Config:
    return T5Config(
        vocab_size=tokenizer.backend.get_vocab_size(),
        d_model=network.d_model,
        d_kv=network.d_kv,
        d_ff=network.d_ff,
        num_layers=network.layers,
        num_decoder_layers=network.layers,
        num_heads=network.heads,
        relative_attention_num_buckets=network.position_buckets,
        relative_attention_max_distance=network.position_distance,
        layer_norm_epsilon=1e-6,
        pad_token_id=tokenizer.id_of(PAD),
        eos_token_id=tokenizer.id_of(END),
        decoder_start_token_id=tokenizer.id_of(PAD),
    )


def _batches(
    contexts: list[Context], tokenizer: TextTokenizer, settings: TrainQagen
) -> Batches[tuple[TargetBatch, ...]]:
    """A step sees articles and summaries, each with a mean loss of its own.

    With too few summaries the training loss still falls, yet QUALS gets worse.
    """
    sizes = {"article": settings.articles_per_batch, "summary": settings.summaries_per_batch}
    parts = []
    for kind, size in sizes.items():
        examples = qagen_examples(
            [c for c in contexts if c.kind == kind],
            tokenizer,
            separator=tokenizer.id_of(SEPARATOR),
            end=tokenizer.id_of(END),
            limit=settings.max_source_tokens,
        )
        rng = random.Random(f"{settings.seed} {kind}")
        parts.append(epochs(examples, size, tokenizer.id_of(PAD), rng))
    return together(*parts)


def _gate(quals: Quals, contexts: list[Context], truth: Path) -> dict[str, float]:
    """What the oracle says of the pairs generated about validation summaries.

    `readable`: the question is one of the world's; `right`: so is the answer, as shares of all
    surviving pairs; `pairs`: how many survive the filter for each summary.
    """
    events = {
        row["id"]: Story.from_row(row).events for row in read_jsonl(truth / "validation.jsonl")
    }
    generated = quals.generate(sorted({c.text for c in contexts}))
    verdicts = [
        judge_answer(pair.question, pair.answer, events[context.id])
        for context in contexts
        for pair in generated[context.text]
    ]
    return {
        "pairs": len(verdicts) / len(contexts),
        "readable": sum(v is not None for v in verdicts) / max(1, len(verdicts)),
        "right": sum(v is True for v in verdicts) / max(1, len(verdicts)),
    }


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params questions truth out metrics"))
