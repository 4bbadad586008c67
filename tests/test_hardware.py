"""dtype and threads follow from the machine, and every choice says why."""

import pytest

from quals.scoring import hardware
from quals.scoring.hardware import choose_dtype, choose_threads


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("GenuineIntel", "avx2", "float32"),
        ("AuthenticAMD", "avx512f", "float32"),
        ("AuthenticAMD", "avx512_bf16 avx2", "bfloat16"),
        ("GenuineIntel", "avx512_bf16 avx2", "float32"),
        ("GenuineIntel", "avx512_bf16 amx_bf16 amx_tile", "bfloat16"),
        ("", "asimd bf16", "bfloat16"),
        ("", "", "float32"),
    ],
)
def test_bfloat16_only_where_the_cpu_gains_by_it(monkeypatch, vendor, flags, expected):
    told = {"vendor_id": vendor, "flags": flags}
    monkeypatch.setattr(hardware, "_cpuinfo", lambda *names: told[names[0]])
    assert choose_dtype().value == expected
    assert choose_dtype().reason
    for asked in ("float32", "bfloat16"):
        assert str(choose_dtype(asked)) == f"{asked} (--dtype)"


@pytest.mark.parametrize(
    ("asked", "environment", "processes", "expected"),
    [
        (3, "2", 4, "3 (--threads)"),
        (None, "2", 4, "2 (OMP_NUM_THREADS)"),
        (None, "", 1, "8 (all cores that this process may use)"),
        (None, "x", 1, "8 (all cores that this process may use)"),
        (None, "", 4, "2 (8 cores for 4 processes)"),
        (None, "", 16, "1 (8 cores for 16 processes)"),
    ],
)
def test_threads_share_the_cores(monkeypatch, asked, environment, processes, expected):
    monkeypatch.setattr(hardware, "usable_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", environment)
    assert str(choose_threads(asked, processes=processes)) == expected
