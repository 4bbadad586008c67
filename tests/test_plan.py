"""Laws of the plan of a scale: the work is what networks do, and its hours are what stages take."""

from dataclasses import replace

import pytest
import torch
from pipeline import ROOT
from plan import FACTOR, estimated, from_row, load, medians, render_block, to_row
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from work import bart, smollm

from quals.analysis.readme import filled
from quals.decoding.scoring import score_targets
from quals.doctor import shapes
from quals.doctor.arithmetic import LONGEST, forward, read, train, write
from quals.doctor.loading import load_scale
from quals.doctor.metrics import SPREAD, padded
from quals.doctor.stages import plan
from quals.models import checkpoint

FOLDER = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def found():
    """The result file, which one command makes on a quiet machine."""
    if not (FOLDER / "plan.json").is_file():
        pytest.skip("benchmarks/plan.json: `python benchmarks/plan.py` has not been run")
    return load(FOLDER / "plan.json")


def test_estimates_are_within_the_factor_of_what_was_measured(found):
    ratios = {
        f"{row['scale']} {row['stage']}": estimated(row) / row["seconds"] for row in found["stages"]
    }
    assert {k: v for k, v in ratios.items() if not 1 / FACTOR <= v <= FACTOR} == {}


def test_readme_shows_the_result_file(found):
    readme = (FOLDER / "README.md").read_text()
    assert filled(readme, render_block(found), "plan") == readme


@pytest.mark.parametrize("family", ["t5", "bart", "causal"])
def test_operations_are_those_that_torch_counts(family, make_model, few_words, tmp_path):
    """But for what a causal mask hides, which the networks compute and the formula leaves out."""
    vocabulary = few_words.backend.get_vocab_size()
    if family == "t5":
        model = make_model(vocabulary)
    else:
        model = {"bart": bart, "causal": smollm}[family](vocabulary, few_words, tiny=True).eval()
    checkpoint.save(model, few_words, tmp_path)
    shape = shapes.of_folder(tmp_path)
    text, rows, size = [2, 5, 4, 7, 6, 3], 3, 4
    plain_kernel = sdpa_kernel(SDPBackend.MATH)  # the fused one's products are not counted
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), plain_kernel:
        memory = model.read(torch.tensor([text]), torch.ones(1, len(text), dtype=torch.bool))
        score_targets(model, memory, [[[4, 3, 5, 1]] * rows])
    source = len(text) + (family == "bart")  # the end token that its frame adds
    hidden = rows * size * (size - 1) // 2
    if family == "causal":
        hidden += source * (source - 1) // 2
    layers, head = forward(shape, source, rows, size)
    masked = 4 * shape.attention * shape.decoder_layers * hidden
    assert layers + head == counter.get_total_flops() - masked


def test_work_grows_with_the_texts_and_the_parts_of_two_plans_add_up():
    shape = shapes.of_name("facebook/bart-base")
    loads = [
        read(shape, texts=n, source=100, targets=2, target=20, batch=8).flops for n in (1, 2, 4)
    ]
    assert loads == [loads[0], 2 * loads[0], 4 * loads[0]]
    few, more = (
        train(shape, texts=n, source=100, targets=1, target=20, calls=n, steps=n) for n in (2, 5)
    )
    added = few.plus(more.plus(few.times(-1)))
    assert added.flops == pytest.approx(more.flops)
    assert added.updates == pytest.approx(more.updates)
    # Three times the work of reading: forward, and backward to the inputs and to the weights.
    assert few.flops == pytest.approx(
        3 * read(shape, texts=2, source=100, targets=1, target=20, batch=1).flops
    )


def test_an_adapters_training_computes_less_than_that_of_all_weights():
    shape = shapes.of_name("SmolLM2-135M")
    given = {"texts": 4, "source": 60, "targets": 2, "target": 20, "calls": 1, "steps": 1}
    whole, adapter = train(shape, **given), train(shape, frozen=True, adapter=1000, **given)
    assert 0.6 < adapter.flops / whole.flops < 0.75
    assert adapter.updates == 1000


def test_writing_reads_a_text_once_however_many_rows_it_has():
    shape = shapes.of_name("facebook/bart-base")
    given = {"texts": 3, "source": 100, "target": 20, "steps": 20, "batch": 3, "choices": 1}
    (first, one), (second, ten) = (write(shape, rows=rows, **given) for rows in (1, 10))
    assert first == second
    assert ten.head == 10 * one.head
    assert ten.blocks == one.blocks


def test_a_load_survives_the_result_file():
    shape = shapes.of_name("facebook/bart-base")
    found = read(shape, texts=2, source=9, targets=1, target=3, batch=2)
    assert from_row(to_row(found)) == found


def test_targets_are_padded_for_the_layers_and_not_for_the_vocabulary():
    shape = shapes.of_name("facebook/bart-base")
    given = {"texts": 1, "source": 100, "targets": 2, "batch": 1}
    own, longer = (read(shape, target=size, **given) for size in (20, LONGEST * 20))
    assert own.layers == pytest.approx(forward(shape, 100, 2, LONGEST * 20)[0])
    assert own.head * LONGEST == pytest.approx(longer.head)
    ragged = read(shape, target=20, ragged=True, **given)
    assert ragged.layers == pytest.approx(forward(shape, 100, LONGEST * 2, LONGEST * 20)[0])
    assert ragged.head == own.head


def test_a_text_is_padded_to_the_longest_of_its_batch_and_less_where_batches_are_many():
    assert padded(100, texts=3, batch=8) == 100 * (1 + SPREAD)
    sizes = [padded(100, texts=n, batch=8) for n in (10, 100, 1000, 10_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert 100 < sizes[-1] < 101


def test_a_released_adapter_is_not_planned_as_a_training():
    scale, _ = load_scale(ROOT, ROOT / "scales/laptop.yaml")
    own = {**scale.section("train_qagen"), "released": None}
    trained = replace(scale, settings={**scale.settings, "train_qagen": own})
    taken, made = ({stage.stage for stage in plan(found)} for found in (scale, trained))
    assert made - taken == {"train_qagen"}


def test_one_slow_run_of_three_changes_no_result():
    runs = [{"seconds": n, "rates": {"block": 2 * n}} for n in (1, 90, 2)]
    assert medians(runs) == {"seconds": 2, "rates": {"block": 4}}


def test_only_a_search_moves_its_cache_and_longer_targets_more_than_in_proportion():
    shape = shapes.of_name("facebook/bart-base")
    given = {"texts": 3, "source": 100, "rows": 4, "steps": 20, "batch": 3, "choices": 1}
    moved = [write(shape, target=size, searches=True, **given)[1].moved for size in (10, 20)]
    assert moved[1] == 4 * moved[0]
    assert write(shape, target=10, **given)[1].moved == 0
