"""Variants of QUALS from one pass are QUALS with those settings; their rows, plain statistics."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from test_quals import CASES, SMALL

from quals.ablations.metric_items import gather
from quals.ablations.metric_rows import Judged, metric_rows
from quals.ablations.variants import (
    MetricAblations,
    ask_variants,
    metric_variants,
    score_asked,
)
from quals.analysis.statistics import draw
from quals.corpus import Article
from quals.jsonl import write_jsonl
from quals.metrics.explained import ExplainedQuals
from quals.metrics.quals import Quals, QualsSettings
from quals.models.checkpoint import Checkpoint
from quals.models.tokenizer import SEPARATOR
from quals.params import load_section
from quals.testbed.news import Noise, write_article, write_summary
from quals.testbed.oracle import Oracle
from quals.testbed.world import draw_story

TRIED = MetricAblations(
    groups=[2, 5, 14],
    pairs=[1, 2],
    official_groups=14,
    documents=8,
    swaps_seed=13,
    resamples=100,
    seed=0,
    level=0.9,
)


@pytest.fixture(scope="module")
def base():
    from pipeline import ROOT

    settings = load_section(ROOT / "scales/testbed.yaml", "quals", QualsSettings)
    return settings.model_copy(update=SMALL)


@pytest.fixture(scope="module")
def qagen(make_qagen, few_words):
    return Checkpoint(make_qagen(10), few_words)


@pytest.fixture(scope="module")
def variants(base):
    return metric_variants(base, TRIED)


def test_every_ablation_holds_the_base_and_no_setting_twice(base, variants):
    for name in {variant.ablation for variant in variants}:
        own = [variant for variant in variants if variant.ablation == name]
        assert sum(variant.settings == base for variant in own) == 1, name
        assert len({variant.settings for variant in own}) == len(own) > 1
        assert len({variant.setting for variant in own}) == len(own)


def test_variants_score_as_quals_with_their_settings(qagen, variants):
    documents, summaries = map(list, zip(*CASES, strict=True))
    separator = qagen.tokenizer.id_of(SEPARATOR)
    settings = [variant.settings for variant in variants if variant.settings is not None]
    answers = ask_variants(qagen, separator, settings, documents, summaries)
    found = score_asked(settings, answers.pairs)
    for own, scores in zip(settings, found, strict=True):
        expected = [s.quals for s in Quals(qagen, separator, own).score(documents, summaries)]
        assert [s is None for s in scores] == [s is None for s in expected]
        known = [s for s in scores if s is not None]
        assert known == pytest.approx([s for s in expected if s is not None], abs=1e-4)
    assert len({tuple(scores) for scores in found}) > 6, "the settings must matter in this test"


def test_summaries_are_explained_as_without_pairs(qagen, base):
    documents, summaries = map(list, zip(*CASES, ("a", ""), strict=True))
    separator = qagen.tokenizer.id_of(SEPARATOR)
    found = ask_variants(qagen, separator, [base], documents, summaries).explained
    expected = ExplainedQuals(qagen, separator, base).score(documents, summaries)
    assert found[-1] is None
    assert expected[-1].quals is None
    assert found[:-1] == pytest.approx([one.quals for one in expected[:-1]], abs=1e-5)
    assert len(set(found)) > 3


def test_variants_of_another_search_are_refused(qagen, base):
    other = base.model_copy(update={"longest": base.longest + 1})
    with pytest.raises(ValueError, match="longest"):
        ask_variants(qagen, 3, [base, other], ["a"], ["b"])


def naive_auc(scores, truth):
    pairs = list(product(scores[truth > 0.5], scores[truth <= 0.5]))
    return np.mean([(good > bad) + (good == bad) / 2 for good, bad in pairs])


@pytest.fixture(scope="module")
def table():
    """Scores (2 variants of 90 items): 30 references, 30 outputs of each seed, 30 swaps."""
    rng = np.random.default_rng(0)
    truth = (rng.random(120) < 0.5).astype(float)
    truth[90:] = 0
    scores = np.round(truth + rng.normal(size=(3, 120)), 1)
    scores[1, [3, 40, 95]] = np.nan
    documents = np.tile(np.arange(30), 4)
    sources = np.repeat([0, 1, 2, 3], 30)

    def judged(chosen):
        return Judged(truth[chosen], documents[chosen], np.flatnonzero(chosen))

    seeds = [judged((sources == 0) | (sources == seed)) for seed in (1, 2)]
    return scores, truth, seeds, judged(((sources == 0) & (truth > 0.5)) | (sources == 3))


@pytest.fixture(scope="module")
def rows(table, base, variants):
    scores, _, seeds, swaps = table
    draws = draw(2, 30, resamples=200, seed=0)
    groups = [v for v in variants if v.ablation == "groups"][:3]
    place = next(at for at, v in enumerate(groups) if v.settings == base)
    found = metric_rows("xsum", groups, scores, seeds, swaps, base=place, draws=draws, level=0.9)
    return found, groups, place


def test_rows_hold_the_plain_statistics_of_the_items(rows, table):
    found, groups, place = rows
    scores, _, seeds, swaps = table
    values = {(row["setting"], row["metric"]): row for row in found}
    for variant, own in zip(groups, scores, strict=True):
        aucs, correlations, changes = [], [], []
        for judged in seeds:
            mine, truth = own[judged.places], judged.truth
            other = scores[place][judged.places]
            known, both = ~np.isnan(mine), ~np.isnan(mine) & ~np.isnan(other)
            aucs.append(naive_auc(mine[known], truth[known]))
            correlations.append(stats.pearsonr(mine[known], truth[known]).statistic)
            changes.append(naive_auc(mine[both], truth[both]) - naive_auc(other[both], truth[both]))
        assert values[variant.setting, "auc"]["mean"] == pytest.approx(np.mean(aucs))
        assert values[variant.setting, "pearson"]["mean"] == pytest.approx(np.mean(correlations))
        mine = own[swaps.places]
        known = ~np.isnan(mine)
        assert values[variant.setting, "auc_swaps"]["mean"] == pytest.approx(
            naive_auc(mine[known], swaps.truth[known])
        )
        if variant is groups[place]:
            assert (variant.setting, "auc_change") not in values
        else:
            change = values[variant.setting, "auc_change"]
            assert change["mean"] == pytest.approx(np.mean(changes))
            assert change["low"] <= change["mean"] <= change["high"]
    gaps = [row["mean"] for row in found if row["metric"] == "undefined"]
    # One reference, which both seeds share, and one output of the first seed.
    assert gaps == pytest.approx([0, (2 / 60 + 1 / 60) / 2, 0])


def test_rows_have_the_fields_of_the_results_and_ordered_intervals(rows):
    for row in rows[0]:
        assert set(row) == {
            *("ablation", "setting", "dataset", "metric", "mean", "low", "high", "seeds")
        }
        assert row["seeds"] == (1 if row["metric"] == "auc_swaps" else 2)
        if row["metric"] != "undefined":
            assert row["low"] <= row["high"]


def test_a_mean_over_seeds_needs_every_seed(base, variants):
    groups = [v for v in variants if v.settings == base][:1]
    truth = np.array([1.0, 0.0, 1.0, 1.0])
    seeds = [
        Judged(truth[:2], np.array([0, 1]), np.array([0, 1])),
        Judged(truth[2:], np.array([0, 1]), np.array([2, 3])),
    ]
    scores = np.array([[0.9, 0.1, 0.3, 0.2]])
    found = metric_rows(
        "xsum",
        groups,
        scores,
        seeds,
        seeds[0],
        base=0,
        draws=draw(2, 2, resamples=50, seed=0),
        level=0.9,
    )
    values = {row["metric"]: row["mean"] for row in found}
    assert values["auc"] is None  # of the second seed there is none, nor of both
    assert values["auc_swaps"] == 1


def test_items_are_references_outputs_of_every_seed_and_one_swap_each(tmp_path):
    from random import Random

    noise = Noise(preference_kinds=["sport"], preference_share=0.5, prior_share=1, swap_share=0.2)
    rng = Random(0)
    stories = [
        draw_story(rng, f"{at:02}", "test", detail_share=0.9, aside_share=0.5) for at in range(40)
    ]
    articles = [
        Article(s.id, write_article(s, rng), write_summary(s, "xsum", noise, rng).text)
        for s in stories
    ]
    write_jsonl(tmp_path / "test.jsonl", [story.to_row() for story in stories])
    oracle = Oracle(tmp_path, "test", articles)
    written = {seed: {a.id: f"{a.summary} {seed}" for a in articles} for seed in (4, 7)}
    items = gather(articles, written, oracle, noise, "xsum", seed=13)
    again = gather(articles, written, oracle, noise, "xsum", seed=13)
    assert items.summaries == again.summaries
    assert len(items.summaries) == 4 * 40
    seven = items.of_seed(7)
    assert [items.summaries[at] for at in seven.places] == [
        *(a.summary for a in articles),
        *(f"{a.summary} 7" for a in articles),
    ]
    assert seven.documents.tolist() == [*range(40), *range(40)]
    swaps = items.swaps()
    false = [items.summaries[at] for at in swaps.places if items.sources[at] == "swapped"]
    assert len(false) == 40
    verdicts = [
        oracle.judge(a.id, text).consistent for a, text in zip(articles, false, strict=True)
    ]
    assert sum(verdicts) <= 2  # an error may be true by chance, hardly ever
    kept = [at for at in swaps.places if items.sources[at] == "reference"]
    assert all(items.truth[kept] == 1)
    assert len(kept) == sum(oracle.judge(a.id, a.summary).consistent for a in articles)
