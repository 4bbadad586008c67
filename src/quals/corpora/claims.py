"""Which claims did people check? Single sentences beside their documents, consistent or not.

FactCC (Kryscinski et al., 2020) is validated on claims that summarizers wrote about CNN/DailyMail
articles; some articles have several.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from quals.corpora.columns import Located, identifier, text_field
from quals.corpora.judgments import judged_file
from quals.corpora.sources import ENVIRONMENT, MissingDataError
from quals.jsonl import DataError, read_jsonl

CLAIMS = {"factcc": "factcc/validation.jsonl"}


@dataclass(frozen=True)
class Claim:
    """A claim about a document, and whether people found it consistent."""

    id: str
    document: str
    text: str
    consistent: bool

    @property
    def document_id(self) -> str:
        """The files name no documents: claims about the same text are about the same one."""
        return hashlib.sha256(self.document.encode()).hexdigest()[:16]


def read_claims(benchmark: str, folder: str, environment: Mapping[str, str]) -> list[Claim]:
    """The claims in the file's order; QUALS_DATA goes before `folder`.

    `MissingDataError` says how to get them, `DataError` names file, line and field of a bad row.
    """
    if benchmark not in CLAIMS:
        raise MissingDataError(f"'{benchmark}' is no set of claims: {', '.join(CLAIMS)} is")
    name = CLAIMS[benchmark]
    path = judged_file(name, folder, environment)
    if not path.is_file():
        raise MissingDataError(
            f"'{benchmark}' is not at hand: {path} does not exist. Ways to get it: pair the "
            "validation claims of the FactCC repository with their articles, write a line with "
            f"id, document, claim and label (1 = consistent) for each into {name} of a folder, "
            f"and name that folder in judgments.folder or in {ENVIRONMENT}"
        )
    claims: dict[str, Claim] = {}
    for number, row in enumerate(read_jsonl(path, {"label": int}), start=1):
        claim = _claim(Located(f"{path}:{number}", row))
        if claim.id in claims:
            raise DataError(f"{path}:{number}: field 'id': '{claim.id}' occurs twice")
        claims[claim.id] = claim
    if not claims:
        raise DataError(f"{path}: holds no claims")
    return list(claims.values())


def _claim(found: Located) -> Claim:
    document, text = (_told(found, name) for name in ("document", "claim"))
    if found.row["label"] not in (0, 1):
        raise DataError(f"{found.where}: field 'label' must be 0 or 1, not {found.row['label']}")
    return Claim(identifier(found), document, text, found.row["label"] == 1)


def _told(found: Located, name: str) -> str:
    text = text_field(found, (name,))
    if not text.strip():
        raise DataError(f"{found.where}: field '{name}' is empty")
    return text
