"""The losses against hand computation and finite differences, and who may influence whom."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quals.corpus import Article
from quals.decoding.scoring import target_logprobs
from quals.models.checkpoint import Checkpoint
from quals.training.batches import Example, collate
from quals.training.contrast import absent, contrast_examples, contrastive_loss
from quals.training.losses import contrastive, log_complement, mean_likelihood
from quals.training.selection import ContrastPair

P = torch.tensor([[0.5, 0.25], [0.8, 0.1]], dtype=torch.float64)
N = torch.tensor([[0.9, 0.2], [0.5, 0.7]], dtype=torch.float64)
ALL = torch.tensor([[True, True], [True, True]])
SOME = torch.tensor([[True, False], [True, True]])
EXAMPLES = [  # source, positive and negative
    Example([4, 5, 6], [[4, 7, 1], [4, 8, 9, 10, 1]]),
    Example([8], [[9, 9, 4, 5, 6, 1], [9, 1]]),
    Example([10, 11, 4, 4, 5], [[6, 1], [6, 1]]),
]


def loss_of(p, n, positive_mask=ALL, negative_mask=ALL, weight=1.0):
    return contrastive(p.log(), positive_mask, n.log(), negative_mask, negative_weight=weight)


@pytest.mark.parametrize(
    ("positive_mask", "negative_mask", "weight", "expected"),
    [
        (ALL, ALL, 1.0, -(math.log(0.5 * 0.25 * 0.8 * 0.1) + math.log(0.1 * 0.8 * 0.5 * 0.3)) / 8),
        (SOME, ALL, 1.0, -(math.log(0.5 * 0.8 * 0.1) + math.log(0.1 * 0.8 * 0.5 * 0.3)) / 7),
        (ALL, SOME, 1.0, -(math.log(0.5 * 0.25 * 0.8 * 0.1) + math.log(0.1 * 0.5 * 0.3)) / 7),
        (ALL, ALL, 0.5, -(math.log(0.5 * 0.25 * 0.8 * 0.1) + math.log(0.012) / 2) / 8),
        (ALL, ALL, 0.0, -math.log(0.5 * 0.25 * 0.8 * 0.1) / 8),
        (ALL, ~ALL, 1.0, -math.log(0.5 * 0.25 * 0.8 * 0.1) / 4),
        (~ALL, ALL, 1.0, -math.log(0.1 * 0.8 * 0.5 * 0.3) / 4),
        (~ALL, ~ALL, 1.0, 0.0),
    ],
)
def test_the_contrastive_loss_is_the_hand_computed_one(
    positive_mask, negative_mask, weight, expected
):
    found = loss_of(P, N, positive_mask, negative_mask, weight)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_likelihood_is_the_mean_over_counted_tokens_of_the_batch():
    assert mean_likelihood(P.log(), SOME).item() == pytest.approx(-math.log(0.5 * 0.8 * 0.1) / 3)
    assert mean_likelihood(P.log(), ~ALL).item() == 0


@pytest.mark.parametrize("p", [0.0, 1e-300, 1e-12, 1e-6, 0.3, 0.999, 1 - 1e-6])
def test_the_log_complement_is_log_one_minus_p(p):
    logprob = torch.tensor(p, dtype=torch.float64).log()
    assert log_complement(logprob).item() == pytest.approx(math.log1p(-p), rel=1e-9, abs=1e-15)


def test_the_log_complement_tells_near_one_from_one_in_single_precision():
    # 1 - exp(-1e-6) would be 9.5e-07 there.
    assert log_complement(torch.tensor(-1e-6)).item() == pytest.approx(math.log(1e-6), abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_probabilities_give_finite_losses_and_gradients(dtype):
    logprobs = [0.0, -1e-30, -1e-9, -1e-7, -1e-3, -1.0, -50.0, -1e4]
    positive = torch.tensor([logprobs], dtype=dtype, requires_grad=True)
    negative = torch.tensor([logprobs], dtype=dtype, requires_grad=True)
    mask = torch.ones(1, len(logprobs), dtype=torch.bool)
    loss = contrastive(positive, mask, negative, mask, negative_weight=1.0)
    loss.backward()
    assert loss.isfinite()
    assert positive.grad.isfinite().all()
    assert negative.grad.isfinite().all()
    assert (log_complement(negative) >= math.log(1e-7) - 1e-3).all()


def test_an_impossible_negative_costs_nothing():
    negative = torch.tensor([[-math.inf]], requires_grad=True)
    mask = torch.ones(1, 1, dtype=torch.bool)
    loss = contrastive(torch.zeros(1, 1), mask, negative, mask, negative_weight=1.0)
    loss.backward()
    assert (loss.item(), negative.grad.item()) == (0, 0)


@given(st.integers(0, 10**6), st.floats(0, 3))
def test_gradients_equal_finite_differences(seed, weight):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 2, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(5, (2, 2, 3, 1), generator=generator)
    mask = torch.rand(2, 2, 3, generator=generator) < 0.7

    def loss(values):
        logprobs = values.log_softmax(-1).gather(-1, targets)[..., 0]
        return contrastive(
            logprobs[:, 0], mask[:, 0], logprobs[:, 1], mask[:, 1], negative_weight=weight
        )

    assert torch.autograd.gradcheck(loss, logits)


@given(st.integers(0, 3), st.floats(1e-4, 0.2))
def test_the_loss_falls_with_likelier_positives_and_unlikelier_negatives(at, step):
    change = torch.zeros(4, dtype=torch.float64).index_fill(0, torch.tensor(at), step).view(2, 2)
    assert loss_of(P + change, N) < loss_of(P, N) < loss_of(P - change * P, N)
    assert loss_of(P, N - change * N) < loss_of(P, N)
    assert loss_of(P, N + change * (1 - N)) > loss_of(P, N)


def test_the_pull_on_a_negative_token_grows_with_its_likelihood():
    logits = torch.tensor([-4.0, -1.0, 0.0, 1.0, 4.0], requires_grad=True)
    (-log_complement(torch.nn.functional.logsigmoid(logits))).sum().backward()
    # d/dx of -log(1 - sigmoid(x)) is sigmoid(x).
    torch.testing.assert_close(logits.grad, logits.detach().sigmoid(), atol=1e-5, rtol=0)


@given(st.floats(-20, 0), st.floats(-20, 0))
def test_what_is_masked_never_counts(one, other):
    padded = torch.tensor([[-1.0, one]]), torch.tensor([[-2.0, other]])
    mask = torch.tensor([[True, False]])
    alone = torch.tensor([[-1.0]]), torch.tensor([[-2.0]])
    found = contrastive(padded[0], mask, padded[1], mask, negative_weight=1.0)
    expected = contrastive(alone[0], mask[:, :1], alone[1], mask[:, :1], negative_weight=1.0)
    assert found.item() == pytest.approx(expected.item())


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(12)


def loss_for(model, examples, tokens="all", weight=1.0):
    return contrastive_loss(negative_tokens=tokens, negative_weight=weight)(
        model, collate(examples, 0)
    )


def logprobs_of(model, examples):
    """Log p of (positive, negative) of each example, each on its own."""
    found = []
    for example in examples:
        batch = collate([example], 0)
        memory = model.read(batch.ids, batch.mask)
        rows = target_logprobs(model, memory, batch.targets, batch.target_mask)[0]
        found.append([row[: len(t)] for row, t in zip(rows, example.targets, strict=True)])
    return found


@pytest.mark.parametrize("tokens", ["all", "absent", "none"])
def test_the_loss_of_a_batch_equals_the_plain_sum_over_its_pairs(model, tokens):
    total, count = 0.0, 0
    with torch.inference_mode():
        for example, (positive, negative) in zip(
            EXAMPLES, logprobs_of(model, EXAMPLES), strict=True
        ):
            total -= positive.sum().item()
            count += len(positive)
            for token, logprob in zip(example.targets[1], negative.tolist(), strict=True):
                if tokens == "all" or (tokens == "absent" and token not in example.targets[0]):
                    total -= 0.5 * math.log1p(-math.exp(logprob))
                    count += 1
        found = loss_for(model, EXAMPLES, tokens, weight=0.5).item()
    assert found == pytest.approx(total / count, rel=1e-4)


def test_without_negative_tokens_the_loss_is_the_likelihood_of_the_positives(model):
    batch = collate([Example(e.source, e.targets[:1]) for e in EXAMPLES], 0)
    with torch.inference_mode():
        memory = model.read(batch.ids, batch.mask)
        logprobs = target_logprobs(model, memory, batch.targets, batch.target_mask)
        expected = mean_likelihood(logprobs, batch.target_mask)
        assert loss_for(model, EXAMPLES, "none").item() == pytest.approx(expected.item(), rel=1e-5)
        changed = [Example(e.source, [e.targets[0], [5, 5, 1]]) for e in EXAMPLES]
        assert loss_for(model, changed, "none").item() == pytest.approx(expected.item(), rel=1e-5)


def test_one_documents_negative_changes_no_gradient_through_the_others(model):
    def gradients(negative):
        model.zero_grad()
        examples = [Example(EXAMPLES[0].source, [EXAMPLES[0].targets[0], negative]), *EXAMPLES[1:]]
        batch = collate(examples, 0)
        memory = model.read(batch.ids, batch.mask)
        for side in (*memory.keys, *memory.values):
            side.retain_grad()
        logprobs = target_logprobs(model, memory, batch.targets, batch.target_mask)
        logprobs.retain_grad()
        mask = batch.target_mask
        contrastive(
            logprobs[:, 0], mask[:, 0], logprobs[:, 1], mask[:, 1], negative_weight=1.0
        ).backward()
        others = [side.grad[1:] for side in (*memory.keys, *memory.values)]
        return [logprobs.grad[1:], *others], memory.values[0].grad[0]

    others, own = gradients([4, 8, 9, 1])
    changed_others, changed_own = gradients([10, 10, 11, 1])
    for one, other in zip(others, changed_others, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert (own - changed_own).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("negative", "positive", "expected"),
    [
        ([4, 5, 6, 1], [4, 6, 1], [False, True, False, False]),
        ([4, 4, 5], [5, 5, 5], [True, True, False]),
        ([4, 5], [5, 4], [False, False]),
        ([7, 8, 1], [4, 5, 6, 9], [True, True, True]),
    ],
)
def test_absent_marks_the_tokens_that_the_positive_lacks(negative, positive, expected):
    found = absent(torch.tensor([negative]), torch.tensor([positive]))
    assert found.tolist() == [expected]


def test_absent_compares_with_the_documents_own_positive_only():
    found = absent(torch.tensor([[4, 5], [4, 5]]), torch.tensor([[4, 9], [5, 9]]))
    assert found.tolist() == [[False, True], [True, False]]


def test_an_unknown_choice_of_tokens_is_refused():
    with pytest.raises(ValueError, match="negative_tokens is 'some', not one of"):
        contrastive_loss(negative_tokens="some", negative_weight=1.0)


def test_examples_hold_the_positive_then_the_negative(make_model, few_words):
    start = Checkpoint(make_model(12), few_words)
    articles = {"a": Article("a", "Ada beat Ivan in Kelby", "unused")}
    (found,) = contrast_examples([ContrastPair("a", "Ada beat", "Ivan")], articles, start, limit=3)
    assert few_words.decode([found.source]) == ["Ada beat Ivan"]
    assert few_words.decode(found.targets) == ["Ada beat", "Ivan"]
    assert [row[-1] for row in found.targets] == [1, 1]
