"""How much of a summary is lifted from its document, and in pieces how long? (Grusky et al., 2018)

Newsroom's extractive fragments: from left to right, the longest run of words that the document
holds too.
"""

from collections import defaultdict

from quals.text import copy_rate, words


def fragments(document: list[str], summary: list[str]) -> list[int]:
    """The lengths of the shared runs of words, in the order of the summary."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at, word in enumerate(document):
        places[word].append(at)
    found, at = [], 0
    while at < len(summary):
        starts = places.get(summary[at], ())
        longest = max((_shared(document[start:], summary[at:]) for start in starts), default=0)
        if longest:
            found.append(longest)
        at += max(longest, 1)
    return found


def _shared(first: list[str], second: list[str]) -> int:
    """How many words both begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def extractiveness(document: str, summary: str) -> dict[str, float | None]:
    """`coverage`, `density` and `novel2` of a summary; None where it has no words (no bigrams).

    Coverage is the share of the words that lie in a fragment. Density is the mean length of the
    fragment that a word lies in, 0 for a word in none: a summary copied whole has its own length.
    `novel2` is the share of its bigrams that the document lacks.
    """
    written = words(summary)
    lengths = fragments(words(document), written)
    copied = copy_rate(document, summary, 2)
    return {
        "coverage": sum(lengths) / len(written) if written else None,
        "density": sum(n * n for n in lengths) / len(written) if written else None,
        "novel2": None if copied is None else 1 - copied,
    }
