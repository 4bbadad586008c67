"""Losses over whole summaries against plain arithmetic, and the laws that tell them apart."""

import copy
import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_losses import EXAMPLES, logprobs_of, loss_for

from quals.ablations.lessons import Lesson
from quals.ablations.objectives import (
    AGAINST_START,
    OBJECTIVES,
    LessonBatch,
    lesson_batches,
    objective,
    with_reference,
)
from quals.ablations.recipes import Recipe
from quals.corpus import Article
from quals.models.checkpoint import Checkpoint
from quals.training.batches import collate, epochs
from quals.training.contrast import contrast_examples
from quals.training.preference_losses import (
    dpo,
    mean_logprobs,
    rank_calibration,
    sequence_logprobs,
    sequence_unlikelihood,
)
from quals.training.selection import ContrastPair

RECIPE = Recipe(
    selector="quals",
    positives="reference",
    positive_share=0.3,
    negative_share=0.6,
    intersect=True,
    samples=6,
    pairs=48,
    loss="token",
    negative_weight=0.5,
    beta=0.1,
    margin=1.0,
    lr=1e-4,
    steps=1.0,
    rounds=1,
)
BOTH = torch.ones(len(EXAMPLES), 2, dtype=torch.bool)
numbers = st.lists(st.floats(-30, -0.01), min_size=2, max_size=2)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_a_summarys_log_probability_is_the_sum_over_its_own_tokens():
    logprobs, mask = tensor([[-1.0, -2.0, -9.0], [-3.0, -9.0, -9.0]]), torch.tensor([[1, 1, 0]] * 2)
    mask[1, 1] = 0
    assert sequence_logprobs(logprobs, mask).tolist() == [-3, -3]
    assert mean_logprobs(logprobs, mask).tolist() == [-1.5, -3]
    assert mean_logprobs(logprobs, mask * 0).tolist() == [0, 0]


@given(numbers, numbers, numbers, numbers, st.floats(0.01, 2))
def test_dpo_is_its_formula(positive, negative, start_positive, start_negative, beta):
    found = dpo(*map(tensor, (positive, negative, start_positive, start_negative)), beta=beta)
    expected = [
        math.log1p(math.exp(-beta * ((p - rp) - (n - rn))))
        for p, n, rp, rn in zip(positive, negative, start_positive, start_negative, strict=True)
    ]
    assert found.item() == pytest.approx(sum(expected) / 2)


@given(numbers, numbers, st.floats(0, 3))
def test_ranks_cost_what_the_margin_is_missed_by(positive, negative, margin):
    found = rank_calibration(tensor(positive), tensor(negative), margin=margin)
    expected = [max(0.0, margin - p + n) for p, n in zip(positive, negative, strict=True)]
    assert found.item() == pytest.approx(sum(expected) / 2)


@given(numbers, st.lists(st.booleans(), min_size=2, max_size=2))
def test_sequence_unlikelihood_is_its_formula(negative, counted):
    found = sequence_unlikelihood(tensor(negative), torch.tensor(counted))
    costs = [
        -math.log1p(-math.exp(n)) for n, counts in zip(negative, counted, strict=True) if counts
    ]
    assert found.item() == pytest.approx(sum(costs) / max(1, len(costs)), rel=1e-6)


def test_a_whole_summarys_probability_hardly_pulls_and_its_mean_does():
    logprobs = torch.full((1, 12), -0.7, requires_grad=True)
    mask, one = torch.ones(1, 12, dtype=torch.bool), torch.tensor([True])
    pulls = []
    for reduce in (sequence_logprobs, mean_logprobs):
        (gradient,) = torch.autograd.grad(
            sequence_unlikelihood(reduce(logprobs, mask), one), logprobs
        )
        pulls.append(gradient.abs().sum().item())
    assert pulls[0] < 0.01 < pulls[1]


