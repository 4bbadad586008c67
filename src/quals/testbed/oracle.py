"""The oracle over a corpus: truth files and documents by id, verdicts for any summary."""

from functools import cache
from pathlib import Path

from quals.corpus import Article
from quals.jsonl import stream_jsonl
from quals.testbed.truth import Verdict, judge
from quals.testbed.world import Story


class Oracle:
    """Judges summaries of a split's documents."""

    def __init__(self, truth: Path, split: str, articles: list[Article]):
        self.documents = {article.id: article.document for article in articles}
        rows = stream_jsonl(truth / f"{split}.jsonl", {"id": str, "events": list})
        asked = (row for row in rows if row["id"] in self.documents)
        self.stories = {row["id"]: Story.from_row(row) for row in asked}
        self.judge = cache(self._judge)

    def _judge(self, document_id: str, summary: str) -> Verdict:
        return judge(summary, self.stories[document_id], self.documents[document_id])
