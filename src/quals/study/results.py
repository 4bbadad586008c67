"""What do the answers say? Shares with intervals, an exact sign test, and agreement, per question.

Answers count from the view of the method under test, the second name of the key: better, equal or
worse. Every judgment weighs the same. Intervals resample documents with all their judgments: they
speak of other documents, not of other annotators.
"""

from collections.abc import Sequence

import numpy as np

from quals.analysis.statistics import Interval, draw_counts, holm, interval
from quals.jsonl import Row
from quals.study import alpha
from quals.study.files import Answers, Key
from quals.study.questions import EQUAL, FIRST, QUESTIONS, SECOND

# In their order, worst first, as the ordinal alpha needs it.
OUTCOMES = ("worse", "equal", "better")


def analyse(
    key: Key,
    answers: Sequence[Answers],
    *,
    resamples: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> Row:
    """The results file: one row per question, one per annotator, the comments, how it was made."""
    draws = draw_counts(len(key.items), len(key.items), resamples=resamples, seed=seed)
    rows = []
    for question in QUESTIONS:
        counts = judgments(key, answers, question.name)
        rows.append({"question": question.name, **summary(counts, draws, level=level)})
        rows[-1]["sides"] = sides(answers, question.name)
    adjusted = holm([row["p"] for row in rows])
    for row, p_holm in zip(rows, adjusted, strict=True):
        row["p_holm"] = p_holm
    return {
        "form": key.form,
        "names": key.names,
        "items": len(key.items),
        "documents_with_both": key.both,
        "documents_identical": key.identical,
        "identical_kept": key.identical_kept,
        "annotators": [annotator(key, one) for one in answers],
        "questions": rows,
        "comments": comments(key, answers),
        "settings": {"resamples": resamples, "seed": seed, "level": level},
    }


def judgments(key: Key, answers: Sequence[Answers], question: str) -> np.ndarray:
    """How many annotators gave each outcome to each item: (items, outcomes)."""
    places = {item.item: at for at, item in enumerate(key.items)}
    counts = np.zeros((len(key.items), len(OUTCOMES)), dtype=int)
    for answer in (answer for one in answers for answer in one.answers):
        choice = answer.choice(question)
        if choice is not None:
            at = places[answer.item]
            counts[at, OUTCOMES.index(outcome(key, at, choice))] += 1
    return counts


def outcome(key: Key, at: int, choice: str) -> str:
    """A choice between A and B, un-blinded."""
    if choice == EQUAL:
        return "equal"
    preferred = key.items[at].A if choice == FIRST else key.items[at].B
    return "better" if preferred == key.names[1] else "worse"


def summary(counts: np.ndarray, draws: np.ndarray, *, level: float) -> Row:
    """Shares, sign test and agreement of one question.

    `counts` (items, outcomes) are judgments, `draws` (resamples, items) how often each item is in
    each resample. A share of 0 or 1 has no width: every resample says the same.
    """
    row: Row = {
        "judgments": int(counts.sum()),
        "documents": int((counts.sum(axis=1) > 0).sum()),
        **sign_test(counts),
    }
    resampled = draws.astype(float) @ counts
    shares, replicates = _shares(counts.sum(axis=0)), _shares(resampled)
    for at, name in enumerate(OUTCOMES):
        _put(row, name, interval(shares[at], replicates[:, at], level=level))
    units = alpha.coincidences(counts)
    flat = draws.astype(float) @ units.reshape(len(units), -1)
    matrices = flat.reshape(-1, *units.shape[1:])
    for name, distance in (("nominal", alpha.nominal), ("ordinal", alpha.ordinal)):
        value = float(alpha.alpha(units.sum(axis=0), distance))
        found = interval(value, alpha.alpha(matrices, distance), level=level)
        _put(row, f"alpha_{name}", found)
    several = counts[counts.sum(axis=1) > 1]
    row["documents_judged_twice"] = len(several)
    agreed = several.max(axis=1) == several.sum(axis=1)
    row["unanimous"] = float(agreed.mean()) if len(several) else None
    return row


def sign_test(counts: np.ndarray) -> Row:
    """Exact two-sided sign test over documents: does either method win more of them?

    A document is won by the method that more of its judgments prefer; ties drop out, as usual. The
    p value is None where every document is tied.
    """
    from scipy.stats import binomtest

    balance = np.sign(counts[:, OUTCOMES.index("better")] - counts[:, OUTCOMES.index("worse")])
    wins, losses = int((balance > 0).sum()), int((balance < 0).sum())
    judged = int((counts.sum(axis=1) > 0).sum())
    return {
        "wins": wins,
        "losses": losses,
        "ties": judged - wins - losses,
        "p": float(binomtest(wins, wins + losses).pvalue) if wins + losses else None,
    }


def sides(answers: Sequence[Answers], question: str) -> dict[str, int]:
    """How often each side was chosen; far more of one side hints at inattentive reading."""
    chosen = [answer.choice(question) for one in answers for answer in one.answers]
    return {side: chosen.count(side) for side in (FIRST, EQUAL, SECOND)}


def annotator(key: Key, one: Answers) -> Row:
    """What one annotator did: complete items, and the outcomes of each question."""
    outcomes = {}
    for question in QUESTIONS:
        totals = judgments(key, [one], question.name).sum(axis=0)
        outcomes[question.name] = dict(zip(OUTCOMES, map(int, totals), strict=True))
    complete = sum(
        all(answer.choice(question.name) for question in QUESTIONS) for answer in one.answers
    )
    return {"name": one.annotator, "complete": complete, "outcomes": outcomes}


def comments(key: Key, answers: Sequence[Answers]) -> list[Row]:
    """Every comment with what it is about."""
    items = {item.item: item for item in key.items}
    return [
        {
            "annotator": one.annotator,
            "item": answer.item,
            "document_id": items[answer.item].document_id,
            "A": items[answer.item].A,
            "B": items[answer.item].B,
            "comment": answer.comment,
        }
        for one in answers
        for answer in one.answers
        if answer.comment.strip()
    ]


def _shares(totals: np.ndarray) -> np.ndarray:
    """Totals (..., outcomes) as shares; NaN where there is no judgment."""
    totals = np.asarray(totals, dtype=float)
    number = totals.sum(axis=-1, keepdims=True)
    return np.divide(totals, number, out=np.full(totals.shape, np.nan), where=number > 0)


def _put(row: Row, name: str, found: Interval) -> None:
    row[name], row[f"{name}_low"], row[f"{name}_high"] = found
