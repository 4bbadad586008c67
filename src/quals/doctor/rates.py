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
from torch import nn

from quals.doctor.arithmetic import Mode, blocks
from quals.doctor.layers import TEXT, Layer
from quals.doctor.shapes import Shape
from quals.scoring.hardware import precision
from quals.training.optimizer import PlainAdamW

REPEATS = 5
MOST_SECONDS = 1.5  # of all repeats of one measurement
OPERATIONS = 2**31  # about so many in the measurement of many tokens, within these bounds
TOKENS = (256, 2048)
WRITTEN = 32  # tokens that a row which is written has behind it
ROWS = 16  # rows written about a text
SCORES = (64, 2**14)  # rows and scores of each
MOVED = (400, 8, 32, 16)  # rows, heads, tokens and numbers of a cache, of which half are written
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
    of a small operation, `score` of choosing among the vocabulary for each of its scores, `move` of
    giving a cache's numbers other places, for each of them.
    """

    shapes: dict[str, Rate]
    weight: float
    tensor: float
    choice: float
    score: float
    move: float

    def of(self, shape: Shape, mode: Mode) -> Rate:
        return self.shapes[f"{key_of(shape)} {mode}"]

    def to_row(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict) -> "Rates":
        shapes = {key: Rate(**found) for key, found in row["shapes"].items()}
        return cls(shapes, **{name: rate for name, rate in row.items() if name != "shapes"})


def key_of(shape: Shape) -> str:
    """Shapes with one key have one rate."""
    return f"{shape.kind}-{shape.width}-{shape.inner}-{shape.vocabulary}"


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
    return Rates(found, weight, tensor, run.choice(), run.score(), run.move())


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
            optimiser = PlainAdamW(tensors, fused=True)

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

    def move(self) -> float:
        """Seconds of taking rows of a cache to other places and back, for each number."""
        cache = torch.zeros(*MOVED, device=self.device)
        filled = cache[..., : MOVED[2] // 2, :]
        order = torch.arange(MOVED[0], device=self.device).flip(0)
        return self.seconds(lambda: filled.copy_(filled[order])) / filled.numel()
