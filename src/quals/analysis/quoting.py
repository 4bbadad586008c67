"""What of a model's text may be shown where its source may not? All but long runs of the source."""

from collections.abc import Sequence

from quals.text import WORD, ngrams

MOST_WORDS = 8  # of a source, in a row
CUT = "[...]"


def cut_copies(text: str, sources: Sequence[str], most: int = MOST_WORDS) -> str:
    """`text` with at most `most` words of every run that a source holds too, then `CUT`.

    Words are compared without regard to case and punctuation.
    """
    known = {gram for source in sources for gram in ngrams(_words(source), most + 1)}
    own = _words(text)
    copied = [False] * len(own)
    for at, gram in enumerate(ngrams(own, most + 1)):
        if gram in known:
            copied[at : at + most + 1] = [True] * (most + 1)
    ends = [place.end() for place in WORD.finditer(text)]
    parts, run, shown = [], 0, 0
    for at, end in enumerate(ends):
        run = run + 1 if copied[at] else 0
        if run <= most:
            parts.append(text[shown:end])
        elif run == most + 1:
            parts.append(f" {CUT}")
        shown = end
    return "".join([*parts, text[shown:]])


def _words(text: str) -> list[str]:
    return [place.group().lower() for place in WORD.finditer(text)]
