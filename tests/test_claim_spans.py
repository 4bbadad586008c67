"""Laws of what FactCCX points at: the sentence a claim was made of, and what of it was spoilt."""

from random import Random

import pytest
import torch
from encoders import save_bert
from torch import nn

from quals.metrics.corruptions import ClaimExample
from quals.models import encoder
from quals.models.encoder import CLAIM
from quals.models.interface import recompute
from quals.training.claim_spans import NOWHERE, PLACES, Pointing, differing, places, pointing_logits
from quals.training.encoder_factcc import claim_rows


def test_the_difference_lies_between_equal_ends():
    rng = Random(0)
    for _ in range(300):
        head, tail = ([rng.randrange(3) for _ in range(rng.randint(0, 5))] for _ in range(2))
        old, new = ([7] * rng.randint(1, 3), [8] * rng.randint(1, 3))
        first, last = differing(head + old + tail, head + new + tail)
        assert (first, last) == (len(head), len(head) + len(new) - 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1, 2, 3, 4], [1, 2, 4], (1, 2)),
        ([9, 1, 2], [1, 2], (0, 0)),
        ([1, 2, 9], [1, 2], (1, 1)),
        ([1, 2], [1, 5, 2], (1, 1)),
    ],
)
def test_where_something_is_gone_both_sides_of_the_gap_differ(before, after, expected):
    assert differing(before, after) == expected


def test_places_are_those_of_the_tokens_that_the_encoder_reads():
    document, true, spoilt = [5, 6, 7, 8, 9, 5], [7, 8, 9], [7, 3, 3, 9]
    row = [0, *document, 1, *spoilt, 1]
    first, last, wrong, end = places(document, spoilt, true)
    assert row[first : last + 1] == true
    assert row[wrong : end + 1] == [3, 3]
    assert places(document, true, true) == (first, last, NOWHERE, NOWHERE)
    assert places([5, 6, 7], true, true) == (NOWHERE,) * PLACES, "the document was cut"


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    folder = save_bert(tmp_path_factory.mktemp("bert"), hidden_size=32)
    torch.manual_seed(0)
    return encoder.start(CLAIM, folder, longest=40, dropout=0.0)


CLAIMS = [
    ClaimExample(
        "a-clean", "Ada sold the house. The mill was empty.", "Ada sold the house.", 1, None
    ),
    ClaimExample(
        "a-entity", "Ada sold the house. The mill was empty.", "Ada sold the mill.", 0, "entity"
    ),
    ClaimExample("b-clean", "Ivan was glad.", "Ivan was was glad.", 1, None),
    ClaimExample("b-negation", "Ivan was glad.", "Ivan was not glad.", 0, "negation"),
]


def test_rows_have_the_label_alone_or_the_places_too(start):
    plain = claim_rows(CLAIMS, start.tokenizer, 40, spans=False)
    found = claim_rows(CLAIMS, start.tokenizer, 40, spans=True)
    assert [row.target for row in plain] == [(1,), (0,), (1,), (0,)]
    assert [(row.first, row.second) for row in plain] == [(row.first, row.second) for row in found]
    (clean, spoilt, noisy, _) = (row.target for row in found)
    assert clean[1:3] == spoilt[1:3] == (1, len(found[0].second))
    assert clean[3:] == (NOWHERE, NOWHERE)
    assert (
        len(found[1].first) + 2
        < spoilt[3]
        <= spoilt[4]
        < len(found[1].first) + 2 + len(found[1].second)
    )
    assert noisy[1:] == (NOWHERE,) * PLACES, "the document does not hold it word for word"


def test_no_place_is_outside_its_text_and_the_label_has_two_classes(start):
    rows = claim_rows(CLAIMS, start.tokenizer, 40, spans=True)
    inputs = start.batch([(row.first, row.second) for row in rows])
    logits = pointing_logits(Pointing(start.model), inputs)
    believed = logits.detach().softmax(dim=1)
    size = inputs["input_ids"].shape[1]
    assert logits.shape == (len(rows), size, 1 + PLACES)
    for row, at in zip(rows, believed, strict=True):
        claim = len(row.first) + 2
        assert at[2:, 0].sum() == 0
        for place, allowed in enumerate(
            ((1, claim - 1),) * 2 + ((claim, claim + len(row.second)),) * 2
        ):
            # The separator that ends a text stands for its end.
            inside = at[allowed[0] : allowed[1] + 1, 1 + place].sum() + at[NOWHERE, 1 + place]
            assert inside.item() == pytest.approx(1, abs=1e-5)
    plain = start.model(**inputs).logits
    assert torch.allclose(logits[:, :2, 0], plain, atol=1e-6)


@pytest.mark.parametrize("again", [False, True], ids=["kept", "computed again"])
def test_the_loss_reaches_every_weight(start, again):
    rows = claim_rows(CLAIMS, start.tokenizer, 40, spans=True)
    model = Pointing(start.model).train()
    recompute(model, again)
    model.zero_grad()
    logits = pointing_logits(model, start.batch([(row.first, row.second) for row in rows]))
    loss = nn.functional.cross_entropy(logits, torch.tensor([row.target for row in rows]))
    loss.backward()
    assert torch.isfinite(loss)
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
    recompute(model, False)
