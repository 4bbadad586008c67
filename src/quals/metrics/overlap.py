"""How much of a summary is copied? The controls that any metric of consistency has to beat."""

from quals.text import copy_rate, words


def copy_rates(documents: list[str], summaries: list[str]) -> list[dict[str, float | None]]:
    """`copy1`, `copy2`, `copy3`, `novel2` and `length` of every summary.

    `copyN` is the share of the summary's N-grams that its document contains and `novel2` is
    1 - `copy2`, both None where the summary has no such n-gram; `length` counts words.
    """
    return [_rates(*pair) for pair in zip(documents, summaries, strict=True)]


def _rates(document: str, summary: str) -> dict[str, float | None]:
    rates = {f"copy{n}": copy_rate(document, summary, n) for n in (1, 2, 3)}
    novel = None if rates["copy2"] is None else 1 - rates["copy2"]
    return {**rates, "novel2": novel, "length": float(len(words(summary)))}
