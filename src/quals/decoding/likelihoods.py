"""How likely are targets under their texts? Each text is read once, in batches of like length."""

from quals.decoding.reading import read_in_batches
from quals.decoding.scoring import score_targets
from quals.models.interface import ConditionalModel


def read_and_score(
    model: ConditionalModel,
    sources: list[list[int]],
    targets: list[list[list[int]]],
    *,
    title: str,
    budget: int,
) -> list[list[list[float]]]:
    """Log p (natural log) of every token of every target, grouped by source, in order.

    `targets[i]` are those of source i, which may be empty: then nothing is read before them.
    `budget` bounds the tokens computed at once and changes no score.
    """
    shapes = [(len(rows), max(map(len, rows), default=0)) for rows in targets]
    found: list[list[list[float]]] = [[] for _ in sources]
    for chosen, memory in read_in_batches(
        model, sources, title=title, targets=shapes, budget=budget
    ):
        groups = score_targets(model, memory, [targets[i] for i in chosen])
        for i, group in zip(chosen, groups, strict=True):
            found[i] = group
    return found


def unread(
    model: ConditionalModel, rows: list[list[int]], *, budget: int, title: str = "no text"
) -> list[list[float]]:
    """Log p of the tokens of each row where no text is read: how likely they are in any case."""
    found = read_and_score(
        model, [[]] * len(rows), [[row] for row in rows], title=title, budget=budget
    )
    return [group[0] for group in found]
