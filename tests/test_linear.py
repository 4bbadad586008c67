"""Laws of the corpus benchmark: the line is the true one, one block."""

import linear
import pytest
from pipeline import ROOT

from quals.analysis.readme import filled
from quals.jsonl import read_json


def row(documents: int, seconds: float, peak: float = 300.0, step: str = "scoring"):
    return {
        "step": step,
        "documents": documents,
        "texts": 7 * documents,
        "seconds": seconds,
        "peak_mib": peak,
    }


def test_a_line_is_found_and_its_worst_point_named():
    rows = [row(n, 2 + 0.5 * n, peak=300 + n) for n in (100, 200, 400, 800)]
    found = linear.fitted(rows)
    assert found["seconds_per_document"] == pytest.approx(0.5)
    assert found["start_seconds"] == pytest.approx(2)
    assert found["off"] == pytest.approx(0, abs=1e-9)
    assert found["peak_growth_mib"] == 700
    curved = [row(n, 0.001 * n**2) for n in (100, 200, 400, 800)]
    assert linear.fitted(curved)["off"] > 0.3


def test_the_readme_block_is_what_the_result_file_gives():
    readme = (ROOT / "benchmarks/README.md").read_text()
    found = linear.OUT
    block = linear.render_block(read_json(found)) if found.is_file() else linear.PENDING
    assert filled(readme, block, linear.BLOCK) == readme


def test_the_block_shows_every_size_and_line():
    rows = [row(n, n / 10, step=step) for step in linear.STEPS for n in (100, 200)]
    lines = [linear.fitted([r for r in rows if r["step"] == step]) for step in linear.STEPS]
    found = {"cpu": "a processor", "cores": 2, "chunk": 50, "rows": rows, "lines": lines}
    block = linear.render_block(found)
    assert "| sampling | 100 | 700 | 10.00 | 100.0 | 300 |" in block
    assert block.count("100.00 ms x documents") == 2


def test_markers_must_stand_once_and_in_order():
    text = "a <!-- x:start --> old <!-- x:end --> b"
    assert filled(text, "new", "x") == "a <!-- x:start -->\n\nnew\n\n<!-- x:end --> b"
    for broken in ("", text + text, "<!-- x:end --><!-- x:start -->"):
        with pytest.raises(ValueError, match="once each"):
            filled(broken, "new", "x")
