"""How does a pretrained language model become a QAGen? It keeps its weights and gains an adapter.

Context -> question, separator, answer, end, as at every scale; the adapter is LoRA on all linear
layers, so that a release holds a few megabytes and the base comes from elsewhere.
"""

from pathlib import Path
from typing import Literal

import torch

from quals.corpus import Context, read_contexts
from quals.decoding.reading import read_in_batches
from quals.decoding.scoring import shift_right
from quals.jsonl import Row, read_json, write_json
from quals.metrics.pairs import mean
from quals.metrics.quals import Quals, QualsSettings, save_settings
from quals.models import adapter_folder, checkpoint
from quals.models.adapter import add, weights_hash
from quals.models.adapter_folder import TRAINING, Adapter, Base, Places, Record
from quals.models.checkpoint import Checkpoint
from quals.models.families import family_of
from quals.models.interface import Memory
from quals.models.released import find
from quals.models.tokenizer import pad
from quals.params import Count, Natural, ParamsError, Section, load_section
from quals.signature import signature
from quals.training.batches import Example
from quals.training.loop import curve
from quals.training.lora import LoraTraining, train_lora
from quals.training.pretrained_qagen import survival
from quals.training.qa import qagen_examples
from quals.training.record import begin
from quals.training.running import Running

ADAPTER = "adapter"  # the released part, in the merged model's folder


class AdaptedQagen(Section):
    """The scale's `train_qagen` section where it names a base.

    `separator` is a token of the base's vocabulary that its texts never hold. Matrices are stored
    in `stored_dtype`, and what is measured is what is stored. `released` is an adapter that these
    settings trained, relative to the project's root: it is taken as it is. Null trains one.
    """

    released: str | None
    seed: Natural
    base: Places
    separator: str
    max_source_tokens: Count
    gate_contexts: Count
    stored_dtype: Literal["float32", "bfloat16", "float16"]
    training: LoraTraining


def train_adapted_qagen(
    params: Path, questions: Path, out: Path, metrics: Path, running: Running
) -> None:
    """Write the merged model to `out` and the adapter alone to `out`/adapter."""
    settings = load_section(params, "train_qagen", AdaptedQagen)
    quals_settings = load_section(params, "quals", QualsSettings)
    begun = begin("train_qagen", settings.seed)
    folder = find(settings.base, params)
    start = checkpoint.load(folder)
    separator = start.tokenizer.id_of(settings.separator)
    record = Record(
        base=Base(**settings.base.model_dump(), weights=[weights_hash(start.model)]),
        special_tokens={"separator": settings.separator},
    )
    training, adapter = _trained(start, separator, settings, questions, running)
    if not running.leads:
        return
    small = out / ADAPTER
    family = family_of(start.model)
    adapter_folder.save(adapter, record, small, family=family, dtype=settings.stored_dtype)
    save_settings(quals_settings, small)
    merged = checkpoint.load(folder)
    add(merged.model, adapter_folder.load(small), folder=small)
    checkpoint.save(merged.model, merged.tokenizer, out, separator_token_id=separator)
    save_settings(quals_settings, out)
    held_out = read_contexts(questions / "validation.jsonl")
    summaries = [context for context in held_out if context.kind == "summary"]
    found = {
        "pairs": training["pairs"],
        **gate(merged, separator, held_out, settings),
        **survival(Quals(merged, separator, quals_settings), summaries[: settings.gate_contexts]),
        "train_loss": training["train_loss"],
    }
    print(f"{begun.stage}: {found}, {begun.watch.seconds():.0f} s")
    write_json(
        metrics,
        {
            "stage": begun.stage,
            "metrics": found,
            "curve": training["curve"],
            "parameters": sum(m.numel() for pair in adapter.pairs.values() for m in pair),
            "settings": {**settings.model_dump(), "dtype": running.hardware.dtype},
            "signature": signature(seed=settings.seed, models={"base": folder}),
        },
    )


