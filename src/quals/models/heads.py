"""T5 bodies with a head: the span reader of QAGS and the claim classifier of FactCC.

In both the encoder reads a context once and the decoder reads short texts about it, as question
generation taught it to; a head judges the decoder's state after the last token of each.
"""

from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from quals.jsonl import read_json
from quals.models import checkpoint
from quals.models.checkpoint import CheckpointError
from quals.models.device import device_of, home
from quals.models.interface import additive
from quals.models.t5 import T5, T5Config
from quals.models.tokenizer import SEPARATOR, TextTokenizer, pad


class Prober(T5):
    """A T5 that reads B contexts [B, S] and G texts about each."""

    def states(self, hidden: Tensor, mask: Tensor, texts: Tensor, last: Tensor) -> Tensor:
        """The decoder's states [B, G, d] at position `last` [B, G] of `texts` [B, G, T].

        `hidden` [B, S, d] are the encoded contexts, `mask` [B, S] is True where they have text.
        """
        decoded = self.decode(texts, self.remember(hidden, mask))
        chosen = last[..., None, None].expand(*last.shape, 1, decoded.shape[-1])
        return decoded.gather(2, chosen)[:, :, 0]


class SpanPointer(Prober):
    """A reader that points at the answer of a question in the context.

    The question's state is compared with every encoded token, once for the answer's start and once
    for its end; one more value stands for no answer.
    """

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.start = nn.Linear(config.d_model, config.d_model, bias=False)
        self.end = nn.Linear(config.d_model, config.d_model, bias=False)
        self.none = nn.Linear(config.d_model, 1)

    def forward(self, context: Tensor, mask: Tensor, questions: Tensor, last: Tensor) -> Tensor:
        """Start and end logits [B, G, 1 + S, 2]; position 0 is no answer, then the context's."""
        hidden = self.encode(context, mask)
        state = self.states(hidden, mask, questions, last)
        none = self.none(state)
        tokens = (hidden * self.config.d_model**-0.5).transpose(1, 2)
        padding = additive(mask)[:, 0]
        sides = [
            torch.cat([none, point(state) @ tokens + padding], dim=-1)
            for point in (self.start, self.end)
        ]
        return torch.stack(sides, dim=-1)


class ClaimClassifier(Prober):
    """Classes of claims about the context: 0 inconsistent, 1 consistent."""

    def __init__(self, config: T5Config):
        super().__init__(config)
        self.classes = nn.Linear(config.d_model, 2)

    def forward(self, context: Tensor, mask: Tensor, claims: Tensor, last: Tensor) -> Tensor:
        """Class logits [B, G, 2]."""
        return self.classes(self.states(self.encode(context, mask), mask, claims, last))


P = TypeVar("P", bound=Prober)
HEADS = ("start.", "end.", "none.", "classes.")


def load(kind: type[P], folder: Path | str) -> tuple[P, TextTokenizer]:
    """A model of that kind from its own folder, or a new head on the body in a plain T5 folder."""
    folder = Path(folder)
    family, config = checkpoint.read_config(folder)
    if not isinstance(config, T5Config):
        raise CheckpointError(f"{folder}/config.json: model_type is '{family}', a head needs 't5'")
    model = kind(config)
    own = read_json(folder / "config.json").get("architectures") == [checkpoint.architecture(model)]
    checkpoint.load_weights(model, folder, new=() if own else HEADS)
    return model.to(home()).eval(), TextTokenizer.load(folder)


class ProbeFormatter:
    """Builds a prober's inputs from token ids."""

    def __init__(self, model: Prober, tokenizer: TextTokenizer):
        self.model = model
        self.pad_id = model.config.pad_token_id
        self.start = model.config.decoder_start_token_id
        self.separator = tokenizer.id_of(SEPARATOR)

    def batch(
        self, contexts: list[list[int]], texts: list[list[list[int]]]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`context`, `mask`, `texts`, `last` as `forward` takes them.

        A text is framed by the decoder's start token and a separator; contexts with fewer texts
        than others get empty rows.
        """
        device = device_of(self.model)
        context, mask = pad(contexts, self.pad_id, device)
        rows = max(len(group) for group in texts)
        framed = [
            row
            for group in texts
            for row in [[self.start, *t, self.separator] for t in group]
            + [[]] * (rows - len(group))
        ]
        ids, present = pad(framed, self.pad_id, device)
        shape = (len(contexts), rows)
        last = (present.sum(1) - 1).clamp(min=0)
        return context, mask, ids.view(*shape, -1), last.view(shape)