@given(st.integers(0, 10**6))
def test_gradients_equal_finite_differences(seed):
    generator = torch.Generator().manual_seed(seed)
    positive, negative = (
        (-5 * torch.rand(3, generator=generator, dtype=torch.float64) - 0.1).requires_grad_()
        for _ in range(2)
    )
    start = -5 * torch.rand(2, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p, n: dpo(p, n, *start, beta=0.3), (positive, negative))
    assert torch.autograd.gradcheck(
        lambda n: sequence_unlikelihood(n, torch.tensor([True, False, True])), negative
    )


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(12)


def value(model, loss, used=BOTH, start=None, **changed):
    recipe = RECIPE.model_copy(update={"loss": loss, **changed})
    with torch.inference_mode():
        batch = LessonBatch(collate(EXAMPLES, 0), used)
        batch = batch if start is None else with_reference(start, batch)
        return objective(recipe)(model, batch).item()


@pytest.mark.parametrize(
    ("name", "tokens"), [("token", "all"), ("masked", "absent"), ("likelihood", "none")]
)
def test_token_losses_are_those_of_the_main_table(model, name, tokens):
    with torch.inference_mode():
        expected = loss_for(model, EXAMPLES, tokens, weight=0.5).item()
    assert value(model, name) == pytest.approx(expected, rel=1e-6)


def naive(model, examples=EXAMPLES):
    """Log p of whole positives and negatives, and of the positives' tokens, one text at a time."""
    with torch.inference_mode():
        pairs = logprobs_of(model, examples)
    wholes = [(p.sum().item(), n.sum().item()) for p, n in pairs]
    lengths = [(len(p), len(n)) for p, n in pairs]
    likelihood = -sum(p for p, _ in wholes) / sum(size for size, _ in lengths)
    return wholes, lengths, likelihood


def test_sequence_losses_are_the_plain_means_over_the_pairs(model):
    wholes, lengths, likelihood = naive(model)
    count = len(wholes)
    whole = sum(-math.log1p(-math.exp(n)) for _, n in wholes) / count
    each = sum(
        -math.log1p(-math.exp(n / size)) for (_, n), (_, size) in zip(wholes, lengths, strict=True)
    )
    ranks = sum(max(0.0, 2.0 - p + n) for p, n in wholes) / count
    assert value(model, "sequence") == pytest.approx(likelihood + 0.5 * whole, rel=1e-4)
    assert value(model, "sequence_mean") == pytest.approx(likelihood + 0.5 * each / count, rel=1e-4)
    assert value(model, "slic", margin=2.0) == pytest.approx(likelihood + 0.5 * ranks, rel=1e-4)


def test_dpo_holds_the_model_against_the_one_before_training(model, make_model):
    other = make_model(12, seed=1)
    now, before = naive(model)[0], naive(other)[0]
    expected = [
        math.log1p(math.exp(-0.1 * ((p - rp) - (n - rn))))
        for (p, n), (rp, rn) in zip(now, before, strict=True)
    ]
    found = value(model, "dpo", start=other)
    assert found == pytest.approx(sum(expected) / len(expected), rel=1e-4)
    assert value(model, "dpo", start=model) == pytest.approx(math.log(2))
    assert "dpo" in AGAINST_START
    with pytest.raises(ValueError, match="before training"):
        value(model, "dpo")


