"""How long does a stage take, how much memory and disk? From its work and measured rates."""

from collections.abc import Iterable

from quals.doctor.arithmetic import Load, Mode
from quals.doctor.rates import Rates, key_of
from quals.doctor.scale import StagePlan
from quals.doctor.shapes import Shape

FLOAT = 4  # bytes
TRAINING = 16  # bytes for each trained weight: itself, its gradient, two moments
KEPT = 14  # values of a layer's width that a token keeps for the backward pass
LOGITS = 4  # copies of the logits: themselves, in float32, their softmax, its gradient
CACHES = 2  # that decoding holds at once: rows that have ended are left out of a copy
BASE = {"cpu": 450 * 2**20, "cuda": 500 * 2**20}  # bytes of Python's libraries, of CUDA's kernels


def needed(stages: Iterable[StagePlan]) -> list[tuple[Shape, Mode]]:
    """The shapes whose rates the stages need, with the modes."""
    found = {(load.shape, load.mode): None for s in stages for load in s.loads}
    distinct = {(key_of(shape), mode): (shape, mode) for shape, mode in found}
    return list(distinct.values())


def seconds(load: Load, rates: Rates) -> float:
    """Seconds of a network's work: operations at its width's rate, and what each call costs."""
    rate = rates.of(load.shape, load.mode)
    return (
        load.layers / rate.layers
        + load.head / rate.head
        + load.blocks * rate.block
        + load.passes * rate.call
        + load.updates * rates.weight
        + load.tensors * rates.tensor
        + load.choices * rates.choice
        + load.scores * rates.score
        + load.moved * rates.move
    )


def stage_seconds(stage: StagePlan, rates: Rates) -> float:
    return sum(seconds(load, rates) for load in stage.loads)


def memory(stage: StagePlan, *, device: str = "cpu") -> float:
    """The most bytes at once: weights, what training keeps of them, activations, logits."""
    shapes = stage.networks or {load.shape for load in stage.loads}
    weights = sum(FLOAT * shape.parameters for shape in shapes)
    largest = max(shapes, key=lambda shape: shape.parameters)
    layers = largest.encoder_layers + largest.decoder_layers
    inner = largest.inner * (3 if largest.gated else 2)
    if stage.trains:
        each = layers * (KEPT * largest.width + inner)
    else:
        # Keys and values of all layers that write, which outweigh activations.
        each = CACHES * 2 * largest.decoder_layers * largest.shared
    states = (TRAINING - FLOAT) * largest.parameters if stage.trains == "all" else 0
    logits = LOGITS if stage.trains else 2
    activations = FLOAT * stage.together * each
    scores = FLOAT * logits * stage.targets * largest.vocabulary
    return BASE[device] + weights + states + activations + scores


def disk(stage: StagePlan) -> float:
    """Bytes of the models that a stage leaves, and of one training state beside them."""
    models = sum(FLOAT * shape.parameters for shape in stage.saved)
    resuming = max((TRAINING * shape.parameters for shape in stage.saved), default=0)
    text = 5 * stage.tokens if not stage.saved else 0  # bytes of a token
    return models + resuming + text
