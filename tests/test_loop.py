"""The training loop: its schedule, its batches, its repeatability, and that it learns."""

import random
from collections import Counter
from itertools import islice, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quals.training.batches import Example, bucketed, collate, epochs
from quals.training.contrast import contrastive_loss
from quals.training.loop import (
    Optimisation,
    curve,
    learning_rate_factor,
    seed_everything,
    take,
    train,
)
from quals.training.qa import likelihood_of, likelihood_of_parts

OPTIMISATION = Optimisation(
    lr=1e-2,
    other_lr=3e-2,
    beta2=0.98,
    warmup_steps=2,
    final_share=0.0,
    weight_decay=0.01,
    clip_norm=1.0,
)
EXAMPLES = [Example([4, at, 5], [[at, 6, 1], [5, at, 4, 1]]) for at in range(4, 12)]

sizes = st.integers(1, 12)


def run(model, *, steps=12, loss=likelihood_of, optimisation=OPTIMISATION, seed=0):
    seed_everything(seed)
    batches = epochs(EXAMPLES, 4, 0, random.Random(seed))
    return train(model, batches, loss, steps=steps, optimisation=optimisation, title="toy")


@pytest.mark.parametrize(
    ("step", "steps", "warmup", "expected"),
    [
        (0, 10, 0, 1.0),
        (5, 10, 0, 0.5),
        (9, 10, 0, 0.1),
        (10, 10, 0, 0.0),
        (12, 10, 0, 0.0),
        (0, 10, 4, 0.2),
        (3, 10, 4, 0.8),
        (4, 10, 4, 1.0),
        (7, 10, 4, 0.5),
        (10, 10, 4, 0.0),
        (0, 1, 0, 1.0),
        (0, 2, 5, 1 / 6),  # a run shorter than its warm-up never reaches the top
        (1, 2, 5, 2 / 6),
    ],
)
def test_the_learning_rate_rises_then_falls_linearly(step, steps, warmup, expected):
    assert learning_rate_factor(step, steps, warmup=warmup, final_share=0.0) == pytest.approx(
        expected
    )


@given(st.integers(1, 60), st.integers(0, 60))
def test_the_learning_rate_is_never_zero_within_a_run_nor_above_one(steps, warmup):
    factors = [
        learning_rate_factor(step, steps, warmup=warmup, final_share=0.0) for step in range(steps)
    ]
    assert all(0 < factor <= 1 for factor in factors)


def test_final_share_is_where_the_rate_ends() -> None:
    factors = [learning_rate_factor(step, 9, warmup=0, final_share=0.25) for step in range(10)]
    assert factors[0] == 1.0
    assert factors[-1] == pytest.approx(0.25)
    assert all(before > after for before, after in pairwise(factors))
    constant = [learning_rate_factor(step, 9, warmup=2, final_share=1.0) for step in range(9)]
    assert constant[2:] == [1.0] * 7


def test_every_step_uses_its_own_learning_rate():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    seen = []

    def loss(model, sign):
        seen.append(model.weight.item())
        return sign * model.weight.sum()

    optimisation = Optimisation(
        lr=0.1,
        other_lr=0.2,
        beta2=0.999,
        warmup_steps=1,
        final_share=0.0,
        weight_decay=0.0,
        clip_norm=1.0,
    )
    train(model, [1.0] * 5, loss, steps=5, optimisation=optimisation, title="toy")
    ends = [*seen[1:], model.weight.item()]
    moves = [before - after for before, after in zip(seen, ends, strict=True)]
    # Adam's step on a constant gradient is the learning rate.
    assert moves == pytest.approx([0.05, 0.1, 0.075, 0.05, 0.025], abs=1e-5)


def test_matrices_have_a_rate_of_their_own(make_model):
    model = make_model(12)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    change = {"weight_decay": 0.0, "final_share": 1.0, "warmup_steps": 0, "clip_norm": 1e9}
    optimisation = OPTIMISATION.model_copy(update=change)
    train(
        model,
        [collate(EXAMPLES, 0)],
        likelihood_of,
        steps=1,
        optimisation=optimisation,
        title="toy",
    )
    for name, parameter in model.named_parameters():
        # The first step of Adam moves every value with a gradient by the rate.
        moved = (parameter.detach() - before[name]).abs().max().item()
        other = any(part in name for part in ("shared", "layer_norm", "relative_attention_bias"))
        rate = 3e-2 if other else 1e-2
        assert moved == pytest.approx(rate, rel=1e-2), name


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_exactly_the_asked_for_batches_are_taken(steps):
    assert list(take("abc", steps)) == list("abc")[:steps]


def test_too_few_batches_raise(make_model):
    with pytest.raises(ValueError, match="4 steps were asked for, there are only 3 batches"):
        list(take("abc", 4))
    with pytest.raises(ValueError, match="3 steps were asked for"):
        train(
            make_model(12),
            [collate(EXAMPLES, 0)] * 2,
            likelihood_of,
            steps=3,
            optimisation=OPTIMISATION,
            title="toy",
        )


