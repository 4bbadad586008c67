"""What in a summary can be asked for? QAGS's answer candidates: entities and noun chunks."""

import random
from typing import TYPE_CHECKING

from quals.params import Section

if TYPE_CHECKING:  # spaCy takes a second to import, and only `load_spacy` needs it
    from spacy.language import Language
    from spacy.tokens import Doc

# Entities and noun chunks need none of these; noun chunks do need parts of speech.
UNUSED = ["lemmatizer", "trainable_lemmatizer", "senter", "textcat", "textcat_multilabel"]


class LanguageSettings(Section):
    """Which spaCy pipeline reads the texts: an installed package's name or a folder."""

    spacy_pipeline: str


def load_spacy(name: str) -> "Language":
    """The spaCy pipeline in a package or folder called `name`, without the parts we never use.

    Raises `OSError` that says what to install where there is none.
    """
    import spacy

    try:
        return spacy.load(name, exclude=UNUSED)
    except OSError as error:
        raise OSError(
            f"no spaCy pipeline '{name}': give the folder of one or install its package "
            f"(spaCy's own: python -m spacy download {name}); spaCy says: {error}"
        ) from error


def answer_candidates(doc: "Doc", limit: int, *, rng_seed: str) -> list[str]:
    """At most `limit` distinct candidates, entities before noun chunks, each in order of the text.

    Noun chunks keep their articles; a pipeline without a parser gives entities alone. Of too many
    candidates, a random choice that `rng_seed` fixes stays. QAGS repeats candidates where there are
    too few, which counts some answers twice; we do not (deviation).
    """
    spans = [*doc.ents, *(doc.noun_chunks if doc.has_annotation("DEP") else ())]
    found = list(dict.fromkeys(text for span in spans if (text := span.text.strip())))
    if len(found) <= limit:
        return found
    kept = random.Random(rng_seed).sample(range(len(found)), limit)
    return [found[place] for place in sorted(kept)]


def extract(nlp: "Language", texts: list[str], limit: int) -> list[list[str]]:
    """The candidates of every text, in order; equal texts are read once and get equal candidates.

    The text itself seeds the choice: its candidates depend neither on its neighbours nor on the
    batch.
    """
    distinct = list(dict.fromkeys(texts))
    found = {
        text: answer_candidates(doc, limit, rng_seed=text)
        for text, doc in zip(distinct, nlp.pipe(distinct), strict=True)
    }
    return [list(found[text]) for text in texts]
