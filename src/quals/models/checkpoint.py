"""How are networks stored? A folder with config.json, model.safetensors and tokenizer files."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from quals.errors import InputError
from quals.jsonl import read_json, write_json, write_whole
from quals.models.t5 import T5, T5Config
from quals.models.tokenizer import TextTokenizer

WEIGHTS = "model.safetensors"
TIED = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")


class CheckpointError(InputError):
    """A model folder cannot be used; the message names the file and what is wrong with it."""


@dataclass
class Checkpoint:
    """A network with its tokenizer."""

    model: T5
    tokenizer: TextTokenizer


def load(folder: Path | str) -> Checkpoint:
    """The encoder-decoder in `folder`, in evaluation mode. Safetensors only, no code is run."""
    folder = Path(folder)
    model = T5(read_config(folder))
    load_weights(model, folder)
    return Checkpoint(model.eval(), TextTokenizer.load(folder))


def read_config(folder: Path) -> T5Config:
    """The folder's `config.json`; unsupported architectures are refused by name."""
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; is '{folder}' a model folder?")
    config = read_json(path)
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: must hold an object, not {type(config).__name__}")
    expected = {"model_type": "t5", "feed_forward_proj": "relu", "tie_word_embeddings": True}
    for key, value in expected.items():
        if config.get(key) != value:
            raise CheckpointError(
                f"{path}: {key} is {config.get(key)!r}, only {value!r} is supported"
            )
    try:
        return T5Config.model_validate({key: config.get(key) for key in T5Config.model_fields})
    except ValidationError as error:
        raise CheckpointError(f"{path}: {error}") from error


def load_weights(
    model: nn.Module, folder: Path, *, new: tuple[str, ...] = (), unused: tuple[str, ...] = ()
) -> None:
    """Fill `model` from the folder's safetensors; any missing or surplus tensor raises.

    A new head on an old body: parameters that start with one of `new` may be absent from the file,
    tensors that start with one of `unused` may be absent from the model.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        pickled = sorted(p.name for p in folder.glob("*.bin")) if folder.is_dir() else []
        hint = f"; {pickled[0]} is pickled and is never loaded" if pickled else ""
        raise CheckpointError(f"{path}: no such weight file{hint}")
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from error
    state = {name: tensor for name, tensor in state.items() if name not in TIED}
    try:
        missing, surplus = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {error}") from error
    missing = [name for name in missing if not name.startswith(new or "\0")]
    surplus = [name for name in surplus if not name.startswith(unused or "\0")]
    if missing or surplus:
        raise CheckpointError(f"{path}: missing {missing[:3]}, surplus {surplus[:3]}")


def save(model: nn.Module, tokenizer: TextTokenizer, folder: Path, **extra_config: object) -> None:
    """Write a folder that this module and, for a plain T5, `transformers` load."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        **model.config.model_dump(),
        "architectures": [architecture(model)],
        "model_type": "t5",
        "feed_forward_proj": "relu",
        "tie_word_embeddings": True,
        "dropout_rate": 0.0,
        **extra_config,
    }
    write_json(folder / "config.json", config)
    tokenizer.save(folder)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_whole(folder / WEIGHTS, lambda path: save_file(state, path, metadata={"format": "pt"}))


def architecture(model: nn.Module) -> str:
    """The name in `config.json`; a plain T5 has the one that `transformers` knows."""
    name = type(model).__name__
    return f"{name}ForConditionalGeneration" if name == "T5" else name


def parameters(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in model.parameters())
