"""QUALS for `evaluate.load("integrations/quals_evaluate")`; needs the package `evaluate`."""

import datasets
import evaluate

from quals import Quals

DESCRIPTION = """\
Factual consistency of summaries by question-answer generation (QUALS). Higher, nearer to 0, is more
consistent; None where no question-answer pair survives.
"""
INPUTS = """\
Args:
    predictions: the summaries.
    references: their documents (not reference summaries).
    model: folder of a QAGen model.
    settings: a `QualsSettings`; without it those beside the model hold.
Returns:
    quals: mean over the summaries that have a score, or None.
    scores: one for each summary, or None.
    undefined: how many have none.
"""


class QualsMetric(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="Nan et al., ACL 2021, https://aclanthology.org/2021.acl-long.536/",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions, references, model, settings=None):
        results = Quals.from_pretrained(model, settings).score(references, predictions)
        scores = [result.quals for result in results]
        defined = [score for score in scores if score is not None]
        mean = sum(defined) / len(defined) if defined else None
        return {"quals": mean, "scores": scores, "undefined": len(scores) - len(defined)}
