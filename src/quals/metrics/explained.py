"""What share of a summary does its document explain? QUALS without its questions.

QUALS asks how likely pairs about a summary are under the document. Here the summary stands for its
own pairs: 1 - log p(summary | document) / log p(summary), both under QAGen, the second where no
text is read. 1 is a summary that the document leaves no choice about, 0 one that it says nothing
about, and below 0 it speaks against. It is ours; the Shannon score (Egan et al., 2021) asks the
reverse, what a summary explains of its document.
"""

from collections.abc import Sequence

from quals.decoding.likelihoods import read_and_score, unread
from quals.metrics.quals import Quals
from quals.records import QualsScore


def explained_share(under: Sequence[float], alone: Sequence[float]) -> float | None:
    """Of log p of a summary's tokens after its document and with nothing before them, at most 1.

    None without tokens, or where they are certain in any case.
    """
    surprise = sum(alone)
    return 1 - sum(under) / surprise if surprise < 0 else None


class ExplainedQuals(Quals):
    """A `Quals` whose score is the explained share; it writes no questions and has no pairs.

    Of the settings only `max_source_tokens`, for documents and summaries, and `row_budget` count.
    """

    def score(self, documents: list[str], summaries: list[str]) -> list[QualsScore]:
        """One result per (document, summary), in order. Equal inputs are scored once.

        Scores do not depend on order or company: every text is padded and masked on its own.
        """
        if len(documents) != len(summaries):
            raise ValueError(f"{len(documents)} documents, but {len(summaries)} summaries")
        budget, longest = self.settings.row_budget, self.settings.max_source_tokens
        texts = sorted(set(summaries))
        ids = dict(zip(texts, self.tokenizer.encode(texts, longest), strict=True))
        texts = [text for text in texts if ids[text]]
        alone = dict(
            zip(texts, unread(self.model, [ids[t] for t in texts], budget=budget), strict=True)
        )
        asked: dict[str, list[str]] = {}
        for document, summary in sorted(set(zip(documents, summaries, strict=True))):
            if summary in alone:
                asked.setdefault(document, []).append(summary)
        found = read_and_score(
            self.model,
            self.tokenizer.encode(list(asked), longest),
            [[ids[summary] for summary in mine] for mine in asked.values()],
            title="documents",
            budget=budget,
        )
        under = {
            (document, summary): tokens
            for (document, mine), group in zip(asked.items(), found, strict=True)
            for summary, tokens in zip(mine, group, strict=True)
        }
        return [
            self._share(under.get((document, summary), []), alone.get(summary, []))
            for document, summary in zip(documents, summaries, strict=True)
        ]

    def _share(self, under: Sequence[float], alone: Sequence[float]) -> QualsScore:
        share = explained_share(under, alone)
        if share is None:
            return QualsScore(None, (), reason="the summary says nothing that could be explained")
        return QualsScore(share, ())
