"""Are this repository's own aims reached? Rows like the claims', with no published value.

An aim starts with OURS; its verdict "reproduced" means that the aim is reached.
"""

from collections.abc import Sequence

from quals.analysis.claims import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    OURS,
    REPRODUCED,
    UNTESTABLE,
    ahead_claim,
    claim,
    difference,
    span,
    threshold_verdict,
)
from quals.analysis.formatting import method_name
from quals.analysis.statistics import Interval
from quals.analysis.tables import BASELINES
from quals.jsonl import Row

AUC_AIM = 0.85
MLE_AIM = (0.5, 0.8)  # share of consistent MLE summaries: leaves something to repair and to keep
ROUGE = ("rouge1", "rouge2", "rougeL")


def aim_rows(
    datasets: Sequence[str],
    main: Sequence[Row],
    differences: Sequence[Row],
    by_source: Sequence[Row],
    *,
    margin: float,
) -> list[Row]:
    """All aims: QUALS's AUC, room for training, ConSeq's gain in truth, ROUGE kept."""
    rows = [separation_aim(row) for row in by_source if row["metric"] == "quals"]
    rows += [room_aim(dataset, main) for dataset in datasets]
    for dataset in datasets:
        rows += [gain_aim(dataset, baseline, differences) for baseline in BASELINES]
    return rows + [rouge_aim(dataset, differences, margin=margin) for dataset in datasets]


def separation_aim(row: Row) -> Row:
    """QUALS ranks consistent above inconsistent summaries."""
    found = Interval(row["auc"], row["auc_low"], row["auc_high"])
    verdict = threshold_verdict(found, AUC_AIM)
    why = (
        f"Rule: reached if the AUC's interval lies at or above {AUC_AIM}, missed if wholly below, "
        f"else inconclusive. AUC {span(found)} over {row['consistent']} consistent and "
        f"{row['n'] - row['consistent']} inconsistent summaries."
    )
    text = f"QUALS separates consistent from inconsistent {row['population']} ({row['benchmark']})"
    return claim(f"{OURS}{text}, AUC at least {AUC_AIM}", None, found, verdict, why)


def room_aim(dataset: str, main: Sequence[Row]) -> Row:
    """MLE is neither nearly perfect nor hopeless, so that training has something to show."""
    least, most = MLE_AIM
    shares = f"{100 * least:.0f} to {100 * most:.0f} %"
    text = f"{OURS}MLE is consistent in {shares} of its summaries ({dataset})"
    key = (dataset, "mle", "truth")
    row = next((r for r in main if (r["dataset"], r["method"], r["metric"]) == key), None)
    if row is None or row["mean"] is None or row["low"] is None:
        return claim(text, None, NOTHING, UNTESTABLE, "This scale has no oracle.")
    found = Interval(row["mean"], row["low"], row["high"])
    if least <= found.low and found.high <= most:
        verdict = REPRODUCED
    elif found.high < least or found.low > most:
        verdict = NOT_REPRODUCED
    else:
        verdict = INCONCLUSIVE
    why = (
        f"Rule: reached if the interval lies inside {least} to {most}, missed if outside, else "
        f"inconclusive. Measured {span(found)}."
    )
    return claim(text, None, found, verdict, why)


def gain_aim(dataset: str, baseline: str, differences: Sequence[Row]) -> Row:
    """ConSeq's summaries are true more often than the baseline's."""
    return ahead_claim(
        f"{OURS}ConSeq is wholly consistent more often than {method_name(baseline)} ({dataset})",
        None,
        difference(differences, dataset, "truth", "conseq", baseline),
        f"The oracle's share of wholly consistent summaries, ConSeq minus {method_name(baseline)}.",
    )


def rouge_aim(dataset: str, differences: Sequence[Row], *, margin: float) -> Row:
    """ConSeq's ROUGE is not below MLE's by more than a margin stated beforehand."""
    text = f"{OURS}ConSeq loses no more than {margin} of ROUGE-1, ROUGE-2 or ROUGE-L ({dataset})"
    found = [difference(differences, dataset, metric, "conseq", "mle") for metric in ROUGE]
    rows = [row for row in found if row is not None and row["low"] is not None]
    if len(rows) < len(ROUGE):
        return claim(text, None, NOTHING, UNTESTABLE, "The grid lacks a method or ROUGE.")
    worst = min(rows, key=lambda row: row["low"])
    if worst["low"] > -margin:
        verdict = REPRODUCED
    elif any(row["high"] < -margin for row in rows):
        verdict = NOT_REPRODUCED
    else:
        verdict = INCONCLUSIVE
    measured = Interval(worst["difference"], worst["low"], worst["high"])
    why = (
        f"Rule: reached if all three intervals of ConSeq minus MLE lie above -{margin}, missed if "
        f"one lies wholly below, else inconclusive. Weakest: {worst['metric']} {span(measured)}."
    )
    return claim(text, None, measured, verdict, why)
