"""Parts, processes, precision and resumption change how a training runs, not what it learns."""

import copy
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
import trainer
from adapters import make_base
from launched import WAYS
from safetensors.torch import load_file

from quals.models.bart import BART, BartConfig
from quals.models.heads import SpanPointer
from quals.models.interface import recompute
from quals.params import ParamsError
from quals.training.batches import (
    Example,
    bucketed,
    collate,
    digest,
    epochs,
    skip,
    together,
)
from quals.training.contrast import contrastive_loss
from quals.training.loop import Optimisation, seed_everything, train
from quals.training.parts import Mean, Pieces, differentiate, shares
from quals.training.processes import Processes
from quals.training.qa import ProbeBatch, likelihood_of, likelihood_of_parts, probe_loss
from quals.training.resume import FILE, ResumeError
from quals.training.running import ALONE, PLAIN, Running, running

HERE = Processes(0, 1, torch.device("cpu"))
OPTIMISATION = Optimisation(
    lr=1e-2,
    other_lr=3e-2,
    beta2=0.98,
    warmup_steps=2,
    final_share=0.0,
    weight_decay=0.01,
    clip_norm=1.0,
)
RNG = random.Random(3)
EXAMPLES = [
    Example(
        [RNG.randrange(4, 12) for _ in range(RNG.randrange(1, 9))],
        [[RNG.randrange(4, 12) for _ in range(RNG.randrange(1, 5))] + [1] for _ in range(2)],
    )
    for _ in range(12)
]


def make_bart():
    sizes = {"vocab_size": 12, "d_model": 8, "max_position_embeddings": 16}
    stacks = {"encoder_layers": 2, "decoder_layers": 2}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    inner = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "scale_embedding": False}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BART(BartConfig(**sizes, **stacks, **heads, **inner, **ids)).eval()


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def same(found, expected, atol=1e-6):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=atol, rtol=1e-4, msg=name)


def halves():
    return (collate(EXAMPLES[:5], 0), collate(EXAMPLES[5:], 0))


def pieces():
    return Pieces([collate(EXAMPLES[at : at + 3], 0) for at in range(0, len(EXAMPLES), 3)])


def contrast(kind):
    return contrastive_loss(negative_tokens=kind, negative_weight=0.7)


CASES = [
    ("likelihood", likelihood_of, collate(EXAMPLES, 0)),
    ("parts with means of their own", likelihood_of_parts, halves()),
    *((kind, contrast(kind), collate(EXAMPLES, 0)) for kind in ("all", "absent", "none")),
]


