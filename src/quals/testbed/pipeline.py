"""Which spaCy pipeline knows the world's names? Rules over the lexicon, saved like any other."""

from pathlib import Path

import spacy
from spacy.language import Language

from quals.jsonl import read_json, write_json
from quals.testbed.lexicon import KINDS


def build_pipeline() -> Language:
    """Entities by rule: fast, exact on the world, and loaded by path as a trained pipeline is.

    Phrases that a parser would give as noun chunks carry the label NOUN.
    """
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    patterns = []
    for kind in KINDS.values():
        if kind.joiner == "-":
            patterns.append({"label": kind.label, "pattern": _token_pattern(nlp, kind)})
        else:
            patterns += [{"label": kind.label, "pattern": value} for value in kind.values()]
    numbers = [{"LIKE_NUM": True, "IS_DIGIT": True}]
    patterns.append({"label": "CARDINAL", "pattern": numbers})
    ruler.add_patterns(patterns)
    return nlp


def save_pipeline(folder: Path) -> None:
    """Write the pipeline where `spacy.load(folder)` finds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    build_pipeline().to_disk(folder)
    # spaCy writes a set here, in the order of Python's hash seed.
    sentencizer = folder / "sentencizer.json"
    written = read_json(sentencizer)
    write_json(sentencizer, {**written, "punct_chars": sorted(written["punct_chars"])})


def _token_pattern(nlp: Language, kind) -> list[dict]:
    """One token per column, instead of one pattern per combination."""
    pattern: list[dict] = []
    for column in kind.columns:
        if pattern:
            pattern.append({"TEXT": "-"})
        pattern.append({"TEXT": {"IN": list(column)}})
    return pattern
