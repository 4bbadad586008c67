"""The local folder that `evaluate.load` loads gives the scores of `Quals`."""

from pathlib import Path

import pytest
from scored import TEXTS, make_folder

from quals.metrics.quals import Quals, QualsSettings
from quals.params import load_section

FOLDER = Path(__file__).parents[1] / "integrations" / "quals_evaluate"


def test_evaluate_gives_the_scores_of_quals(make_qagen, few_words, tmp_path, monkeypatch):
    evaluate = pytest.importorskip("evaluate")  # not locked: nothing else here needs it
    monkeypatch.setattr("evaluate.config.HF_MODULES_CACHE", tmp_path / "modules")
    model = make_folder(tmp_path / "qagen", make_qagen(10), few_words)
    settings = load_section(tmp_path / "settings.yaml", "quals", QualsSettings)
    documents, summaries = (list(side) for side in zip(*[*TEXTS, ("Ada", "")], strict=True))
    metric = evaluate.load(str(FOLDER), cache_dir=str(tmp_path / "cache"))
    found = metric.compute(
        predictions=summaries, references=documents, model=str(model), settings=settings
    )
    expected = Quals.from_pretrained(model, settings).score(documents, summaries)
    assert found["scores"] == [score.quals for score in expected]
    assert found["undefined"] == 1
    assert found["quals"] == pytest.approx(sum(s.quals for s in expected[:-1]) / len(TEXTS))
