"""Laws of the trade-off curve, and of the ways to decode that make it."""

import numpy as np
import pytest
import torch

from quals.analysis.copying import copying_rows, curve_at
from quals.analysis.statistics import draw
from quals.analysis.tables import Scores
from quals.decoding.sampling import sample
from quals.decoding.sequences import Limits
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.decoding.temperature import Tempered
from quals.decoding.variants import Copying, decode, variants
from quals.models.checkpoint import Checkpoint

SETTINGS = Copying(seed=3, beams=[8, 1], length_penalties=[0.0], temperatures=[0.5, 1.0], top_k=50)
LIMITS = SummaryLimits(beams=2, shortest=1, longest=6, length_penalty=1.0, batch_size=2)
DOCUMENTS = ["Ada beat Ivan in Kelby", "Ivan beat Ada on Monday", "Who beat Ada"]


@pytest.mark.parametrize(
    ("density", "consistency"),
    [
        (1.0, 0.5),  # a variant itself
        (2.0, 0.6),  # half-way between two
        (3.5, 0.7),  # one that copies more and is no better does not pull the curve down
        (9.0, 0.9),  # flat beyond the last
    ],
)
def test_curve_by_hand(density, consistency):
    densities, found = np.array([3.0, 1.0, 4.0, 5.0]), np.array([0.7, 0.5, 0.6, 0.9])
    assert curve_at(density, densities, found) == pytest.approx(consistency)


def test_nothing_compares_below_the_curve_or_where_nothing_is_known():
    assert np.isnan(curve_at(0.5, np.array([1.0, 2.0]), np.array([0.1, 0.2])))
    assert np.isnan(curve_at(0.5, np.array([np.nan]), np.array([0.1])))
    assert np.isnan(curve_at(np.nan, np.array([1.0]), np.array([0.1])))


def scores(means: dict[str, tuple[float, float]], documents: int = 200) -> Scores:
    """Systems whose summaries have about these consistencies and densities."""
    random = np.random.default_rng(0)
    shape = (2, documents)
    metrics = {
        "consistent": [random.random(shape) < consistent for consistent, _ in means.values()],
        "density": [density + random.normal(0, 0.1, shape) for _, density in means.values()],
        "coverage": [random.random(shape) for _ in means],
        "novel2": [random.random(shape) for _ in means],
    }
    stacked = {name: np.array(values, dtype=float) for name, values in metrics.items()}
    return Scores("xsum", tuple(means), (0, 1), tuple(map(str, range(documents))), stacked, None)


def rows_of(means):
    found = scores(means)
    families = [name.split("-")[0] if "-" in name else "method" for name in means]
    systems = [
        {"system": name, "family": family, "setting": None}
        for name, family in zip(means, families, strict=True)
    ]
    draws = draw(2, len(found.ids), resamples=200, seed=0)
    rows = copying_rows(found, systems, draws, judge="truth", level=0.95)
    return {row["system"]: row for row in rows}


def test_a_gain_by_copying_alone_is_not_ahead_and_a_gain_without_it_is():
    found = rows_of(
        {
            "mle": (0.5, 2.0),
            "copier": (0.7, 6.0),
            "learner": (0.7, 2.05),
            "beams-1": (0.4, 1.0),
            "beams-8": (0.7, 6.0),
        }
    )
    assert found["copier"]["ahead_low"] < 0 < found["copier"]["ahead_high"]
    assert found["learner"]["ahead_low"] > 0.1
    assert found["mle"]["ahead"] is None
    assert found["beams-1"]["ahead"] is None
    assert found["learner"]["ahead"] == pytest.approx(0.2, abs=0.06)


def test_means_and_intervals_are_those_of_the_scores():
    means = {"mle": (0.5, 2.0), "conseq": (0.6, 2.0)}
    found = rows_of(means)
    values = scores(means).of("density", "conseq")
    assert found["conseq"]["density"] == pytest.approx(values.mean())
    assert found["conseq"]["density_low"] < values.mean() < found["conseq"]["density_high"]
    assert found["conseq"]["judge"] == "truth"


def test_variants_are_named_by_family_and_value_and_sorted():
    names = [way.name for way in variants(SETTINGS)]
    assert names == [
        *("beams-1", "beams-8", "length_penalty-0", "temperature-0.5", "temperature-1"),
    ]


@pytest.fixture
def checkpoint(make_qagen, few_words):
    return Checkpoint(make_qagen(0), few_words)


def written(way, checkpoint):
    return decode(
        way,
        checkpoint,
        DOCUMENTS,
        limits=LIMITS,
        max_source_tokens=20,
        top_k=50,
        generator=torch.Generator().manual_seed(0),
    )


def test_a_beam_variant_is_beam_search_with_that_number_and_nothing_else_changed(checkpoint):
    for way in variants(SETTINGS):
        if way.family != "temperature":
            value = int(way.setting) if way.family == "beams" else way.setting
            limits = LIMITS.model_copy(update={way.family: value})
            expected = Summarizer(checkpoint, limits, 20).summarize(DOCUMENTS)
            assert written(way, checkpoint) == expected


def test_samples_repeat_with_their_seed_and_leave_the_network_as_it_was(checkpoint):
    before = Summarizer(checkpoint, LIMITS, 20).summarize(DOCUMENTS)
    way = list(variants(SETTINGS))[-1]
    assert written(way, checkpoint) == written(way, checkpoint)
    assert Summarizer(checkpoint, LIMITS, 20).summarize(DOCUMENTS) == before


def test_a_temperature_near_zero_is_greedy(checkpoint, few_words):
    model = checkpoint.model
    ids = torch.tensor(few_words.encode(DOCUMENTS[:1]))
    memory = model.read(ids, torch.ones_like(ids, dtype=torch.bool))
    limits = Limits(1, 6)

    def draw_one(temperature, top_k):
        generator = torch.Generator().manual_seed(0)
        return sample(
            Tempered(model, temperature),
            memory,
            samples=3,
            top_k=top_k,
            limits=limits,
            generator=generator,
        )[0]

    (greedy,) = {tuple(row) for row in draw_one(1.0, 1)}
    assert {tuple(row) for row in draw_one(1e-4, 50)} == {greedy}


def test_temperature_divides_the_scores(checkpoint):
    hidden = torch.randn(1, 1, 2, checkpoint.model.config.d_model)
    with torch.inference_mode():
        plain = checkpoint.model.logits(hidden)
        assert torch.equal(Tempered(checkpoint.model, 2.0).logits(hidden), plain / 2)
