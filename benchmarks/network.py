"""What does `transformers` say about a target? Its own model of a folder, by plain calls.

Nothing is shared: a text is repeated and read anew for every target. N targets, T tokens, V words.
"""

from pathlib import Path

import torch
from torch import Tensor

from quals.models import checkpoint
from quals.models.families import FAMILIES
from quals.models.tokenizer import pad


class Network:
    """A model of `transformers` with the frame that its family wants around a text."""

    def __init__(self, folder: Path, *, attention: str = "sdpa"):
        import transformers

        self.kind, self.config = checkpoint.read_config(folder)
        theirs = getattr(transformers, FAMILIES[self.kind].architecture)
        self.model = theirs.from_pretrained(
            folder, attn_implementation=attention, dtype=torch.float32, use_safetensors=True
        ).eval()

    @property
    def encodes(self) -> bool:
        """Whether an encoder reads the text; elsewhere it is the beginning of what is written."""
        return self.kind in ("t5", "bart")

    def source(self, text: list[int]) -> list[int]:
        """A text as the encoder wants it: BART ends it; T5 sees padding where there is none."""
        if self.kind == "bart":
            return [*text, self.config.eos_token_id]
        return text or [self.config.pad_token_id] if self.kind == "t5" else text

    def logits(self, text: list[int], written: list[list[int]]) -> Tensor:
        """Scores [N, T + 1, V] after the start token and after each token of N beginnings."""
        ids, _ = pad(
            [[self.config.decoder_start_token_id, *row] for row in written],
            self.config.pad_token_id,
        )
        source = torch.tensor([self.source(text)], dtype=torch.long).expand(len(ids), -1)
        with torch.inference_mode():
            if self.encodes:
                return self.model(input_ids=source, decoder_input_ids=ids, use_cache=False).logits
            # No target sees what stands behind it: padding on the right needs no mask.
            joined = torch.cat([source, ids], 1)
            width = ids.shape[1]
            return self.model(input_ids=joined, logits_to_keep=width, use_cache=False).logits

    def next_logprobs(self, text: list[int], prefix: list[int]) -> Tensor:
        """Log p [V] of every token after a prefix."""
        return self.logits(text, [prefix])[0, -1].log_softmax(-1)

    def forced_logprobs(self, text: list[int], targets: list[list[int]]) -> list[list[float]]:
        """Log p of each token of each target: one pass over all of them."""
        if not targets:
            return []
        logprobs = self.logits(text, [target[:-1] for target in targets]).log_softmax(-1)
        ids, mask = pad(targets, self.config.pad_token_id)
        found = logprobs.gather(-1, ids[..., None])[..., 0]
        return [row[kept].tolist() for row, kept in zip(found, mask, strict=True)]
