"""How much does a network compute? Operations and calls of reading, training and writing.

A product of [m, k] with [k, n] takes 2 m k n operations. With N weights that a token passes:

    reading           2 N   forward
    training          6 N   forward, and backward to the inputs and to the weights, 2 N each
    adapter training  4 N   a frozen base's weights need no gradient: forward, and to the inputs
    writing           2 N   for each row that is written, a token at a time

Attention adds 4 x width for each pair of a query and a key that it sees, per layer, in every kind
of pass (in training thrice: both sides of its products depend on what is trained). The vocabulary's
projection counts for targets only. Norms, activations and softmax count no operations; their time
is in the measured rates, which are those of whole layers.

Targets meet by their texts' lengths and not by their own: a batch is as wide as its longest target,
and the layers compute its padding too, while the vocabulary is computed for real tokens only. Where
texts differ in the number of targets, a batch has as many for each as the one with most.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from quals.doctor.shapes import Shape

Mode = Literal["read", "write", "train", "adapt"]
LONGEST = 1.5  # a batch's longest target, in times of the mean; and its most targets of a text
LEAVING = (
    0.5  # share of the steps of a search at which some text is done: half of 96 on the testbed
)


@dataclass(frozen=True)
class Load:
    """Work of one network: operations of `layers` and `head`, calls of these: `blocks`, `passes`.

    A block is an attention or a feed-forward; `updates` are weights times optimiser steps, so are
    `tensors`; `choices` are small operations outside the network, `scores` those of the vocabulary
    among which a token is chosen, `moved` numbers of a cache that change places.
    """

    shape: Shape
    mode: Mode
    layers: float = 0.0
    head: float = 0.0
    blocks: float = 0.0
    passes: float = 0.0
    updates: float = 0.0
    tensors: float = 0.0
    choices: float = 0.0
    scores: float = 0.0
    moved: float = 0.0

    @property
    def flops(self) -> float:
        return self.layers + self.head

    def plus(self, other: "Load") -> "Load":
        """The work of both, of one network in one mode."""
        values = {name: getattr(self, name) + getattr(other, name) for name in _ADDITIVE}
        return Load(self.shape, self.mode, **values)

    def times(self, count: float) -> "Load":
        values = {name: count * getattr(self, name) for name in _ADDITIVE}
        return Load(self.shape, self.mode, **values)


_ADDITIVE = (
    "layers",
    "head",
    "blocks",
    "passes",
    "updates",
    "tensors",
    "choices",
    "scores",
    "moved",
)


def forward(shape: Shape, source: float, targets: float, target: float) -> tuple[float, float]:
    """Operations of layers and of the head: a text of `source` tokens read once, its `targets` too.

    Each target has `target` tokens and sees the text. Targets of an encoder are not read: it has
    one text only.
    """
    tokens = targets * target
    layers = 2 * source * shape.over_source + 2 * tokens * shape.over_target
    if shape.kind == "causal":
        seen = source * (source + 1) / 2 + targets * target * (target + 1) / 2 + tokens * source
        layers += 4 * shape.attention * shape.decoder_layers * seen
    else:
        own = targets * target * (target + 1) / 2 + tokens * source
        layers += 4 * shape.attention * shape.encoder_layers * source**2
        layers += 4 * shape.attention * shape.decoder_layers * own
    return layers, 2 * tokens * shape.head if shape.decoder_layers else 0.0


def widened(targets: float, target: float, *, ragged: bool) -> tuple[float, float]:
    """Number and tokens of targets with padding; `ragged` where texts differ in the number."""
    return targets * (LONGEST if ragged else 1), LONGEST * target


def blocks(shape: Shape) -> tuple[int, int]:
    """Attentions and feed-forwards that a text passes, and those that a target passes."""
    if shape.kind == "causal":
        return 2 * shape.decoder_layers, 2 * shape.decoder_layers
    return 2 * shape.encoder_layers, 3 * shape.decoder_layers


def read(
    shape: Shape,
    *,
    texts: float,
    source: float,
    targets: float,
    target: float,
    batch: float,
    chooses: bool = True,
    ragged: bool = False,
) -> Load:
    """Texts and their targets under teacher forcing, `batch` texts at once.

    Without `chooses` the network ends before the vocabulary.
    """
    layers, _ = forward(shape, source, *widened(targets, target, ragged=ragged))
    head = forward(shape, source, targets, target)[1] if chooses else 0.0
    calls = texts / min(batch, texts) if texts else 0.0
    return Load(
        shape,
        "read",
        layers=texts * layers,
        head=texts * head,
        blocks=calls * sum(blocks(shape)),
        passes=calls if head else 0.0,
    )


def write(
    shape: Shape,
    *,
    texts: float,
    source: float,
    rows: float,
    target: float,
    steps: float,
    batch: float,
    choices: float,
    searches: bool = False,
) -> list[Load]:
    """Texts read once, then `rows` targets of `target` tokens each, one token at a time.

    A batch takes `steps` steps, more than a target's tokens where rows that have ended no longer
    run; `choices` small operations follow each step. In a search, rows change places after each
    step and take what they have written along, and so do those that stay when texts leave.
    """
    calls = texts / min(batch, texts) if texts else 0.0
    of_text, of_target = blocks(shape)
    alone, _ = forward(shape, source, 0, 0)
    both, head = forward(shape, source, rows, target)
    kept = 2 * shape.decoder_layers * shape.shared  # numbers of a token
    # Texts that stay when others leave go to a new cache, which is cleared first: twice the work.
    moved = (1 + 2 * LEAVING) * rows * kept * target**2 / 2 if searches else 0.0
    return [
        Load(shape, "read", layers=texts * alone, blocks=calls * of_text),
        Load(
            shape,
            "write",
            layers=texts * (both - alone),
            head=texts * head,
            blocks=calls * steps * of_target,
            passes=calls * steps,
            choices=calls * steps * choices,
            scores=texts * rows * target * shape.vocabulary,
            moved=texts * moved,
        ),
    ]


def train(
    shape: Shape,
    *,
    texts: float,
    source: float,
    targets: float,
    target: float,
    calls: float,
    steps: float,
    frozen: bool = False,
    adapter: int = 0,
    chooses: bool = True,
    ragged: bool = False,
) -> Load:
    """`texts` texts in `calls` forward and backward passes and `steps` updates.

    With a `frozen` base only an adapter of that many weights learns.
    """
    rows, longest = widened(targets, target, ragged=ragged)
    layers, _ = forward(shape, source, rows, longest)
    head = forward(shape, source, targets, target)[1] if chooses else 0.0
    weights = 2 * source * shape.over_source + 2 * rows * longest * shape.over_target
    # Attention's products need both gradients, whatever is frozen.
    passes = 2 * weights + 3 * (layers - weights) if frozen else 3 * layers
    tensors = 8 * (shape.encoder_layers + 2 * shape.decoder_layers)
    return Load(
        shape,
        "adapt" if frozen else "train",
        layers=texts * passes,
        head=texts * head * (2 if frozen else 3),
        blocks=calls * sum(blocks(shape)),
        passes=calls if head else 0.0,
        updates=steps * (adapter if frozen else shape.parameters),
        tensors=steps * tensors,
    )


def total(loads: Iterable[Load]) -> float:
    """All operations."""
    return sum(load.flops for load in loads)
