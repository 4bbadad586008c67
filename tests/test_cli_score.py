"""`quals score`: one line for each line, and the same bytes however a run was cut or shared."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from launched import ON_CPUS
from scored import command, leftovers, make_folder, read, rows, score, write

from quals.cli import SPINS, main
from quals.metrics import quals as quals_module
from quals.metrics.averaged import AveragedQuals
from quals.metrics.averages import AVERAGES, PAPER, WORST_TOKEN
from quals.metrics.explained import ExplainedQuals
from quals.metrics.quals import Quals, QualsSettings
from quals.params import load_section
from quals.scoring import hardware

CUT = ["--chunk-rows", "3"]
OF_README = [
    *(str(Path(sys.executable).parent / "accelerate"), "launch", "--multi_gpu"),
    *("--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"),
    *("--dynamo_backend", "no", "--main_process_port", "0"),
]


@pytest.fixture(scope="module")
def model(make_qagen, few_words, tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("score") / "qagen", make_qagen(10), few_words)


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "in.jsonl", rows(10))


@pytest.fixture
def expected(model, source, tmp_path):
    """The bytes of an undisturbed run."""
    assert score(source, tmp_path / "expected.jsonl", model, *CUT) == 0
    return (tmp_path / "expected.jsonl").read_bytes()


def alike(found: list[dict], expected: bytes) -> bool:
    """The rows of an output, but for the last digit: a cached score was made in other company."""
    others = [json.loads(line) for line in expected.splitlines()]
    assert len(found) == len(others)
    for row, other in zip(found, others, strict=True):
        assert row["quals"] == pytest.approx(other["quals"], abs=1e-5)
        assert len(row["pairs"]) == len(other["pairs"])
        for pair, same in zip(row["pairs"], other["pairs"], strict=True):
            assert pair == pytest.approx(same, abs=1e-5)
    return [row["id"] for row in found] == [row["id"] for row in others]


@pytest.fixture
def counted(monkeypatch):
    """How many texts each call of the metric got; `fail_at` stops the call of that number."""
    calls = []

    class Calls:
        fail_at = None
        error = KeyboardInterrupt
        sizes = calls

    metric = Quals.score

    def counting(self, documents, summaries):
        if len(calls) == Calls.fail_at:
            raise Calls.error
        calls.append(len(documents))
        return metric(self, documents, summaries)

    monkeypatch.setattr(Quals, "score", counting)
    return Calls


def piped(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_the_output_is_the_metric_in_the_order_of_the_input(model, source, tmp_path):
    assert score(source, tmp_path / "out.jsonl", model) == 0
    settings = load_section(model.parent / "settings.yaml", "quals", QualsSettings)
    asked = read(source)
    scores = Quals.from_pretrained(model, settings).score(
        [row["document"] for row in asked], [row["summary"] for row in asked]
    )
    found = read(tmp_path / "out.jsonl")
    assert [row["id"] for row in found] == [row["id"] for row in asked]
    for row, one in zip(found, scores, strict=True):
        assert row["quals"] == pytest.approx(one.quals, abs=1e-5)
        assert set(row) == {"id", "quals", "pairs"}
        for pair, other in zip(row["pairs"], one.pairs, strict=True):
            assert pair == pytest.approx(other.to_row(), abs=1e-5)
    assert any(row["quals"] for row in found)
    assert leftovers(tmp_path) == []


def test_other_averages_have_names(model, source, expected, tmp_path):
    settings = load_section(model.parent / "settings.yaml", "quals", QualsSettings)
    asked = read(source)
    texts = [row["document"] for row in asked], [row["summary"] for row in asked]
    for name in AVERAGES:
        assert score(source, tmp_path / "out.jsonl", model, *CUT, "--average", name) == 0
        scores = AveragedQuals.from_pretrained(model, settings, name).score(*texts)
        found = read(tmp_path / "out.jsonl")
        assert [row["quals"] for row in found] == pytest.approx(
            [one.quals for one in scores], abs=1e-5
        )
        assert ((tmp_path / "out.jsonl").read_bytes() == expected) == (name == PAPER)


def test_a_cache_keeps_averages_apart(model, source, expected, tmp_path):
    for name in (WORST_TOKEN, PAPER):
        options = [*CUT, "--cache", str(tmp_path / "cache"), "--average", name]
        assert score(source, tmp_path / "out.jsonl", model, *options) == 0
    assert alike(read(tmp_path / "out.jsonl"), expected)


def test_the_explained_share_asks_no_questions(model, source, tmp_path, capsys):
    asked = read(source)
    texts = [row["document"] for row in asked], [row["summary"] for row in asked]
    options = [*CUT, "--cache", str(tmp_path / "cache")]
    assert score(source, tmp_path / "out.jsonl", model, *options) == 0
    assert score(source, tmp_path / "out.jsonl", model, *options, "--explained") == 0
    settings = load_section(model.parent / "settings.yaml", "quals", QualsSettings)
    scores = ExplainedQuals.from_pretrained(model, settings).score(*texts)
    found = read(tmp_path / "out.jsonl")
    assert [row["quals"] for row in found] == pytest.approx([s.quals for s in scores], abs=1e-5)
    assert not any(row["pairs"] for row in found)
    with pytest.raises(SystemExit):
        score(source, tmp_path / "other.jsonl", model, "--explained", "--average", WORST_TOKEN)
    assert "not allowed with" in capsys.readouterr().err


def test_an_average_of_parts_of_pairs_is_refused(model, source, tmp_path, capsys):
    text = (model.parent / "settings.yaml").read_text()
    other = tmp_path / "answers.yaml"
    other.write_text(text.replace('"likelihood": "pair"', '"likelihood": "answer"'))
    options = ["--params", str(other), "--average", WORST_TOKEN]
    assert score(source, tmp_path / "out.jsonl", model, *options) == 2
    assert "--average: " in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_chunks_do_not_change_scores(model, source, expected, tmp_path):
    for size in ("1", "4", "512"):
        assert score(source, tmp_path / "out.jsonl", model, "--chunk-rows", size) == 0
        for one, other in zip(
            read(tmp_path / "out.jsonl"), read(tmp_path / "expected.jsonl"), strict=True
        ):
            assert one["id"] == other["id"]
            assert one["quals"] == pytest.approx(other["quals"], abs=1e-4)


def test_gzip_and_pipes_give_the_same_bytes(
    model, source, expected, tmp_path, monkeypatch, capsysbinary
):
    packed = tmp_path / "in.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    assert score(packed, tmp_path / "out.jsonl", model, *CUT) == 0
    assert (tmp_path / "out.jsonl").read_bytes() == expected
    for content in (source.read_bytes(), packed.read_bytes()):
        piped(monkeypatch, content)
        capsysbinary.readouterr()
        assert score("-", "-", model, *CUT) == 0
        assert capsysbinary.readouterr().out == expected
    piped(monkeypatch, source.read_bytes())
    assert score("-", tmp_path / "piped.jsonl", model, *CUT) == 0
    assert (tmp_path / "piped.jsonl").read_bytes() == expected


def test_an_interrupted_run_goes_on_where_it_was(
    model, source, expected, tmp_path, counted, capsys
):
    out = tmp_path / "out.jsonl"
    counted.fail_at = len(counted.sizes) + 2
    assert score(source, out, model, *CUT) == 130
    assert not out.exists()
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error == "interrupted; the same command with --resume goes on"
    counted.fail_at = None
    before = len(counted.sizes)
    assert score(source, out, model, *CUT, "--resume") == 0
    assert out.read_bytes() == expected
    assert len(counted.sizes) == before + 2  # of four chunks
    assert leftovers(tmp_path) == []


def test_an_unfinished_run_is_not_lost_by_accident(model, source, tmp_path, counted, capsys):
    out = tmp_path / "out.jsonl"
    counted.fail_at = len(counted.sizes) + 1
    assert score(source, out, model, *CUT) == 130
    counted.fail_at = None
    assert score(source, out, model, *CUT) == 2
    assert "--resume finishes it, --restart discards it" in capsys.readouterr().err
    before = len(counted.sizes)
    assert score(source, out, model, *CUT, "--restart") == 0
    assert len(counted.sizes) == before + 4
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["--groups", "9"], "settings is"),
        (["--chunk-rows", "4"], "chunk_rows is 4, but was 3"),
        (["--threads", "2"], "threads is 2, but was 1"),
        (["--dtype", "bfloat16"], 'dtype is "bfloat16", but was "float32"'),
    ],
)
def test_resuming_with_other_settings_is_refused(
    model, source, tmp_path, counted, capsys, change, named
):
    out = tmp_path / "out.jsonl"
    counted.fail_at = 1
    assert score(source, out, model, *CUT, "--dtype", "float32") == 130
    assert score(source, out, model, *CUT, "--resume", *change) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"error: {tmp_path}/.out.jsonl.partial: cannot resume: {named}")


def test_resuming_with_another_input_or_model_is_refused(
    model, make_qagen, few_words, source, tmp_path, counted, capsys
):
    out = tmp_path / "out.jsonl"
    counted.fail_at = 1
    assert score(source, out, model, *CUT) == 130
    counted.fail_at = None
    (tmp_path / "other").mkdir()
    other = make_folder(tmp_path / "other" / "qagen", make_qagen(11), few_words)
    assert score(source, out, other, *CUT, "--resume") == 2
    assert "cannot resume: model is" in capsys.readouterr().err
    changed = read(source)
    changed[1]["summary"] += " on Monday"
    write(source, changed)
    assert score(source, out, model, *CUT, "--resume") == 2
    error = capsys.readouterr().err
    assert "cannot resume: lines 1 to 3 of the input are not those that were scored" in error
    assert not out.exists()


def test_a_damaged_chunk_is_scored_again(model, source, expected, tmp_path, counted):
    out = tmp_path / "out.jsonl"
    counted.fail_at = len(counted.sizes) + 2
    assert score(source, out, model, *CUT) == 130
    counted.fail_at = None
    chunk = tmp_path / ".out.jsonl.partial" / "chunk-00000000.jsonl"
    chunk.write_bytes(chunk.read_bytes()[:-20])
    before = len(counted.sizes)
    assert score(source, out, model, *CUT, "--resume") == 0
    assert len(counted.sizes) == before + 3
    assert out.read_bytes() == expected


def test_two_runs_do_not_write_one_output(model, source, tmp_path, counted, capsys, monkeypatch):
    out, codes = tmp_path / "out.jsonl", []
    metric = Quals.score

    def meanwhile(self, documents, summaries):
        if not codes:
            codes.append(None)
            codes[0] = score(source, out, model, *CUT, "--resume")
        return metric(self, documents, summaries)

    monkeypatch.setattr(Quals, "score", meanwhile)
    assert score(source, out, model, *CUT) == 0
    assert codes == [2]
    assert f"{out}: another process is writing it now" in capsys.readouterr().err


def test_the_cache_changes_no_score_and_saves_the_work(model, source, expected, tmp_path, counted):
    cached = [*CUT, "--cache", str(tmp_path / "cache")]
    for name in ("cold", "warm"):
        before = len(counted.sizes)
        assert score(source, tmp_path / name, model, *cached) == 0
        assert alike(read(tmp_path / name), expected)
    assert len(counted.sizes) == before
    assert (tmp_path / "warm").read_bytes() == (tmp_path / "cold").read_bytes()
    assert score(source, tmp_path / "other", model, *cached, "--groups", "9") == 0
    assert len(counted.sizes) > before


def test_a_killed_process_resumes_with_the_same_bytes(model, tmp_path):
    source = write(tmp_path / "in.jsonl", rows(400))
    assert score(source, tmp_path / "expected.jsonl", model, "--chunk-rows", "5") == 0
    expected = (tmp_path / "expected.jsonl").read_bytes()
    out, folder = tmp_path / "out.jsonl", tmp_path / ".out.jsonl.partial"
    line = [sys.executable, "-m", "quals", *command(source, out, model, "--chunk-rows", "5")]
    process = subprocess.Popen(line, stderr=subprocess.PIPE)
    give_up = time.monotonic() + 60
    while len(list(folder.glob("chunk-*.jsonl"))) < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < give_up
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    done = {p.name: p.stat().st_mtime_ns for p in folder.glob("chunk-*.jsonl")}
    assert 3 <= len(done) < 80
    code = score(source, out, model, "--chunk-rows", "5", "--resume")
    assert code == 0
    assert out.read_bytes() == expected
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("launch", [ON_CPUS, OF_README], ids=["--cpu", "--multi_gpu"])
def test_two_processes_give_the_bytes_of_one(model, source, expected, tmp_path, launch):
    out = tmp_path / "out.jsonl"
    found = subprocess.run(
        [*launch, "-m", "quals", *command(source, out, model, *CUT)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    assert "process 1 of 2" in found.stderr
    assert out.read_bytes() == expected
    assert leftovers(tmp_path) == []


def test_idle_threads_leave_the_cores_to_others_unless_told_otherwise(tmp_path, monkeypatch):
    asked = command(tmp_path / "none.jsonl", tmp_path / "out.jsonl", tmp_path)
    chosen = {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}, {}
    for told, spins in zip(chosen, (None, "7", SPINS), strict=True):
        for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
            monkeypatch.delenv(name, raising=False)
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        assert main(asked) == 2
        assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_the_choice_of_dtype_and_threads_is_told(model, source, tmp_path, capsys):
    assert score(source, tmp_path / "out.jsonl", model, "--dtype", "bfloat16") == 0
    error = capsys.readouterr().err
    assert "dtype: bfloat16 (--dtype); threads: 1 (--threads)" in error
    assert "10 summaries, 0 without a score in" in error
    found = read(tmp_path / "out.jsonl")
    assert score(source, tmp_path / "out.jsonl", model) == 0
    exact = read(tmp_path / "out.jsonl")
    assert found != exact
    assert [row["quals"] for row in found if row["quals"] is not None]


def test_scores_do_not_depend_on_what_the_processor_is_fast_at(
    model, source, tmp_path, monkeypatch, capsys
):
    found = []
    for flags in (set(), {"avx512_bf16", "amx_bf16"}):
        monkeypatch.setattr(hardware, "cpu_flags", lambda flags=flags: flags)
        assert score(source, tmp_path / "out.jsonl", model) == 0
        found.append((tmp_path / "out.jsonl").read_bytes())
    assert found[0] == found[1]
    capsys.readouterr()
    assert score(source, tmp_path / "out.jsonl", model, "--dtype", "auto") == 0
    assert "dtype: bfloat16 (the CPU multiplies it" in capsys.readouterr().err


def test_settings_beside_the_model_hold_without_params(model, source, tmp_path):
    if not hasattr(quals_module, "load_settings"):
        pytest.skip("the engine's settings are not there yet")
    settings = load_section(model.parent / "settings.yaml", "quals", QualsSettings)
    quals_module.save_settings(settings.model_copy(update={"max_pairs": 1}), model)
    line = ["score", str(source), "--out", str(tmp_path / "out"), "--model", str(model)]
    assert main([*line, "--threads", "1"]) == 0
    assert {len(row["pairs"]) for row in read(tmp_path / "out")} == {1}
    (model / quals_module.SETTINGS).unlink()


def test_a_reader_that_goes_away_ends_the_run_quietly(model, tmp_path):
    source = write(tmp_path / "in.jsonl", rows(3000))
    line = [sys.executable, "-m", "quals", *command(source, "-", model, "--chunk-rows", "500")]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(60) == 141
    assert "Traceback" not in error


def test_help_and_a_missing_input_do_not_wait_for_torch(tmp_path):
    code = (
        "import sys; from quals.cli import main\n"
        f"assert main(['score', '{tmp_path}/no', '--out', '-', '--model', 'm']) == 2\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