@pytest.mark.parametrize(
    "loss", [likelihood_of, contrastive_loss(negative_tokens="all", negative_weight=1.0)]
)
def test_the_same_seed_gives_the_same_bits(make_model, loss):
    models = [make_model(12, seed=3, scale=1.0) for _ in range(2)]
    losses = [run(model, steps=6, loss=loss) for model in models]
    assert losses[0] == losses[1]
    for one, other in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(one, other)


def test_another_order_gives_other_weights(make_model):
    models = [make_model(12, seed=3, scale=1.0) for _ in range(2)]
    assert run(models[0], seed=0) != run(models[1], seed=1)


def test_seeding_repeats_all_generators():
    def draw():
        import numpy as np

        return random.random(), np.random.rand(), torch.rand(1).item()

    seed_everything(5)
    first = draw()
    assert draw() != first
    seed_everything(5)
    assert draw() == first


def test_the_loss_falls_and_the_model_ends_in_evaluation_mode(make_model):
    model = make_model(12, scale=1.0)
    losses = run(model, steps=60)
    assert len(losses) == 60
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    assert not model.training
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_contrastive_training_lifts_positives_above_negatives(make_model):
    model = make_model(12, scale=1.0)

    def gap():
        with torch.inference_mode():
            sides = (
                collate([Example(e.source, [e.targets[side]]) for e in EXAMPLES], 0)
                for side in (0, 1)
            )
            positive, negative = (likelihood_of(model, batch).item() for batch in sides)
        return negative - positive

    before = gap()
    run(model, steps=30, loss=contrastive_loss(negative_tokens="all", negative_weight=1.0))
    assert gap() > before + 1


def test_parts_of_a_batch_add_up(make_model):
    model = make_model(12)
    parts = (collate(EXAMPLES[:2], 0), collate(EXAMPLES[2:], 0))
    expected = sum(likelihood_of(model, part).item() for part in parts)
    assert likelihood_of_parts(model, parts).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("losses", "points", "expected"),
    [
        ([], 3, []),
        ([4.0, 2.0], 3, [4.0, 2.0]),
        ([4.0, 2.0, 6.0, 0.0], 2, [3.0, 3.0]),
        ([4.0, 2.0, 6.0], 2, [3.0, 6.0]),
    ],
)
def test_a_curve_is_the_mean_of_equal_stretches(losses, points, expected):
    assert curve(losses, points) == expected


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), sizes, st.integers(1, 4))
def test_epochs_cover_everything_once_a_round(lengths, size, bucket):
    size = min(size, len(lengths))
    examples = [Example([at + 2] * n, [[at + 2, 1]]) for at, n in enumerate(lengths)]
    batches, rounds = epochs(examples, size, 0, random.Random(0), bucket), 2
    for _ in range(rounds):
        seen = Counter()
        while sum(seen.values()) < len(examples):
            batch = next(batches)
            assert len(batch.ids) <= size
            seen.update(batch.targets[:, 0, 0].tolist())
        assert seen == Counter(example.targets[0][0] for example in examples)


@pytest.mark.parametrize("count", [0, 2])
def test_fewer_examples_than_a_batch_raise(count):
    with pytest.raises(ValueError, match=f"batch of 3 .* only {count} examples"):
        next(bucketed(list(range(count)), 3, int, random.Random(0)))


def test_rounds_differ_in_order_and_repeat_by_seed():
    def first_rounds():
        return list(islice(bucketed(list("abcdefgh"), 2, ord, random.Random(0), bucket=2), 8))

    batches = first_rounds()
    assert batches[:4] != batches[4:]
    for half in (batches[:4], batches[4:]):
        assert sorted(letter for batch in half for letter in batch) == list("abcdefgh")
    assert first_rounds() == batches


def test_texts_of_like_length_meet():
    examples = [Example([2] * n, [[1]]) for n in range(1, 33)]
    batches = islice(epochs(examples, 4, 0, random.Random(0), bucket=8), 8)
    assert all((~batch.mask).sum() <= 6 for batch in batches)


def test_a_batch_pads_texts_and_targets_and_masks_the_padding():
    batch = collate([Example([5], [[6, 1]]), Example([7, 8], [[9, 9, 1], [4, 1]])], 0)
    assert batch.ids.tolist() == [[5, 0], [7, 8]]
    assert batch.mask.tolist() == [[True, False], [True, True]]
    assert batch.targets.tolist() == [[[6, 1, 0], [0, 0, 0]], [[9, 9, 1], [4, 1, 0]]]
    assert batch.target_mask.sum((1, 2)).tolist() == [2, 5]


def test_frozen_parameters_stay_while_others_learn(make_model):
    model = make_model(12)
    for parameter in list(model.parameters())[::2]:
        parameter.requires_grad_(False)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    run(model, steps=2)
    for name, parameter in model.named_parameters():
        moved = not torch.equal(parameter, before[name])
        assert moved == parameter.requires_grad, name
