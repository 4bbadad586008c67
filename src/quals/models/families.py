"""Which networks are known? The hub's `config.json` of each family, read and written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from quals.models.bart import BART, BartConfig
from quals.models.causal import CausalConfig, CausalModel
from quals.models.t5 import T5, T5Config
from quals.params import Section

Raw = Mapping[str, object]


@dataclass(frozen=True)
class Family:
    """One `model_type`.

    `required` and `assumed` are keys that must have this value, where `assumed` ones may be absent.
    `tied` tensors are copies of others and left out; `optional` ones may be absent from a file.
    """

    network: Callable[[Section], nn.Module]
    architecture: str
    config: type[Section]
    read: Callable[[Raw], dict[str, object]]
    required: dict[str, object] = field(default_factory=dict)
    assumed: dict[str, object] = field(default_factory=dict)
    tied: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    body_prefix: str = ""  # what the tensors of a file without a head lack


def _as_named(config: type[Section]) -> Callable[[Raw], dict[str, object]]:
    return lambda raw: {name: raw.get(name) for name in config.model_fields}


def _causal(kind: str) -> Callable[[Raw], dict[str, object]]:
    """Llama's keys with what its relatives fix or leave out."""

    def read(raw: Raw) -> dict[str, object]:
        heads, size = raw.get("num_attention_heads"), raw.get("hidden_size")
        biased = bool(raw.get("attention_bias", False))
        turning = raw.get("rope_parameters") or {}
        ends = raw.get("eos_token_id")
        end = ends[0] if isinstance(ends, list) and ends else ends
        pad, start = raw.get("pad_token_id"), raw.get("decoder_start_token_id")
        head = raw.get("head_dim")
        if head is None and isinstance(heads, int) and isinstance(size, int) and heads > 0:
            head = size // heads
        return {
            **_as_named(CausalConfig)(raw),
            "num_key_value_heads": raw.get("num_key_value_heads") or heads,
            "head_dim": head,
            "rope_theta": raw.get("rope_theta", turning.get("rope_theta", 10000.0)),
            "query_bias": kind == "qwen2" or biased,
            "output_bias": kind != "qwen2" and biased,
            "feed_forward_bias": bool(raw.get("mlp_bias", False)),
            "query_norm": kind == "qwen3",
            "tie_word_embeddings": raw.get("tie_word_embeddings", False),
            # Hub folders of plain language models name neither padding nor a first token.
            "pad_token_id": end if pad is None else pad,
            "decoder_start_token_id": raw.get("bos_token_id") if start is None else start,
            "eos_token_id": end,
        }

    return read


def _causal_family(kind: str, architecture: str) -> Family:
    return Family(
        network=CausalModel,
        architecture=architecture,
        config=CausalConfig,
        read=_causal(kind),
        assumed={"hidden_act": "silu", "use_sliding_window": False, "rope_scaling": None},
    )


FAMILIES = {
    "t5": Family(
        network=T5,
        architecture="T5ForConditionalGeneration",
        config=T5Config,
        read=_as_named(T5Config),
        required={"feed_forward_proj": "relu", "tie_word_embeddings": True},
        tied=("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"),
    ),
    "bart": Family(
        network=BART,
        architecture="BartForConditionalGeneration",
        config=BartConfig,
        read=_as_named(BartConfig),
        required={"activation_function": "gelu"},
        assumed={
            "tie_word_embeddings": True,
            "normalize_before": False,
            "add_final_layer_norm": False,
            "normalize_embedding": True,
        },
        tied=(
            "model.encoder.embed_tokens.weight",
            "model.decoder.embed_tokens.weight",
            "lm_head.weight",
        ),
        optional=("final_logits_bias",),
        body_prefix="model.",
    ),
    "llama": _causal_family("llama", "LlamaForCausalLM"),
    "qwen2": _causal_family("qwen2", "Qwen2ForCausalLM"),
    "qwen3": _causal_family("qwen3", "Qwen3ForCausalLM"),
}


def family_of(model: nn.Module) -> str:
    """The `model_type` of a network."""
    if isinstance(model, CausalModel):
        config = model.config
        if config.query_norm:
            return "qwen3"
        return "qwen2" if config.query_bias and not config.output_bias else "llama"
    return "bart" if isinstance(model, BART) else "t5"


def hub_config(model: nn.Module) -> dict[str, object]:
    """What `transformers` needs in `config.json` to build the same network."""
    kind = family_of(model)
    config: Section = model.config
    values = {**config.model_dump(), "model_type": kind}
    if kind == "t5":
        return {**values, **FAMILIES[kind].required, "dropout_rate": 0.0}
    if kind == "bart":
        # transformers ends every summary with this token unless it is told otherwise.
        relics = {"forced_eos_token_id": None, "bos_token_id": values["eos_token_id"]}
        quiet = dict.fromkeys(("dropout", "attention_dropout", "activation_dropout"), 0.0)
        heads = {"num_hidden_layers": values["encoder_layers"]}
        return {**values, **FAMILIES[kind].required, **relics, **quiet, **heads}
    ours = ("query_bias", "output_bias", "feed_forward_bias", "query_norm", "rope_theta")
    shared = {key: value for key, value in values.items() if key not in ours}
    bias = values["query_bias"] if kind != "qwen2" else None
    return {
        **shared,
        "rope_parameters": {"rope_theta": values["rope_theta"], "rope_type": "default"},
        "attention_bias": bias,
        "mlp_bias": values["feed_forward_bias"],
        "hidden_act": "silu",
        "bos_token_id": values["decoder_start_token_id"],
        "max_position_embeddings": 32768,
    }
