"""How does a pretrained BERT judge two texts at once? With a head, by `transformers`.

It reads them together: [CLS] first [SEP] second [SEP]. Folders are the hub's, safetensors only.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from quals.jsonl import read_json, write_text, write_whole
from quals.models.checkpoint import WEIGHTS, CheckpointError, read_tensors
from quals.models.device import device_of, home
from quals.models.tokenizer import TextTokenizer, pad
from quals.models.wordpiece import BETWEEN, FIRST

KIND = "bert"
SPECIAL = 3  # tokens of a pair that are neither text
BODY = ("bert.embeddings.", "bert.encoder.")

Inputs = dict[str, Tensor]
Pairs = Sequence[tuple[list[int], list[int]]]


@dataclass(frozen=True)
class Head:
    """What `transformers` calls a network with this head, who builds it, and what it tells."""

    architecture: str
    builder: str
    labels: tuple[str, ...]


SPAN = Head("BertForQuestionAnswering", "AutoModelForQuestionAnswering", ("start", "end"))
CLAIM = Head(
    "BertForSequenceClassification",
    "AutoModelForSequenceClassification",
    ("inconsistent", "consistent"),
)


class Encoder:
    """A network with its tokenizer, and how pairs of texts become its inputs."""

    def __init__(self, model: nn.Module, tokenizer: TextTokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.first, self.between = tokenizer.id_of(FIRST), tokenizer.id_of(BETWEEN)

    def batch(self, pairs: Pairs) -> Inputs:
        """The network's arguments [B, S] for pairs of token ids, padded on the right."""
        rows = [[self.first, *a, self.between, *b, self.between] for a, b in pairs]
        sides = [[0] * (len(a) + 2) + [1] * (len(b) + 1) for a, b in pairs]
        device = device_of(self.model)
        ids, mask = pad(rows, self.model.config.pad_token_id, device)
        return {
            "input_ids": ids,
            "attention_mask": mask.long(),
            "token_type_ids": pad(sides, 0, device)[0],
        }


def is_encoder(folder: Path | str) -> bool:
    """Whether a model folder holds an encoder, by its `config.json`."""
    path = Path(folder) / "config.json"
    config = read_json(path) if path.is_file() else None
    return isinstance(config, dict) and config.get("model_type") == KIND


def load(head: Head, folder: Path | str, *, longest: int) -> Encoder:
    """A trained encoder with this head, in evaluation mode, for pairs of up to `longest` tokens.

    `CheckpointError` where the folder holds anything else, or the encoder takes fewer tokens.
    """
    return _build(head, Path(folder), longest, dropout=0.0, new=False)


def start(head: Head, folder: Path | str, *, longest: int, dropout: float) -> Encoder:
    """The encoder in `folder` with a new head, which torch's generator draws.

    `dropout` is that of hidden states and of attention in training.
    """
    return _build(head, Path(folder), longest, dropout=dropout, new=True)


def _build(head: Head, folder: Path, longest: int, *, dropout: float, new: bool) -> Encoder:
    _check_config(folder, head, longest, new=new)
    tokenizer = TextTokenizer.load(folder)
    import transformers  # takes seconds

    config = transformers.AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    config.id2label = dict(enumerate(head.labels))
    config.label2id = {label: at for at, label in enumerate(head.labels)}
    builder = getattr(transformers, head.builder)
    model = builder.from_config(config, dtype=torch.float32, trust_remote_code=False)
    _fill(model, folder, new=new)
    try:
        return Encoder(model.to(home()).eval(), tokenizer)
    except ValueError as error:
        raise CheckpointError(f"{folder}/tokenizer.json: {error}") from error


def _check_config(folder: Path, head: Head, longest: int, *, new: bool) -> None:
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; is '{folder}' a model folder?")
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("model_type") != KIND:
        kind = raw.get("model_type") if isinstance(raw, dict) else None
        raise CheckpointError(f"{path}: model_type is {kind!r}, an encoder's is '{KIND}'")
    found = raw.get("architectures")
    if not new and found != [head.architecture]:
        raise CheckpointError(f"{path}: architectures is {found}, not ['{head.architecture}']")
    if raw.get("position_embedding_type", "absolute") != "absolute":
        raise CheckpointError(f"{path}: only position_embedding_type 'absolute' is supported")
    most = raw.get("max_position_embeddings")
    if not isinstance(most, int) or longest > most:
        raise CheckpointError(f"{path}: it takes {most} tokens, {longest} are asked for (longest)")


def _fill(model: nn.Module, folder: Path, *, new: bool) -> None:
    """The folder's values; only those of a new head may be missing, and of an old one be left."""
    path, state = read_tensors(folder)
    if not any(name.startswith("bert.") for name in state):  # a file without a head
        state = {"bert." + name: tensor for name, tensor in state.items()}
    # Older files hold the numbers 0, 1, 2, ... of the positions.
    state = {name: tensor for name, tensor in state.items() if not name.endswith("position_ids")}
    try:
        missing, surplus = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if new:
        missing, surplus = (
            [name for name in names if name.startswith(BODY)] for names in (missing, surplus)
        )
    if missing or surplus:
        raise CheckpointError(f"{path}: missing {missing[:3]}, surplus {surplus[:3]}")


def save(encoder: Encoder, folder: Path) -> None:
    """Write a folder that `load` and `transformers` read."""
    folder.mkdir(parents=True, exist_ok=True)
    model = encoder.model
    config = json.loads(model.config.to_json_string(use_diff=False))
    kept = {
        key: value
        for key, value in config.items()
        if key != "transformers_version" and not key.startswith("_")  # where it was read from
    }
    kept["architectures"] = [type(model).__name__]
    # Not `write_json`, which rounds: an epsilon of 1e-12 would be 0.
    write_text(folder / "config.json", json.dumps(kept, indent=2, sort_keys=True) + "\n")
    encoder.tokenizer.save(folder)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_whole(folder / WEIGHTS, lambda path: save_file(state, path, metadata={"format": "pt"}))
