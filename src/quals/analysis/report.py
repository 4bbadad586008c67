"""How do the findings read from top to bottom? `report.md`, section by section."""

from quals.analysis import (
    report_ablations,
    report_agreement,
    report_checked,
    report_evidence,
    report_results,
)
from quals.analysis.aims import OURS
from quals.analysis.claims import NOT_REPRODUCED
from quals.analysis.findings import Findings
from quals.analysis.formatting import (
    aims_table,
    claims_table,
    compact,
    counted,
    folded,
    is_aim,
    method_name,
    number,
    span,
    table,
)
from quals.jsonl import Row


def render(found: Findings) -> str:
    """The whole report; sections without data (no oracle, no gates) are left out."""
    sections = [
        _opening(found),
        _claims(found),
        report_results.results(found),
        report_results.differences(found),
        report_results.errors(found),
        _speed(found),
        report_agreement.section(found),
        report_checked.section(found.checked),
        _aims(found),
        report_ablations.digest(found.evidence.ablations),
        report_ablations.contrast_section(found.evidence.contrast),
        report_evidence.copying(found.evidence),
        report_evidence.examples(found.evidence),
        _gates(found),
        report_evidence.costs(found.evidence),
        report_evidence.deviations(found.evidence),
        _running(found),
    ]
    return "\n\n".join(part for part in sections if part) + "\n"


def _opening(found: Findings) -> str:
    data = "; ".join(
        f"{one.dataset}: {len(one.ids)} test documents, {counted(len(one.seeds), 'training seed')}"
        for one in found.scores
    )
    methods = ", ".join(method_name(method) for method in found.scores[0].methods)
    judge = (
        "An oracle that knows the facts of every document says which summaries are true."
        if "truth" in found.scores[0].metrics
        else "There is no oracle at this scale: consistency is judged by metrics only."
    )
    return f"""# QUALS and ConSeq re-tested at scale `{found.scale}`

QUALS scores the factual consistency of a summary with question-answer pairs from one model; ConSeq
trains a summarizer on pairs of summaries that QUALS picks. This report re-tests what was published
about both ({data}).

Methods: {methods}. {judge}

`dvc repro` makes every number and figure here; `python -m quals.stages.report` remakes the report
alone. Brackets hold {100 * found.level:.0f} % intervals. Those of means and differences over seeds
and documents are Student's, which hold the truth about as often as they say with three seeds too,
where a bootstrap over seeds and documents may hold it far less or more often; it stands beside them
or behind a fold. All other intervals are percentile bootstraps. `docs/statistics.md` has the
reasons and the measured coverage of both."""


def _claims(found: Findings) -> str:
    published = [row for row in found.claims if not is_aim(row)]
    return f"""## What was claimed, and what we find

{claims_table(found.claims)}

Published values are those of the authors' blog post; the paper's tables could not be verified and
are not quoted. "Cannot be tested here" means that this scale has nothing to test it with.

{folded("The rule and the numbers behind each verdict", _reasons(published))}"""


def _aims(found: Findings) -> str:
    aims = [row for row in found.claims if is_aim(row)]
    missed = [row for row in aims if row["verdict"] == NOT_REPRODUCED]
    others = [row for row in aims if row["verdict"] != NOT_REPRODUCED]
    verdict = f"Missed:\n\n{_reasons(missed)}" if missed else "No aim is missed."
    return f"""## Our own aims

These are aims of this repository, not claims of the paper.

{aims_table(found.claims)}

{verdict}

{folded("The rule and the numbers behind the other aims", _reasons(others))}"""


def _reasons(rows: list[Row]) -> str:
    return "\n".join(f"- **{row['claim'].removeprefix(OURS)}.** {row['why']}" for row in rows)


def _speed(found: Findings) -> str:
    protocols = found.speed["protocols"]
    cells = [
        [
            row["name"],
            number(row["quals_seconds"], 4),
            number(row["qags_seconds"], 4),
            span(row["ratio"], row["ratio_low"], row["ratio_high"], digits=1),
            str(row["summaries"]),
            str(row["repeats"]),
        ]
        for row in protocols
    ]
    header = ["Protocol", "QUALS (s/summary)", "QAGS (s/summary)", "QAGS / QUALS"]
    parts = [
        "## Speed",
        f"Same machine, same summaries; device: {found.speed.get('device', 'not recorded')}.",
        table([*header, "Summaries", "Repeats"], cells),
        "![Seconds per summary](speed.png)",
        *filter(None, [_parts(protocols)]),
    ]
    if found.speed.get("groups"):
        rows = [
            [str(row["groups"]), number(row["seconds_per_summary"], 4), number(row["auc"])]
            for row in found.speed["groups"]
        ]
        parts += [
            "QUALS with fewer decoding groups costs less; "
            + (
                "its AUC shows what that loses."
                if any(row["auc"] is not None for row in found.speed["groups"])
                else "without a truth nothing here shows what that loses."
            ),
            table(["Groups", "QUALS (s/summary)", "AUC"], rows),
            *filter(None, [_without_questions(found.speed.get("explained"))]),
            "![Cost and use of decoding groups](cost.png)",
        ]
    return "\n\n".join(parts)


def _without_questions(explained: Row | None) -> str | None:
    if explained is None:
        return None
    seconds, auc = number(explained["seconds_per_summary"], 4), explained["auc"]
    use = "" if auc is None else f" and has an AUC of {number(auc)}"
    return f"The explained share of the same summaries, without questions, takes {seconds} s{use}."


def _parts(protocols: list[Row]) -> str:
    """Where the time of each metric goes, one row per step."""
    rows = [
        [protocol["name"], metric.upper(), step, number(seconds, 4), f"{seconds / total:.0%}"]
        for protocol in protocols
        for metric in ("quals", "qags")
        if (parts := protocol.get(f"{metric}_parts")) and (total := sum(parts.values())) > 0
        for step, seconds in parts.items()
    ]
    header = ["Protocol", "Metric", "Step", "s/summary", "Share"]
    return table(header, rows, align="lllrr") if rows else ""


def _gates(found: Findings) -> str:
    if not found.gates:
        return ""
    trained = {f"{one.dataset}-{method}" for one in found.scores for method in one.methods}
    shared, summarizers = [], []
    for key, row in found.gates.items():
        listed = [f"{name} {compact(value)[0]}" for name, value in sorted(row["metrics"].items())]
        listed += [f"data: {row['data']}"] if row.get("data") else []
        rows = summarizers if key.rsplit("-", 1)[0] in trained else shared
        rows.append([key, "; ".join(listed)])
    header = ["Model", "Measured"]
    parts = [
        "## Training and quality gates",
        "What each training stage measured of its model.",
        table(header, shared, align="ll"),
        folded("The summarizers", table(header, summarizers, align="ll")),
        report_evidence.training(found.evidence),
    ]
    return "\n\n".join(part for part in parts if part)


def _running(found: Findings) -> str:
    keys = sorted({key for run in found.runs for key in run["signature"]})
    rows = []
    for key in keys:
        values = sorted({_plain(run["signature"].get(key)) for run in found.runs})
        rows.append([key, " / ".join(values)])
    body = table(["Setting", "Value"], rows, align="ll") if rows else ""
    return f"""## How it was run

{body}

Every setting, with its source, is in `scales/{found.scale}.yaml`. `dvc.lock` holds the hash of each
file that went in: data, models, scores, settings and code."""


def _plain(value: object) -> str:
    """A value of a signature as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in sorted(value.items()))
    return str(value)
