"""What do language models make of a text about a document? Shares and likelihood, no questions.

Of QAGen the explained share; of the model that QAGen was made of, which never saw a question, the
likelihood and the explained share. What `judge_quals` says of summaries besides QUALS, these say of
any (document, text).
"""

from dataclasses import dataclass
from pathlib import Path

from quals.corpora.judgments import Judgments
from quals.jsonl import Row
from quals.metrics.explained import ExplainedQuals
from quals.metrics.likelihood import Likelihood
from quals.metrics.pairs import mean
from quals.metrics.parts import in_parts
from quals.metrics.quals import QualsSettings
from quals.models import checkpoint
from quals.models.adapter_folder import Places
from quals.models.released import find
from quals.models.source import model_folder
from quals.params import load_section

Pair = tuple[str, str]  # a document and a text about it
NAMES = ("quals_explained", "likelihood", "likelihood_explained")  # of the columns


@dataclass(frozen=True)
class Readings:
    """Two models that read documents and what is said about them.

    `settings` are QAGen's, `longest` is where the plain model cuts a document, in tokens.
    """

    qagen: Path
    plain: Path
    settings: QualsSettings
    longest: int

    @classmethod
    def of_scale(cls, params: Path, qagen: Path) -> "Readings":
        """With the settings of a scale's file and the folder of its QAGen."""
        return cls(
            qagen=model_folder(str(qagen)),
            plain=find(load_section(params, "train_qagen.base", Places), params),
            settings=load_section(params, "quals", QualsSettings),
            longest=load_section(params, "judgments", Judgments).max_likelihood_tokens,
        )

    def columns(self, pairs: list[Pair]) -> dict[str, list[float | None]]:
        """Scores of all pairs by `NAMES`, None where a text has no token.

        A document with many texts is read once by each model, and all cores share the documents.
        """
        asked: dict[str, dict[str, None]] = {}
        for document, text in pairs:
            asked.setdefault(document, {})[text] = None
        groups = [(document, tuple(mine)) for document, mine in asked.items()]
        found = in_parts(self, groups, cost=lambda group: len(group[0]))
        scores = {
            (document, text): row
            for (document, mine), rows in zip(groups, found, strict=True)
            for text, row in zip(mine, rows, strict=True)
        }
        return {name: [scores[pair][name] for pair in pairs] for name in NAMES}

    def __call__(self, groups: list[tuple[str, tuple[str, ...]]]) -> list[list[Row]]:
        """A row by `NAMES` for each text about each document."""
        documents = [document for document, mine in groups for _ in mine]
        texts = [text for _, mine in groups for text in mine]
        explained = ExplainedQuals.from_pretrained(self.qagen, self.settings)
        shares = [score.quals for score in explained.score(documents, texts)]
        plain = Likelihood(
            checkpoint.load(self.plain), longest=self.longest, row_budget=self.settings.row_budget
        )
        tokens = plain.tokens(documents, texts)
        likelihoods = [None if row is None else mean(row) for row in tokens]
        columns = zip(shares, likelihoods, plain.share(tokens, texts), strict=True)
        rows = (dict(zip(NAMES, values, strict=True)) for values in columns)
        return [[next(rows) for _ in mine] for _, mine in groups]
