"""How fast does this device compute? Seconds of single layers, measured in a few seconds.

Small networks run far below the rate of a large matrix product, so the peak predicts nothing. Here
a layer of a network's own width is timed on one token and on many; a straight line through
both gives the seconds of a call and the rate. So for the projection to the vocabulary, each forward
alone and with its backward pass. Inputs are seeded.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from quals.doctor.arithmetic import Mode, blocks
from quals.doctor.shapes import Shape
from quals.scoring.hardware import precision

REPEATS = 5
MOST_SECONDS = 1.5  # of all repeats of one measurement
OPERATIONS = 2**31  # about so many in the measurement of many tokens, within these bounds
TOKENS = (256, 2048)
TEXT = 64  # tokens of a text
WRITTEN = 32  # tokens that a row which is written has behind it
ROWS = 16  # rows written about a text
SCORES = (64, 2**14)  # rows and scores of each
SAMPLE = 2**22  # weights of the optimiser's measurement
TRAINING = ("train", "adapt")
Clock = Callable[[], float]


@dataclass(frozen=True)
class Rate:
    """Of one width: seconds of a call, operations per second beyond it. A block is half a layer."""

    block: float
    layers: float
    call: float
    head: float


@dataclass(frozen=True)
class Rates:
    """Of a device: of shapes and modes, of the optimiser, of small operations.

    `weight` are seconds of the optimiser for each weight, `tensor` for each tensor, `choice` those
    of a small operation, `score` of choosing among the vocabulary for each of its scores.
    """

    shapes: dict[str, Rate]
    weight: float
    tensor: float
    choice: float
    score: float

    def of(self, shape: Shape, mode: Mode) -> Rate:
        return self.shapes[f"{key_of(shape)} {mode}"]

    def to_row(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict) -> "Rates":
        shapes = {key: Rate(**found) for key, found in row["shapes"].items()}
        return cls(shapes, row["weight"], row["tensor"], row["choice"], row["score"])


def key_of(shape: Shape) -> str:
    """Shapes with one key have one rate."""
    return f"{shape.kind}-{shape.width}-{shape.inner}-{shape.vocabulary}"


class Layer(nn.Module):
    """Self-attention and feed-forward with norms, of a shape's sizes."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads, self.size = shape.heads, shape.attention // shape.heads
        self.shared = shape.shared // self.size
        width = shape.width
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, shape.attention, bias=False)
        self.key = nn.Linear(width, shape.shared, bias=False)
        self.value = nn.Linear(width, shape.shared, bias=False)
        self.out = nn.Linear(shape.attention, width, bias=False)
        self.up = nn.Linear(width, shape.inner, bias=False)
        self.gate = nn.Linear(width, shape.inner, bias=False) if shape.gated else None
        self.down = nn.Linear(shape.inner, width, bias=False)
        self.crosses = shape.crossing > 0

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Hidden states [B, S, d] to the same; `bias` [B, 1, 1, S] masks padding, as texts need."""
        normed = self.first(x)
        heads = [
            part(normed).unflatten(-1, (-1, self.size)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        attended = nn.functional.scaled_dot_product_attention(
            *heads, attn_mask=bias.to(heads[0].dtype), enable_gqa=self.shared != self.heads
        )
        return self.feed(x + self.out(attended.transpose(1, 2).flatten(2)))

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward half."""
        normed = self.second(x)
        inner = nn.functional.gelu(self.up(normed))
        return x + self.down(inner if self.gate is None else inner * self.gate(normed))

    def step(self, x: Tensor, own: Tensor, text: Tensor) -> Tensor:
        """One token [B, G, d] of each row, over the row's tokens [B, G, H, W, D] and the text's.

        The text's are [B, H, S, D]. Without cross-attention one query sees both.
        """
        normed = self.first(x)
        query, key, value = self.query(normed), self.key(normed), self.value(normed)
        for cached in (key, value):
            own[..., -1, :] = cached.unflatten(-1, (self.shared, self.size))
        heads = query.unflatten(-1, (self.heads, 1, self.size))
        found = self._over(heads, own)
        if self.crosses:
            x = x + self.out(found.flatten(2))
            heads = self.query(self.first(x)).unflatten(-1, (self.heads, 1, self.size))
            found = self._over(heads[..., 0, :].transpose(1, 2), text).transpose(1, 2)
        else:
            found = found[..., 0, :] + self._over(heads[..., 0, :].transpose(1, 2), text).transpose(
                1, 2
            )
        return self.feed(x + self.out(found.flatten(2)))

    def _over(self, query: Tensor, cached: Tensor) -> Tensor:
        """Attention by two products, as over a cache."""
        if self.shared != self.heads:
            cached = cached.repeat_interleave(self.heads // self.shared, dim=-3)
        return (query @ cached.transpose(-1, -2) * self.size**-0.5).softmax(-1) @ cached


def measure(
    needed: Iterable[tuple[Shape, Mode]],
    *,
    dtype: str = "float32",
    device: str = "cpu",
    clock: Clock = time.perf_counter,
) -> Rates:
    """The rates of this device for shapes and modes, with torch's threads.

    Training computes its products in `dtype`; all else is exact.
    """
    run, training = Stopwatch(device, "float32", clock), Stopwatch(device, dtype, clock)
    found = {
        f"{key_of(shape)} {mode}": (training if mode in TRAINING else run).rate(shape, mode)
        for shape, mode in needed
    }
    weight, tensor = run.optimiser()
    return Rates(found, weight, tensor, run.choice(), run.score())


@dataclass(frozen=True)
class Stopwatch:
    """Times calls on a device."""

    device: str
    dtype: str
    clock: Clock

    def seconds(self, call: Callable[[], object]) -> float:
        """The median of a few calls after a first one."""
        found: list[float] = []
        for _ in range(REPEATS + 1):
            start = self.clock()
            with precision(self.dtype):
                call()
            self._wait()
            found.append(self.clock() - start)
            if sum(found) > MOST_SECONDS and len(found) > 1:
                break
        return statistics.median(found[1:])

    def _wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()

    def rate(self, shape: Shape, mode: Mode) -> Rate:
        """As `arithmetic` counts: backward passes count twice, once with frozen weights."""
        torch.manual_seed(0)
        training = mode in TRAINING
        layer = Layer(shape).to(self.device).requires_grad_(mode == "train")
        times = {"read": 1, "write": 1, "adapt": 2, "train": 3}[mode]
        if mode == "write":
            texts = 256 // ROWS
            few, many = self._step(layer, shape, 1, 1), self._step(layer, shape, texts, ROWS)
            weights = shape.layer + shape.crossing
            work = 256 * (2 * weights + 4 * shape.attention * (WRITTEN + TEXT))
            parts = sum(blocks(shape)[1:]) / max(1, shape.decoder_layers)
        else:
            tokens = int(min(max(OPERATIONS // (2 * shape.layer * times), TOKENS[0]), TOKENS[1]))
            few, many = (
                self._pass(layer, shape, n, size, training=training)
                for n, size in ((1, 1), (tokens // TEXT, TEXT))
            )
            tokens = tokens // TEXT * TEXT
            seen = (3 if training else 1) * 4 * shape.attention * tokens * TEXT
            work, parts = times * 2 * shape.layer * tokens + seen, 2
        head = nn.Linear(shape.width, shape.vocabulary, bias=False).to(self.device)
        head.requires_grad_(mode == "train")
        rows = max(16, min(256, OPERATIONS // (2 * shape.head * times)))
        one, several = (self._head(head, shape, n, training=training) for n in (1, rows))
        return Rate(
            block=few / parts,
            layers=work / max(many - few, many / 10),
            call=one,
            head=times * 2 * shape.head * (rows - 1) / max(several - one, several / 10),
        )

    def _step(self, layer: Layer, shape: Shape, texts: int, rows: int) -> float:
        x = torch.randn(texts, rows, shape.width, device=self.device)
        size = shape.attention // shape.heads
        shared = shape.shared // size
        own = torch.zeros(texts, rows, shared, WRITTEN, size, device=self.device)
        text = torch.zeros(texts, shared, TEXT, size, device=self.device)

        def call() -> None:
            with torch.inference_mode():
                layer.step(x, own, text)

        return self.seconds(call)

    def _pass(self, layer: Layer, shape: Shape, texts: int, size: int, *, training: bool) -> float:
        x = torch.randn(texts, size, shape.width, device=self.device, requires_grad=training)
        bias = torch.zeros(texts, 1, 1, size, device=self.device)

        def call() -> None:
            with torch.set_grad_enabled(training):
                found = layer(x, bias)
                if training:
                    found.sum().backward()

        return self.seconds(call)

    def _head(self, head: nn.Linear, shape: Shape, rows: int, *, training: bool) -> float:
        x = torch.randn(rows, shape.width, device=self.device, requires_grad=training)
        wanted = torch.arange(rows, device=self.device) % shape.vocabulary

        def call() -> None:
            with torch.set_grad_enabled(training):
                loss = nn.functional.cross_entropy(head(x).float(), wanted)
                if training:
                    loss.backward()

        return self.seconds(call)

    def optimiser(self) -> tuple[float, float]:
        """Seconds of clipping and AdamW for each weight and for each tensor."""
        found = []
        for count, size in ((64, 16), (64, SAMPLE // 64)):
            tensors = [nn.Parameter(torch.zeros(size, device=self.device)) for _ in range(count)]
            for tensor in tensors:
                tensor.grad = torch.zeros_like(tensor)
            optimiser = torch.optim.AdamW(tensors, fused=True)

            def call(tensors=tensors, optimiser=optimiser) -> None:
                nn.utils.clip_grad_norm_(tensors, 1.0)
                optimiser.step()

            found.append(self.seconds(call))
        few, many = found
        return max(many - few, many / 10) / SAMPLE, few / 64

    def choice(self) -> float:
        """Seconds of an operation on a few numbers."""
        x = torch.zeros(8, device=self.device)

        def call() -> None:
            y = x
            for _ in range(100):
                y = torch.add(y, 1)

        return self.seconds(call) / 100

    def score(self) -> float:
        """Seconds of log-softmax and of finding the largest, for each score."""
        x = torch.randn(*SCORES, device=self.device)
        return self.seconds(lambda: x.log_softmax(-1).topk(8)) / x.numel()
