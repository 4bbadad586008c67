"""How large are the networks that a scale names? Sizes from its settings, a folder, or its name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["t5", "bart", "causal", "encoder"]
Raw = Mapping[str, object]


@dataclass(frozen=True)
class Shape:
    """Sizes of a transformer. `attention` is the width of all heads, `shared` that of the keys.

    `gated` feed-forward layers have three matrices, others two.
    """

    kind: Kind
    vocabulary: int
    width: int
    heads: int
    attention: int
    shared: int
    inner: int
    gated: bool
    encoder_layers: int
    decoder_layers: int
    positions: int  # learned position embeddings

    @property
    def layer(self) -> int:
        """Weights of self-attention and feed-forward of one layer."""
        own = 2 * self.width * (self.attention + self.shared)
        return own + (3 if self.gated else 2) * self.width * self.inner

    @property
    def crossing(self) -> int:
        """Weights of one layer's cross-attention over the text, and as many over the target."""
        return 2 * self.width * self.attention if self.kind in ("t5", "bart") else 0

    @property
    def over_source(self) -> int:
        """Weights that each token of a text passes."""
        if self.kind == "causal":
            return self.decoder_layers * self.layer
        return self.encoder_layers * self.layer + self.decoder_layers * self.crossing

    @property
    def over_target(self) -> int:
        """Weights that each token of a target passes, without the vocabulary."""
        return self.decoder_layers * (self.layer + self.crossing)

    @property
    def head(self) -> int:
        """Weights of the projection to the vocabulary, which is tied to the embedding."""
        return self.width * self.vocabulary

    @property
    def parameters(self) -> int:
        """All weights but for biases and norms, which are less than a percent."""
        layers = self.encoder_layers + self.decoder_layers
        crossing = self.decoder_layers * 2 * self.crossing
        return layers * self.layer + crossing + self.head + self.positions * self.width


def from_config(raw: Raw) -> Shape | None:
    """The sizes in a hub folder's `config.json`; None where they are of no known kind."""
    match raw.get("model_type"):
        case "t5":
            return t5(
                raw["vocab_size"],
                raw["d_model"],
                raw["num_layers"],
                raw.get("num_decoder_layers") or raw["num_layers"],
                raw["num_heads"],
                raw["d_kv"],
                raw["d_ff"],
                gated="gated" in str(raw.get("feed_forward_proj", "relu")),
            )
        case "bart":
            return bart(
                raw["vocab_size"],
                raw["d_model"],
                raw["encoder_layers"],
                raw["decoder_layers"],
                raw["encoder_attention_heads"],
                raw["encoder_ffn_dim"],
            )
        case "bert" | "roberta" | "distilbert":
            return bert(
                raw["vocab_size"],
                raw["hidden_size"],
                raw["num_hidden_layers"],
                raw["num_attention_heads"],
                raw["intermediate_size"],
            )
        case "llama" | "qwen2" | "qwen3":
            heads = raw["num_attention_heads"]
            size = raw.get("head_dim") or raw["hidden_size"] // heads
            return Shape(
                kind="causal",
                vocabulary=raw["vocab_size"],
                width=raw["hidden_size"],
                heads=heads,
                attention=heads * size,
                shared=(raw.get("num_key_value_heads") or heads) * size,
                inner=raw["intermediate_size"],
                gated=True,
                encoder_layers=0,
                decoder_layers=raw["num_hidden_layers"],
                positions=0,
            )
    return None


def t5(
    vocabulary: int,
    width: int,
    encoder: int,
    decoder: int,
    heads: int,
    head: int,
    inner: int,
    *,
    gated: bool = False,
) -> Shape:
    """`head` is the width of one."""
    all_heads = heads * head
    return Shape(
        "t5", vocabulary, width, heads, all_heads, all_heads, inner, gated, encoder, decoder, 0
    )


def bart(vocabulary: int, width: int, encoder: int, decoder: int, heads: int, inner: int) -> Shape:
    return Shape(
        "bart", vocabulary, width, heads, width, width, inner, False, encoder, decoder, 2 * 1026
    )


def bert(vocabulary: int, width: int, layers: int, heads: int, inner: int) -> Shape:
    return Shape("encoder", vocabulary, width, heads, width, width, inner, False, layers, 0, 514)


def scratch_t5(network: Raw) -> Shape:
    """The sizes of a `network` section, which a T5 is trained from scratch with."""
    sizes = [network[name] for name in ("layers", "layers", "heads", "d_kv", "d_ff")]
    return t5(network["vocab_size"], network["d_model"], *sizes)


# By what a hub id holds, in this order; sizes as in the config.json of each.
KNOWN = {
    "bart-large": bart(50265, 1024, 12, 12, 16, 4096),
    "bart-base": bart(50265, 768, 6, 6, 12, 3072),
    "bert-large": bert(30522, 1024, 24, 16, 4096),
    "bert-base": bert(30522, 768, 12, 12, 3072),
    "roberta-large": bert(50265, 1024, 24, 16, 4096),
    "roberta-base": bert(50265, 768, 12, 12, 3072),
    "MiniLM-L6": bert(30522, 384, 6, 12, 1536),
    "minilm": bert(30522, 384, 6, 12, 1536),
    "SmolLM2-135M": Shape("causal", 49152, 576, 9, 576, 192, 1536, True, 0, 30, 0),
    "smollm2": Shape("causal", 49152, 576, 9, 576, 192, 1536, True, 0, 30, 0),
}


def of_folder(folder: Path) -> Shape | None:
    """The sizes of the model in a folder; None where there is none that can be read."""
    try:
        return from_config(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of_name(name: str) -> Shape | None:
    """The sizes of a model that is known by its hub id or folder."""
    last = name.partition("@")[0].rpartition("/")[2]
    return next((shape for part, shape in KNOWN.items() if part in last), None)
