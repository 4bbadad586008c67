"""Everything follows the network's device: shown on a second device that needs no GPU."""

import ast
import copy
from pathlib import Path

import pytest
import torch
from adapters import make_base
from elsewhere import DEVICE, Elsewhere, second_device

from quals.decoding.beam import beam_search
from quals.decoding.diverse import diverse_decode
from quals.decoding.reading import read_in_batches
from quals.decoding.sampling import sample
from quals.decoding.scoring import score_targets
from quals.decoding.sequences import Limits
from quals.metrics import encoder_reader, reader
from quals.models import device
from quals.models.bart import BART, BartConfig
from quals.models.device import device_of, home, moved
from quals.models.encoder import Encoder
from quals.models.heads import ProbeFormatter, SpanPointer
from quals.training.batches import Example, collate
from quals.training.contrast import contrastive_loss
from quals.training.qa import SpanExample, likelihood_of_parts, probe_loss, span_batch

SOURCES = [[4, 5, 6, 7], [8, 9]]
TARGETS = [[[5, 6, 1], [7, 1]], [[9, 1]]]
LIMITS = Limits(1, 3)
EXAMPLES = [Example(s, [[5, 6, 1], [7, 1]]) for s in SOURCES]
SOURCE = Path(device.__file__).parents[1]
FACTORIES = "arange as_tensor empty eye full linspace ones rand randint randn randperm tensor zeros"


@pytest.fixture(scope="module", params=["t5", "bart", "causal"])
def model(request, make_model):
    if request.param == "t5":
        return make_model(12)
    if request.param == "causal":
        return make_base(12).eval()
    sizes = {"vocab_size": 12, "d_model": 8, "max_position_embeddings": 16}
    stacks = {"encoder_layers": 1, "decoder_layers": 1}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    inner = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "scale_embedding": False}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 1}
    return BART(BartConfig(**sizes, **stacks, **heads, **inner, **ids)).eval()


def written(model, generator):
    """What every decoder makes of the sources."""
    ((_, memory),) = read_in_batches(model, SOURCES, size=2, title="toy")
    shared = {"limits": LIMITS}
    return {
        "beams": beam_search(model, memory, beams=2, length_penalty=1.0, **shared),
        "samples": sample(model, memory, samples=2, top_k=5, generator=generator, **shared),
        "groups": diverse_decode(model, memory, groups=3, strength=0.5, **shared),
        "scores": score_targets(model, memory, TARGETS),
    }


def numbers(value):
    """All numbers within lists and hypotheses, in order."""
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) else numbers([value.ids, value.logprobs])


def test_decoders_write_on_the_second_device_what_they_write_here(model):
    here = written(model, torch.Generator().manual_seed(0))
    with second_device() as there:
        twin = copy.deepcopy(model).to(there)
        away = written(twin, torch.Generator().manual_seed(0))
    assert device_of(twin) == DEVICE
    for name, found in here.items():
        assert numbers(away[name]) == pytest.approx(numbers(found), abs=1e-5), name


@pytest.mark.parametrize("kind", ["likelihood", "all", "absent"])
def test_losses_and_gradients_are_those_of_the_cpu(model, kind):
    loss = likelihood_of_parts
    if kind != "likelihood":
        loss = contrastive_loss(negative_tokens=kind, negative_weight=1.0)
    batch = collate(EXAMPLES, 0)
    batch = (batch,) if kind == "likelihood" else batch
    here = copy.deepcopy(model)
    value = loss(here, batch)
    value.backward()
    with second_device() as there:
        twin = copy.deepcopy(model).to(there)
        away = loss(twin, moved(batch, there))
        away.backward()
        assert away.item() == pytest.approx(value.item(), abs=1e-5)
        for (name, one), other in zip(here.named_parameters(), twin.parameters(), strict=True):
            if one.grad is not None:
                assert torch.allclose(one.grad, other.grad.cpu(), atol=1e-4), name


def test_heads_and_their_inputs_follow_the_network(make_config):
    class Ids:
        def id_of(self, token):
            return 3

    model = SpanPointer(make_config(12)).eval()
    examples = [SpanExample([4, 5, 6], [[7], [8]], [(0, 1), (-1, -1)])]
    with second_device() as there:
        model.to(there)
        batch = span_batch(examples, ProbeFormatter(model, Ids()))
        assert all(isinstance(x, Elsewhere) for x in batch.inputs)
        probe_loss(model, moved((batch,), there)).backward()
        with torch.inference_mode():
            spans = reader.best_spans(model(*batch.inputs).flatten(0, 1), 2, 0.0)
            starts = torch.zeros(1, 4, device=there)
            best = encoder_reader.best_spans(starts, starts, 2)
        encoder = Encoder(_configured(model), Ids())
        inputs = encoder.batch([([4], [5, 6])])
        assert all(isinstance(x, Elsewhere) for x in (spans, *best, *inputs.values()))


def _configured(model):
    return model  # a T5's configuration has the padding token that an encoder's has


def test_the_second_device_refuses_tensors_of_the_cpu():
    with second_device() as there:
        one = torch.ones(3, device=there)
        with pytest.raises(RuntimeError, match="tensors on lazy:0 and on the CPU"):
            one + torch.ones(3)
        with pytest.raises(RuntimeError, match="on the CPU"):
            torch.ones(3)[torch.tensor([0], device=there)]
        assert (one + torch.tensor(1.0)).tolist() == [2.0] * 3


def factory_calls(code: str) -> list[str]:
    """Tensors that are made without a device, outside of constructors."""
    tree = ast.parse(code)
    inits = {
        id(node)
        for made in ast.walk(tree)
        if isinstance(made, ast.FunctionDef) and made.name == "__init__"
        for node in ast.walk(made)
    }
    return [
        f"{node.lineno}: torch.{node.func.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "torch"
        and node.func.attr in FACTORIES.split()
        and id(node) not in inits
        and "device" not in {keyword.arg for keyword in node.keywords}
    ]


@pytest.mark.parametrize("part", ["decoding", "metrics", "models"])
def test_no_tensor_is_made_without_saying_where(part):
    found = {
        path.name: calls
        for path in sorted((SOURCE / part).glob("*.py"))
        if (calls := factory_calls(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_a_factory_without_a_device_is_found():
    assert factory_calls("x = torch.zeros(2)\ny = torch.ones(2, device=d)") == ["1: torch.zeros"]
    assert not factory_calls("class A:\n    def __init__(self): self.x = torch.ones(2)")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "cuda:0"),
        ({"LOCAL_RANK": "3"}, "cuda:3"),
        ({"OMPI_COMM_WORLD_LOCAL_RANK": "2"}, "cuda:2"),
        ({"QUALS_GPU": "1"}, "cuda:1"),
        ({"LOCAL_RANK": "1", "ACCELERATE_USE_CPU": "true"}, "cpu"),
    ],
)
def test_a_process_has_the_gpu_of_its_place_on_the_machine(monkeypatch, environment, expected):
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert home() == torch.device("cpu" if not torch.cuda.is_available() else "cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert home() == torch.device(expected)
