"""Do the examples of CONTRIBUTING.md do what they say? They run here as they are printed."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pipeline import ROOT

from quals.decoding.scoring import target_logprobs
from quals.metrics.texts import Texts
from quals.params import load_yaml
from quals.training.batches import Example, collate
from quals.training.selection import Scored, select_pairs

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))


def run(section, folder, monkeypatch):
    """The names that a section's examples define, run from top to bottom in a folder."""
    monkeypatch.chdir(folder)
    names = {}
    for code in re.findall(r"^```python\n(.*?)^```", SECTIONS[section], re.M | re.S):
        exec(compile(code, section, "exec"), names)
    return names


def test_there_is_an_example_for_each_addition():
    assert list(SECTIONS) == ["A metric", "A selector", "A loss", "A corpus"]
    assert all("```python" in text for text in SECTIONS.values())


def test_every_named_file_exists():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (ROOT / link).is_file(), link


@pytest.fixture(scope="module")
def metric():
    with pytest.MonkeyPatch.context() as patch:
        return run("A metric", ROOT, patch)


def test_the_metric_is_held_against_the_truth(metric):
    assert metric["row"]["metric"] == "lead"
    assert metric["row"]["n"] == 100
    assert 0 <= metric["row"]["auc_low"] <= metric["row"]["auc"] <= metric["row"]["auc_high"] <= 1


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_the_metric_scores_each_on_its_own_and_in_order(metric, pairs):
    rates = metric["lead_rates"]
    alone = [rates([document], [summary])[0] for document, summary in pairs]
    assert rates([d for d, _ in pairs], [s for _, s in pairs]) == alone


def test_the_metric_by_hand(metric):
    document = "Ada won. Ivan lost in Kelby."
    assert metric["lead_rates"]([document] * 3, ["Ada lost", "Ada won", ""]) == [0.5, 1, None]


def test_the_selector_chooses_pairs(tmp_path, monkeypatch):
    select = run("A selector", tmp_path, monkeypatch)["by_brevity"]
    texts = ["one", "one two three", "", "one two"]
    scores = select(Texts(["a"] * 4, [""] * 4, [""] * 4, texts))
    assert scores == [-1, -3, None, -2]
    document = Scored("a", tuple(texts), tuple(scores), "short", -1.0)
    (pair,) = select_pairs([document], negative_share=1.0, positive_share=1.0, most=None)
    assert (pair.positive, pair.negative) == ("short", "one two three")


@pytest.fixture
def loss(tmp_path, monkeypatch):
    return run("A loss", tmp_path, monkeypatch)["margin_loss"]


EXAMPLES = [Example([4, 5, 6], [[4, 7, 1], [5, 1]]), Example([7], [[6, 1], [4, 5, 6, 1]])]


def test_the_loss_is_the_hand_computed_one(loss, make_model):
    model, batch = make_model(12), collate(EXAMPLES, 0)
    with torch.inference_mode():
        logprobs = target_logprobs(
            model, model.read(batch.ids, batch.mask), batch.targets, batch.target_mask
        )
        expected = []
        for text, example in enumerate(EXAMPLES):
            positive, negative = (
                logprobs[text, row, : len(target)].mean().item()
                for row, target in enumerate(example.targets)
            )
            expected.append(max(0.0, 0.5 + negative - positive))
        assert loss(model, batch, margin=0.5).item() == pytest.approx(
            sum(expected) / len(expected), rel=1e-5
        )


def test_the_loss_falls_while_training(loss, make_model):
    model, batch = make_model(12).train(), collate(EXAMPLES, 0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = loss(model, batch, margin=5.0)
    for _ in range(5):
        optimizer.zero_grad()
        loss(model, batch, margin=5.0).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert loss(model, batch, margin=5.0) < before


def test_the_corpus_is_found_and_read(tmp_path, monkeypatch):
    names = run("A corpus", tmp_path, monkeypatch)
    assert names["found"].origin == "folder"
    assert [(a.id, a.summary) for a in names["articles"]] == [("c1", "Holt beat Rossi.")]


def test_citation_names_version_licence_and_paper():
    citation = load_yaml(ROOT / "CITATION.cff")
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project
    assert f'license = "{citation["license"]}"' in project
    assert citation["preferred-citation"]["doi"] == "10.18653/v1/2021.acl-long.536"
    assert f"## {citation['version']}" in (ROOT / "CHANGELOG.md").read_text()
