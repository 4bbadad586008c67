"""The ablations' settings: what they start from is the main table, and wrong ones are named."""

import re

import pytest
from pipeline import ROOT
from ruamel.yaml import YAML

from quals.ablations.recipes import Evaluation, read_ablation
from quals.ablations.variants import MetricAblations
from quals.params import ParamsError, load_section, load_yaml
from quals.stages.contrast_pairs import ContrastPairs
from quals.training.contrastive import Contrastive, Method

SETTINGS = ROOT / "ablations/testbed.yaml"
SCALE = ROOT / "scales/testbed.yaml"
NAMES = list(load_yaml(SETTINGS)["ablations"])
TOKENS = {"all": "token", "absent": "masked", "none": "likelihood"}


@pytest.mark.parametrize("name", NAMES)
def test_every_ablation_can_be_read_and_starts_from_its_recipes(name):
    ablation, variants = read_ablation(SETTINGS, name)
    assert len(variants) == len(ablation.recipes) * len(ablation.settings)
    assert len({variant.setting for variant in variants}) == len(variants)
    assert len({variant.recipe for variant in variants}) == len(variants), "two settings are one"
    bases = {v.setting: v.recipe for v in variants if v.setting == v.base}
    starts = [load_yaml(SETTINGS)["recipes"][recipe] for recipe in ablation.recipes]
    assert [recipe.model_dump() for recipe in bases.values()] == starts
    assert all(variant.base in bases for variant in variants)


@pytest.mark.parametrize("name", ["conseq", "masked"])
def test_a_recipe_is_the_method_of_that_name_in_the_main_table(name):
    recipe = load_yaml(SETTINGS)["recipes"][name]
    method = load_section(SCALE, f"methods.{name}", Method)
    shared = load_section(SCALE, "contrastive", Contrastive)
    assert recipe["selector"] == method.selector
    assert recipe["positive_share"] == method.positive_share
    assert recipe["negative_share"] == shared.negative_share
    assert recipe["pairs"] == shared.pairs
    assert recipe["samples"] == load_yaml(SCALE)["sample"]["samples"]
    assert recipe["loss"] == TOKENS[method.negative_tokens]
    assert recipe["negative_weight"] == method.negative_weight
    assert recipe["lr"] == method.lr
    assert (recipe["positives"], recipe["intersect"]) == ("reference", True)
    assert (recipe["steps"], recipe["rounds"]) == (1.0, 1)


def test_make_runs_every_ablation_and_the_grid_some():
    makefile = (ROOT / "Makefile").read_text()
    listed = re.search(r"^ABLATIONS := (.*)$", makefile, re.M)[1].split(",")
    assert listed == NAMES
    assert set(load_yaml(ROOT / "params.yaml")["ablations"]) <= set(NAMES)


def test_the_other_sections_can_be_read():
    load_section(SETTINGS, "metric", MetricAblations)
    load_section(SETTINGS, "contrast_pairs", ContrastPairs)
    assert load_section(SETTINGS, "evaluation", Evaluation).split == "validation"


def test_every_setting_has_a_comment_or_stands_under_one_like_it():
    explained = set()
    for number, line in enumerate(SETTINGS.read_text().splitlines(), start=1):
        match = re.match(r"\s*(\w+):", line)
        if match and "#" in line:
            explained.add(match[1])
        elif match and not line.rstrip().endswith(":"):
            assert match[1] in explained, f"{number}: {match[1]} has no comment"


@pytest.fixture
def changed(tmp_path):
    """The file with some values changed, by path of keys."""

    def change(**values):
        content = load_yaml(SETTINGS)
        for keys, value in values.items():
            *outer, last = keys.split("__")
            at = content
            for key in outer:
                at = at[key]
            at[last] = value
        path = tmp_path / "changed.yaml"
        with open(path, "w") as file:
            YAML(typ="safe", pure=True).dump(content, file)
        return path

    return change


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ablations__samples__settings": {"1": {"samples": 1}}}, "one setting must be empty"),
        ({"ablations__samples__settings": {"6": {}, "5": {}}}, "one setting must be empty"),
        (
            {"ablations__samples__settings": {"6": {}, "5": {"sample": 5}}},
            r"ablations\.samples\.settings\.5\.sample: ",
        ),
        (
            {"ablations__samples__settings": {"6": {}, "0": {"samples": 0}}},
            r"ablations\.samples\.settings\.0\.samples: ",
        ),
        ({"ablations__samples__recipes": ["other"]}, r"section 'recipes\.other' is missing"),
        ({"recipes__masked__loss": "ppo"}, r"recipes\.masked\.loss: "),
        (
            {"ablations__samples__settings": {"6": {}, "x": {"loss": "dpo", "intersect": False}}},
            "compares pairs",
        ),
        (
            {"ablations__samples__settings": {"6": {}, "x": {"intersect": False}}}
            | {"recipes__masked__positive_share": None},
            "needs a positive_share",
        ),
    ],
)
def test_a_bad_setting_is_named(changed, values, message):
    with pytest.raises(ParamsError, match=message) as caught:
        read_ablation(changed(**values), "samples")
    assert "changed.yaml: " in str(caught.value)


def test_an_unknown_ablation_is_named():
    with pytest.raises(ParamsError, match=r"section 'ablations\.nothing' is missing"):
        read_ablation(SETTINGS, "nothing")