@pytest.mark.parametrize("parts", [2, 3, 12, 20])
@pytest.mark.parametrize(("loss", "batch"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_parts_have_the_loss_and_the_gradients_of_the_whole_batch(make_model, loss, batch, parts):
    whole = make_model(12, scale=1.0)
    cut = copy.deepcopy(whole)
    value = loss(whole, batch)
    value.backward()
    found = differentiate(cut, loss, batch, processes=HERE, parts=parts, dtype="float32")
    assert found.item() == pytest.approx(value.item(), abs=1e-6)
    same(gradients(cut), gradients(whole))


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize(("loss", "batch"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_processes_shares_add_up_to_the_batch(make_model, loss, batch, size):
    whole = make_model(12, scale=1.0)
    cut = copy.deepcopy(whole)
    value = loss(whole, batch)
    value.backward()
    total = 0.0
    for rank in range(size):
        for part, share in shares(loss, batch, rank=rank, size=size, parts=2):
            found = loss(cut, part) * share
            found.backward()
            total += found.item()
    assert total == pytest.approx(value.item(), abs=1e-6)
    same(gradients(cut), gradients(whole))


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("kind", ["likelihood", "all", "absent"])
def test_pieces_add_up_to_the_batch_that_they_are_of(make_model, kind, size):
    loss = likelihood_of if kind == "likelihood" else contrast(kind)
    whole = make_model(12, scale=1.0)
    cut = copy.deepcopy(whole)
    value = loss(whole, collate(EXAMPLES, 0))
    value.backward()
    total = 0.0
    for rank in range(size):
        for part, share in shares(loss, pieces(), rank=rank, size=size, parts=2):
            found = loss(cut, part) * share
            found.backward()
            total += found.item()
    assert total == pytest.approx(value.item(), abs=1e-6)
    same(gradients(cut), gradients(whole))


def test_a_piece_is_done_with_before_the_next(make_model):
    """Else a step would need the memory of all of them."""
    model, seen = make_model(12, scale=1.0), []

    def loss(model, batch):
        seen.append(any(p.grad is not None for p in model.parameters()))
        return likelihood_of(model, batch)

    found = differentiate(
        model,
        Mean(loss, likelihood_of.count),
        pieces(),
        processes=HERE,
        parts=1,
        dtype="float32",
    )
    assert seen == [False, True, True, True]
    assert not found.requires_grad


def test_judgments_of_contexts_add_up(make_config):
    torch.manual_seed(0)
    whole = SpanPointer(make_config(12))
    cut = copy.deepcopy(whole)
    context = torch.randint(4, 12, (4, 5))
    mask = torch.ones(4, 5, dtype=torch.bool)
    asked, last = torch.randint(4, 12, (4, 2, 3)), torch.full((4, 2), 2)
    targets = torch.randint(0, 5, (4, 2, 2))
    targets[1, 1] = targets[3, 0] = -100
    batch = (ProbeBatch((context, mask, asked, last), targets),)
    value = probe_loss(whole, batch)
    value.backward()
    found = differentiate(cut, probe_loss, batch, processes=HERE, parts=3, dtype="float32")
    assert found.item() == pytest.approx(value.item(), abs=1e-6)
    same(gradients(cut), gradients(whole))


def test_a_loss_that_is_no_mean_cannot_be_cut(make_model):
    with pytest.raises(TypeError, match="must be a `Mean`"):
        list(shares(lambda model, batch: 0, [1, 2], rank=0, size=2, parts=1))


def test_one_process_has_all_and_no_rows_are_lost_or_doubled():
    loss = Mean(lambda model, batch: None, len)
    for size in (1, 2, 5):
        found = [
            part
            for rank in range(size)
            for part, _ in shares(loss, list(range(7)), rank=rank, size=size, parts=2)
        ]
        assert sorted(item for part in found for item in part) == list(range(7))
        assert all(len(part) <= -(-7 // size) for part in found)


@pytest.mark.parametrize("family", ["t5", "bart", "causal"])
def test_activations_computed_again_change_no_gradient(make_model, family):
    make = {"t5": lambda: make_model(12, scale=1.0), "bart": make_bart}
    kept = make.get(family, lambda: make_base(12))().train()
    again = copy.deepcopy(kept)
    recompute(again, True)
    batch = collate(EXAMPLES, 0)
    values = [likelihood_of(model, batch) for model in (kept, again)]
    for value in values:
        value.backward()
    assert values[0].item() == pytest.approx(values[1].item(), abs=1e-6)
    same(gradients(again), gradients(kept))


@pytest.mark.parametrize("family", ["t5", "bart", "causal"])
def test_layers_are_only_computed_again_where_it_is_asked_for(make_model, family, monkeypatch):
    import torch.utils.checkpoint

    make = {"t5": lambda: make_model(12), "bart": make_bart}
    model = make.get(family, lambda: make_base(12))()
    seen = []
    plain = torch.utils.checkpoint.checkpoint

    def counted(*arguments, **options):
        seen.append(arguments[0])
        return plain(*arguments, **options)

    monkeypatch.setattr(torch.utils.checkpoint, "checkpoint", counted)
    likelihood_of(model, collate(EXAMPLES, 0))
    assert not seen
    recompute(model, True)
    likelihood_of(model, collate(EXAMPLES, 0))
    layers = {"t5": 4, "bart": 4, "causal": 4}
    assert len(seen) == layers[family]
    with torch.inference_mode():
        likelihood_of(model, collate(EXAMPLES, 0))
    assert len(seen) == layers[family]
    with pytest.raises(ValueError, match="Linear cannot compute its layers again"):
        recompute(torch.nn.Linear(1, 1), True)


def on(**hardware):
    """How to run on a hardware that differs from the plain one."""
    return Running(PLAIN.model_copy(update=hardware))


def run(model, settings=ALONE, steps=6, examples=EXAMPLES, seed=0, loss=likelihood_of, **changed):
    seed_everything(seed)
    batches = epochs(examples, 4, 0, random.Random(seed))
    optimisation = OPTIMISATION.model_copy(update=changed)
    return train(
        model,
        batches,
        loss,
        steps=steps,
        optimisation=optimisation,
        title="a toy",
        running=settings,
    )


def test_hardware_settings_change_the_last_digits_only(make_model):
    whole, cut = (make_model(12, scale=1.0) for _ in range(2))
    expected = run(whole)
    found = run(cut, on(accumulation=3, recompute_activations=True))
    assert found == pytest.approx(expected, abs=1e-4)
    same(cut.state_dict(), whole.state_dict(), atol=1e-3)


def test_bfloat16_learns_nearly_the_same(make_model):
    whole, half = (make_model(12, scale=1.0) for _ in range(2))
    expected = run(whole)
    found = run(half, on(dtype="bfloat16"))
    assert found != expected
    assert found == pytest.approx(expected, abs=0.1)
    assert all(p.dtype == torch.float32 for p in half.parameters())


def bits(model):
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def kept(folder, every=2, **hardware):
    return replace(on(checkpoint_every=every, **hardware), folder=folder)


class Killed(Exception):
    pass


def killer(at):
    """A loss that stops the training when it is computed for the time number `at`."""
    seen = []

    def loss(model, batch):
        seen.append(batch)
        if len(seen) == at:
            raise Killed
        return likelihood_of(model, batch)

    return loss, seen


@pytest.mark.parametrize(("at", "again"), [(1, 6), (3, 4), (4, 4), (6, 2)])
def test_a_training_goes_on_from_its_last_checkpoint(make_model, tmp_path, at, again):
    whole, broken = (make_model(12, scale=1.0) for _ in range(2))
    expected = run(whole)
    with pytest.raises(Killed):
        run(broken, kept(tmp_path), loss=killer(at)[0])
    fresh = make_model(12, scale=1.0)
    loss, seen = killer(100)
    assert run(fresh, kept(tmp_path), loss=loss) == expected
    assert bits(fresh) == bits(whole)
    assert len(seen) == again


def test_a_finished_training_is_not_run_again(make_model, tmp_path):
    whole, fresh = (make_model(12, scale=1.0) for _ in range(2))
    expected = run(whole, kept(tmp_path, every=4), loss=killer(7)[0])
    loss, seen = killer(1)
    assert run(fresh, kept(tmp_path, every=4), loss=loss) == expected
    assert bits(fresh) == bits(whole)
    assert not fresh.training
    assert not seen


def test_random_numbers_go_on_where_they_were(make_model, tmp_path):
    def draw():
        import numpy as np

        return random.random(), float(np.random.rand()), torch.rand(1).item()

    run(make_model(12), kept(tmp_path), steps=2)
    expected = draw()
    run(make_model(12), kept(tmp_path), steps=2)
    assert draw() == expected


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"lr": 1.0000001e-2}, "optimisation"),
        ({"steps": 7}, "steps"),
        ({"seed": 1}, "data"),
        ({"examples": [*EXAMPLES[:-1], Example([4], [[5, 1]])]}, "data"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(make_model, tmp_path, changed, key):
    run(make_model(12), kept(tmp_path))
    before = (tmp_path / "a-toy" / FILE).read_bytes()
    with pytest.raises(ResumeError, match=rf"a-toy/{FILE}: of another training: {key} was "):
        run(make_model(12), kept(tmp_path), **changed)
    with pytest.raises(ResumeError, match="weights was "):
        run(make_model(12, seed=1), kept(tmp_path))
    with pytest.raises(ResumeError, match="hardware was "):
        run(make_model(12), kept(tmp_path, accumulation=2))
    assert (tmp_path / "a-toy" / FILE).read_bytes() == before


def test_a_checkpoint_of_another_loss_is_refused(make_model, tmp_path):
    """Though its code is the same."""
    run(make_model(12), kept(tmp_path), loss=contrast("all"))
    with pytest.raises(ResumeError, match=r"loss was .*'all'.*, is .*'absent'"):
        run(make_model(12), kept(tmp_path), loss=contrast("absent"))


def test_a_checkpoint_knows_what_it_is_told_about_a_training(make_model, tmp_path):
    def trained(dropout):
        return train(
            make_model(12),
            [collate(EXAMPLES, 0)],
            likelihood_of,
            steps=1,
            optimisation=OPTIMISATION,
            title="x",
            running=kept(tmp_path),
            about={"dropout": dropout},
        )

    assert trained(0.1) == trained(0.1)
    with pytest.raises(ResumeError, match=r"dropout was 0\.1, is 0\.2"):
        trained(0.2)


def test_a_damaged_checkpoint_is_named(make_model, tmp_path):
    path = tmp_path / "a-toy" / FILE
    path.parent.mkdir()
    path.write_bytes(b"half")
    with pytest.raises(ResumeError, match=f"{FILE}: damaged .*; remove it"):
        run(make_model(12), kept(tmp_path))


def test_what_a_kill_left_of_a_checkpoint_is_removed(make_model, tmp_path):
    left = tmp_path / "a-toy" / f".{FILE}.x1"
    left.parent.mkdir()
    left.write_bytes(b"half")
    run(make_model(12), kept(tmp_path), steps=2)
    assert [path.name for path in left.parent.iterdir()] == [FILE]


def test_frozen_values_are_not_stored(make_model, tmp_path):
    model = make_model(12)
    names = [name for name, _ in model.named_parameters()]
    for parameter in list(model.parameters())[1:]:
        parameter.requires_grad_(False)
    run(model, kept(tmp_path), steps=2)
    stored = load_file(tmp_path / "a-toy" / FILE)
    assert {name for name in stored if name.startswith("values/")} == {f"values/{names[0]}"}


def test_batches_that_cannot_tell_what_they_are_made_of_are_refused(make_model, tmp_path):
    with pytest.raises(TypeError, match="a generator does not tell what it is made of"):
        train(
            make_model(12),
            (collate(EXAMPLES, 0) for _ in range(2)),
            likelihood_of,
            steps=2,
            optimisation=OPTIMISATION,
            title="x",
            running=kept(tmp_path),
        )


def process(*arguments, **options):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment.pop("ACCELERATE_USE_CPU", None)
    return subprocess.Popen([*map(str, arguments)], env=environment, **options)


def test_a_training_that_is_killed_ends_with_the_same_bits(tmp_path):
    """SIGKILL after the first checkpoint: nothing can be tidied up."""
    whole, resumed = tmp_path / "whole.safetensors", tmp_path / "resumed.safetensors"
    folder = tmp_path / "checkpoints"
    trainer.main(["--out", str(whole)])
    work = [sys.executable, trainer.__file__, "--out", resumed, "--folder", folder]
    child = process(*work, "--slow", 0.2)
    while not (folder / "a-toy" / FILE).exists():
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not resumed.exists()
    assert process(*work).wait() == 0
    one, other = load_file(whole), load_file(resumed)
    assert 0 < other.pop("parts").item() < one.pop("parts").item()  # it did not begin anew
    assert other.pop("rows").item() < one.pop("rows").item()
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("launch", WAYS.values(), ids=WAYS)
def test_two_processes_learn_what_one_learns(tmp_path, launch):
    alone, team = tmp_path / "alone.safetensors", tmp_path / "team.safetensors"
    work = ["--tokens", "60", "--loss", "all"]
    assert process(*launch, trainer.__file__, "--out", team, *work).wait() == 0
    trainer.main(["--out", str(alone), *work])
    one, two = load_file(alone), load_file(team)
    assert (one.pop("processes").item(), two.pop("processes").item()) == (1, 2)
    for count in ("parts", "rows"):
        assert one.pop(count).item() > two.pop(count).item() > 0  # it computed a share only
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=1e-4, rtol=0, msg=name)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_passing_over_batches_makes_none_of_them(count):
    made = []

    def make(chosen):
        made.append(chosen)
        return chosen

    def batches():
        return bucketed(list(range(10)), 3, int, random.Random(0)).map(make)

    expected = list(islice(batches(), count + 3))[count:]
    made.clear()
    assert list(islice(skip(batches(), count), 3)) == expected == made
    assert list(skip(list("abcdef"), count)) == list("abcdef")[count:]
    both = together(batches(), batches())
    assert next(skip(both, count)) == (expected[0], expected[0])


def test_a_digest_tells_items_sizes_and_seeds_apart():
    def of(items=EXAMPLES, size=4, seed=0):
        return digest(epochs(items, size, 0, random.Random(seed)))

    assert of() == of() == of(list(EXAMPLES))
    different = [of(), of(size=3), of(seed=1), of(EXAMPLES[1:]), of(EXAMPLES[::-1])]
    different += [digest([collate(EXAMPLES, 0)]), digest([collate(EXAMPLES[1:], 0)])]
    assert len(set(different)) == len(different)
    batches = epochs(EXAMPLES, 4, 0, random.Random(0))
    next(batches)
    assert digest(batches) == of()


def test_a_scale_without_hardware_runs_plainly(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = tmp_path / "big.yaml"
    params.write_text("other: 1\n")
    with running(params, "train_mle") as found:
        assert found == ALONE
    params.write_text(
        "hardware: {dtype: auto, accumulation: 4, recompute_activations: true,"
        " checkpoint_every: 50}\n"
    )
    with running(params, "train_mle") as found:
        assert found.hardware.accumulation == 4
        assert found.folder == Path(".checkpoints/big/train_mle")
        found.folder.mkdir(parents=True)
    assert not found.folder.exists()
    found.folder.mkdir(parents=True)
    with pytest.raises(Killed), running(params, "train_mle"):
        raise Killed
    assert found.folder.exists()
    monkeypatch.setenv("QUALS_CHECKPOINTS", str(tmp_path / "shared"))
    with running(params, "train_mle") as found:
        assert found.folder == tmp_path / "shared" / "big" / "train_mle"
    params.write_text("hardware: {dtype: auto}\n")
    with pytest.raises(ParamsError, match=r"hardware\.accumulation: Field required"):
        running(params, "train_mle").__enter__()