def test_dpo_moves_the_model_and_never_the_one_it_is_held_against(make_model):
    trained, start = make_model(12), make_model(12, seed=1)
    recipe = RECIPE.model_copy(update={"loss": "dpo"})
    batch = with_reference(start, LessonBatch(collate(EXAMPLES, 0), BOTH))
    objective(recipe)(trained, batch).backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in trained.parameters())
    assert all(p.grad is None for p in start.parameters())


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name not in ("dpo", "slic")])
def test_what_is_not_used_does_not_count(model, name):
    """A negative that is not used may be any text, and so may a positive that masks nothing."""
    used = BOTH.clone()
    used[1, 1] = used[2, 0] = False
    changed = [
        EXAMPLES[0],
        type(EXAMPLES[1])(EXAMPLES[1].source, [EXAMPLES[1].targets[0], [7, 7, 7, 1]]),
        EXAMPLES[2],
    ]
    recipe = RECIPE.model_copy(update={"loss": name})
    with torch.inference_mode():
        first = objective(recipe)(model, LessonBatch(collate(EXAMPLES, 0), used)).item()
        second = objective(recipe)(model, LessonBatch(collate(changed, 0), used)).item()
        whole = objective(recipe)(model, LessonBatch(collate(EXAMPLES, 0), BOTH)).item()
    assert first == pytest.approx(second, rel=1e-5)
    assert first != pytest.approx(whole, rel=1e-3)


def test_one_set_alone_gives_a_finite_loss(model):
    for column in range(2):
        used = BOTH.clone()
        used[:, column] = False
        for name in ("likelihood", "token", "masked", "sequence", "sequence_mean"):
            assert math.isfinite(value(model, name, used)), (name, column)


def test_lessons_come_in_the_batches_of_the_main_table(make_model, few_words):
    start = Checkpoint(make_model(few_words.backend.get_vocab_size()), few_words)
    texts = ["Ada", "Ada beat Ivan", "in Kelby", "on Monday in Kelby", "Who beat Ada"]
    articles = {str(at): Article(str(at), text, "") for at, text in enumerate(texts)}
    lessons = [Lesson(id_, f"{a.document} Monday", "Ivan") for id_, a in articles.items()]
    pairs = [ContrastPair(one.id, one.positive, one.negative) for one in lessons]
    examples = contrast_examples(pairs, articles, start, 9)
    theirs = epochs(examples, 2, start.model.config.pad_token_id, random.Random(3))
    ours = lesson_batches(lessons, articles, start, 9, 2, random.Random(3))
    for _ in range(6):
        one, other = next(ours), next(theirs)
        assert one.pairs.targets.tolist() == other.targets.tolist()
        assert one.pairs.ids.tolist() == other.ids.tolist()
        assert one.used.all()


def test_flags_stay_with_their_lesson(make_model, few_words):
    start = Checkpoint(make_model(few_words.backend.get_vocab_size()), few_words)
    articles = {id_: Article(id_, text, "") for id_, text in (("a", "Ada Ivan"), ("b", "Kelby"))}
    lessons = [
        Lesson("a", "Ada", "Ivan", teach=False),
        Lesson("b", "Kelby", "", punish=False),
    ]
    (flags,) = {
        (ids[0], *used)
        for batch in [next(lesson_batches(lessons, articles, start, 9, 1, random.Random(0)))]
        for ids, used in zip(batch.pairs.ids.tolist(), batch.used.tolist(), strict=True)
    }
    ada, kelby = (few_words.encode([name])[0][0] for name in ("Ada", "Kelby"))
    assert flags in {(ada, False, True), (kelby, True, False)}


def test_the_reference_of_a_lesson_is_that_of_the_model_at_the_start(make_model, few_words):
    start = Checkpoint(make_model(few_words.backend.get_vocab_size()), few_words)
    texts = ["Ada", "Ada beat Ivan", "in Kelby", "on Monday in Kelby", "Who beat Ada"]
    articles = {str(at): Article(str(at), text, "") for at, text in enumerate(texts)}
    lessons = [Lesson(id_, f"{a.document} Monday", "Ivan") for id_, a in articles.items()]
    untouched = copy.deepcopy(start.model)
    batches = lesson_batches(lessons, articles, start, 9, 2, random.Random(3), against_start=True)
    with torch.no_grad():
        for parameter in start.model.parameters():
            parameter.zero_()
    for _ in range(6):
        batch = next(batches)
        expected = with_reference(untouched, batch).reference
        assert not batch.reference.requires_grad
        assert batch.reference.tolist() == [
            pytest.approx(row, abs=1e-5) for row in expected.tolist()
        ]