def _trained(
    start: Checkpoint, separator: int, settings: AdaptedQagen, questions: Path, running: Running
) -> tuple[Row, Adapter]:
    """How it was trained (`pairs`, `train_loss`, `curve`) and the adapter; a release holds both."""
    if settings.released is not None:
        folder = Path(settings.released)
        kept = read_json(folder / TRAINING)
        _check_settings(kept["settings"], settings, folder)
        print(f"train_qagen: {folder} is taken, nothing is trained", flush=True)
        return {**kept["metrics"], "curve": kept["curve"]}, adapter_folder.load(folder)
    examples = _examples(read_contexts(questions / "train.jsonl"), start, separator, settings)
    adapter, losses = train_lora(
        start,
        examples,
        settings.training,
        seed=settings.seed,
        title="train_qagen",
        running=running,
    )
    pairs = sum(len(example.targets) for example in examples)
    return {"pairs": pairs, "train_loss": losses[-1], "curve": curve(losses)}, adapter


def _check_settings(kept: Row, settings: AdaptedQagen, folder: Path) -> None:
    """A released adapter is what the settings would train, or `ParamsError` names the first key."""
    wanted = settings.model_dump(include={"seed", "separator", "max_source_tokens", "stored_dtype"})
    pairs = [(key, kept[key], value) for key, value in wanted.items()]
    for key, value in settings.training.model_dump().items():
        pairs.append((f"training.{key}", kept["training"][key], value))
    for key, trained, value in pairs:
        if trained != value:
            raise ParamsError(
                f"train_qagen.{key} is {value}, but {folder} was trained with {trained}: "
                "set train_qagen.released to null to train another"
            )


def _examples(
    contexts: list[Context], start: Checkpoint, separator: int, settings: AdaptedQagen
) -> list[Example]:
    return qagen_examples(
        contexts,
        start.tokenizer,
        separator=separator,
        end=start.model.config.eos_token_id,
        limit=settings.max_source_tokens,
    )


def gate(
    start: Checkpoint, separator: int, contexts: list[Context], settings: AdaptedQagen
) -> dict[str, float]:
    """Losses per token of question and answer, and how often the likeliest answer is the asked one.

    By kind of context, over the first `gate_contexts` that have an answer. `answer_exact` is the
    share of questions whose reference answer, end token included, is what greedy decoding writes.
    """
    found = {}
    for kind in ("article", "summary"):
        chosen = [c for c in contexts if c.kind == kind and any(q.answer for q in c.questions)]
        examples = _examples(chosen[: settings.gate_contexts], start, separator, settings)
        sources = [example.source for example in examples]
        questions, answers, exact = [], [], []
        for batch, memory in read_in_batches(start.model, sources, size=4, title="gate"):
            rows = [examples[i].targets for i in batch]
            for target, logprobs, hits in _judged(start, memory, rows):
                at = target.index(separator)
                questions += logprobs[: at + 1]
                answers += logprobs[at + 1 :]
                exact.append(float(all(hits[at + 1 :])))
        found |= {
            f"{kind}_question_loss": -mean(questions),
            f"{kind}_answer_loss": -mean(answers),
            f"{kind}_answer_exact": mean(exact),
        }
    return found


@torch.inference_mode()
def _judged(
    start: Checkpoint, memory: Memory, rows: list[list[list[int]]]
) -> list[tuple[list[int], list[float], list[bool]]]:
    """Every target with log p of its tokens, and whether each is the likeliest at its place."""
    model, config = start.model, start.model.config
    most = max(map(len, rows))
    flat = [row for group in rows for row in group + [[]] * (most - len(group))]
    ids, mask = pad(flat, config.pad_token_id, memory.device)
    ids, mask = (x.view(len(rows), most, -1) for x in (ids, mask))
    hidden = model.decode(shift_right(ids, config.decoder_start_token_id), memory)
    logits = model.logits(hidden[mask]).float()
    wanted = ids[mask]
    logprobs = -torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    hits = logits.argmax(-1) == wanted
    lengths = [len(row) for group in rows for row in group]
    parts = zip(logprobs.split(lengths), hits.split(lengths), strict=True)
    targets = (row for group in rows for row in group)
    return [(t, p.tolist(), h.tolist()) for t, (p, h) in zip(targets, parts, strict=True)]
