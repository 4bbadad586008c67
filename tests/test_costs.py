"""Laws of the cost watcher: DVC's lines become runs, runs become one row per stage."""

import costs
import pytest
from costs import Span, Watch, merged, rows
from pipeline import ROOT

from quals.jsonl import read_json

LINES = (
    (0.0, "'data/raw.dvc' didn't change, skipping", 10.0),
    (1.0, "Running stage 'code':", 11.0),
    (3.0, "Running stage 'train_mle@testbed-0':", 15.0),
    (3.5, "> python -m quals.stages.train_mle --seed 0", 16.0),
    (9.0, "Running stage 'train_mle@testbed-1':", 30.0),
    (12.0, "Stage 'sample@testbed' didn't change, skipping", 36.0),
    (50.0, "Running stage 'report@testbed':", 40.0),
    (51.0, "Running stage 'report@laptop':", 5.0),  # the counter began again
)


@pytest.fixture
def watch():
    found = Watch()
    for now, line, energy in LINES:
        found.see(line, now, energy)
        found.hold(int(now) * 2**20)
    found.close(60.0, 8.0)
    return found


def test_a_run_lasts_until_the_next_line_of_another_stage(watch):
    assert [(span.stage, span.scale, span.start, span.end) for span in watch.spans] == [
        ("code", None, 1.0, 3.0),
        ("train_mle", "testbed", 3.0, 9.0),
        ("train_mle", "testbed", 9.0, 12.0),
        ("report", "testbed", 50.0, 51.0),
        ("report", "laptop", 51.0, 60.0),
    ]


def test_rows_sum_seconds_and_energy_and_keep_the_largest_memory(watch):
    found = {row["stage"]: row for row in rows(watch.spans, "testbed", "a machine")}
    assert list(found) == ["code", "train_mle", "report"]
    assert found["train_mle"] == {
        "stage": "train_mle",
        "runs": 2,
        "seconds": 9.0,
        "peak_mib": 9,
        "joules": 21,
        "device": "a machine",
    }
    assert found["report"]["joules"] is None  # a counter that fell says nothing
    assert rows(watch.spans, "laptop", "")[-1]["joules"] == 3


def test_a_run_that_never_ended_is_not_counted():
    assert rows([Span("code", None, 1.0)], "testbed", "") == []


def test_stages_that_did_not_run_keep_their_rows():
    old = [{"stage": "a", "seconds": 1}, {"stage": "b", "seconds": 2}]
    new = [{"stage": "b", "seconds": 3}, {"stage": "c", "seconds": 4}]
    assert merged(old, new) == [
        *({"stage": "a", "seconds": 1}, {"stage": "b", "seconds": 3}, {"stage": "c", "seconds": 4}),
    ]


def test_memory_of_this_process_counts_its_children():
    import subprocess
    import sys

    import psutil

    here = psutil.Process()
    alone = costs.memory(here)
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as child:
        assert costs.memory(here) > alone
        child.stdin.close()


def test_committed_costs_have_the_fields_that_the_report_reads():
    for found in read_json(ROOT / "benchmarks/costs.json").values():
        for row in found:
            assert row.keys() == {"stage", "runs", "seconds", "peak_mib", "joules", "device"}
