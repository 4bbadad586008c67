"""What did people judge? Summaries with the consistency that readers, or their makers, gave them.

- QAGS (Wang et al., 2020): three readers a sentence; truth is the mean over sentences of their
  majority, a rating is one reader's mean over sentences;
- HaluEval (Li et al., 2023): each article with its reference and a hallucinated summary.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quals.corpora.sources import ENVIRONMENT, MissingDataError
from quals.jsonl import DataError, Row, read_jsonl
from quals.params import Count, Section

YES, NO = "yes", "no"
HELD_OUT, DEVELOPMENT = "held_out", "development"
# Whose summaries QAGS showed its readers.
QAGS = {
    "qags_cnndm": ("qags/mturk_cnndm.jsonl", "bottom-up"),
    "qags_xsum": ("qags/mturk_xsum.jsonl", "bart"),
}
HALUEVAL = "halueval"
BENCHMARKS = (*QAGS, HALUEVAL)


class Judgments(Section):
    """The scale's `judgments` section: where the sets are; QUALS_DATA goes before `folder`.

    `rows` is the number of articles of HaluEval, taken by a hash of their ids. `chunk_summaries`
    are judged and stored together, and change no score.
    """

    folder: str
    halueval: str
    rows: Count
    length_tolerance: float
    max_likelihood_tokens: Count
    chunk_summaries: Count


@dataclass(frozen=True)
class Judged:
    """A summary with its truth in [0, 1] and what each reader said (empty: no readers)."""

    id: str
    document_id: str
    document: str
    summary: str
    source: str
    truth: float
    ratings: tuple[float, ...]

    @property
    def half(self) -> str:
        """Settings are chosen on one half and reported on the other; a hash of the id deals."""
        digest = hashlib.sha256(f"half {self.document_id}".encode()).digest()
        return DEVELOPMENT if digest[0] < 128 else HELD_OUT


def judged_file(name: str, folder: str, environment: Mapping[str, str]) -> Path:
    """Where a set of that name is looked for: in the environment's folder, else in `folder`."""
    return Path(environment.get(ENVIRONMENT) or folder).expanduser() / name


def read_judgments(
    benchmark: str, settings: Judgments, environment: Mapping[str, str]
) -> list[Judged]:
    """The benchmark's summaries in a fixed order; `MissingDataError` says how to get them."""
    if benchmark in QAGS:
        name, system = QAGS[benchmark]
        path = judged_file(name, settings.folder, environment)
        if not path.is_file():
            raise MissingDataError(
                f"'{benchmark}' is not at hand: {path} does not exist. Ways to get it: put the "
                f"file of that name from the data of the QAGS repository into {name} of a folder, "
                f"and name that folder in judgments.folder or in {ENVIRONMENT}"
            )
        rows = read_jsonl(path, {"article": str, "summary_sentences": list})
        return [
            _qags(row, f"{path}:{number}", benchmark, number, system)
            for number, row in enumerate(rows, start=1)
        ]
    if benchmark == HALUEVAL:
        path = Path(settings.halueval)
        if not path.is_file():
            raise MissingDataError(
                f"'{benchmark}' is not at hand: {path} does not exist; `make assets` gets it"
            )
        fields = {"id": str, "document": str, "reference": str, "hallucinated": str}
        rows = sorted(read_jsonl(path, fields), key=lambda row: (_order(row["id"]), row["id"]))
        return [judged for row in rows[: settings.rows] for judged in _halueval(row)]
    raise MissingDataError(f"'{benchmark}' is no benchmark: {', '.join(BENCHMARKS)} are")


def _qags(row: Row, where: str, benchmark: str, number: int, system: str) -> Judged:
    sentences, votes = [], []
    for at, part in enumerate(row["summary_sentences"]):
        field = f"{where}: field 'summary_sentences[{at}]"
        if not isinstance(part, dict) or not isinstance(part.get("sentence"), str):
            raise DataError(f"{field}.sentence' must be a string")
        responses = part.get("responses")
        if not isinstance(responses, list) or not responses:
            raise DataError(f"{field}.responses' must be a list with entries")
        found = [r.get("response") if isinstance(r, dict) else None for r in responses]
        if any(response not in (YES, NO) for response in found):
            raise DataError(f"{field}.responses' must say '{YES}' or '{NO}'")
        sentences.append(part["sentence"])
        votes.append([float(response == YES) for response in found])
    if not sentences:
        raise DataError(f"{where}: field 'summary_sentences' must have entries")
    majority = [float(sum(vote) > len(vote) / 2) for vote in votes]
    # Readers change from sentence to sentence: a rating is that of a place among them.
    readers = min(map(len, votes))
    ratings = tuple(sum(vote[r] for vote in votes) / len(votes) for r in range(readers))
    name = f"{benchmark}-{number:04d}"
    summary = " ".join(sentences)
    truth = sum(majority) / len(majority)
    return Judged(name, name, row["article"], summary, system, truth, ratings)


def _halueval(row: Row) -> list[Judged]:
    versions = (("reference", 1.0), ("hallucinated", 0.0))
    return [
        Judged(f"{row['id']}-{kind}", row["id"], row["document"], row[kind], kind, truth, ())
        for kind, truth in versions
    ]


def _order(name: str) -> bytes:
    return hashlib.sha256(f"halueval {name}".encode()).digest()
