"""Laws of the figures: one colour for a method everywhere, small files that keep it exactly."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from quals.analysis import plots, plots_evidence
from quals.analysis.formatting import METHODS

SHOWN = ("mle", "conseq", "masked")


def curves() -> list[dict]:
    rows = [{"dataset": None, "model": "qagen", "seed": None, "losses": [3.0, 1.0]}]
    return rows + [
        {"dataset": "xsum", "model": method, "seed": seed, "losses": [scale, 0.5 * scale + seed]}
        for scale, method in enumerate(SHOWN, start=1)
        for seed in (0, 1)
    ]


def results(seeds: int = 3) -> pd.DataFrame:
    same = {"dataset": "xsum", "metric": "truth", "n": 9, "seeds": seeds}
    ends = {"low": 0.4, "high": 0.6, "bootstrap_low": 0.45, "bootstrap_high": 0.55}
    spans = [{"mean": 0.5, **ends}] * len(SHOWN)
    return pd.DataFrame([same | span | {"method": m} for m, span in zip(SHOWN, spans, strict=True)])


def spreads() -> pd.DataFrame:
    values = {"p5": 0.1, "p25": 0.2, "median": 0.3, "p75": 0.4, "p95": 0.5}
    return pd.DataFrame(
        [{"dataset": "xsum", "metric": "quals", "method": m, **values} for m in SHOWN]
    )


def copying() -> pd.DataFrame:
    near = {"density": 1.0, "novel2": 0.3, "consistent": 0.5}
    ends = {f"{key}_{end}": value for key, value in near.items() for end in ("low", "high")}
    same = {"dataset": "xsum", "judge": "truth", "n": 9, "seeds": 2, **near, **ends}
    rows = [same | {"system": m, "family": "method", "setting": None} for m in SHOWN]
    return pd.DataFrame([*rows, same | {"system": "b", "family": "beams", "setting": 1.0}])


@pytest.mark.parametrize(
    "figure",
    [
        plots.results_figure(results()),
        plots_evidence.distributions_figure(spreads()),
        plots_evidence.copying_figure(copying()),
        plots_evidence.training_figure(curves()),
    ],
    ids=["results", "distributions", "copying", "training"],
)
def test_each_method_is_drawn_in_its_own_colour(figure: Figure) -> None:
    drawn = {to_hex(line.get_color()).upper() for axes in figure.axes for line in axes.lines}
    assert {plots.COLOURS[method].upper() for method in SHOWN} <= drawn


def test_every_method_has_a_colour_that_nothing_else_has() -> None:
    assert set(plots.COLOURS) == set(METHODS)
    others = (plots.OTHER, plots.CONSISTENT, plots.INCONSISTENT, plots.QUALS, plots.QAGS)
    others += (plots_evidence.SUMMARY, plots_evidence.DOCUMENT, plots_evidence.MODEL)
    every = [*plots.COLOURS.values(), *others]
    assert len(set(every)) == len(every)


def test_each_method_has_a_panel_of_its_curves_on_the_scale_of_its_data_set() -> None:
    first, *own = plots_evidence.training_figure(curves()).axes
    assert [len(axes.lines) for axes in (first, *own)] == [1, 2, 2, 2]
    assert len({axes.get_ylim() for axes in own}) == 1 != len({first.get_ylim(), own[0].get_ylim()})


def test_frequent_colours_stay_exact_and_rare_ones_go_to_the_nearest() -> None:
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:] = np.arange(40)[:, None, None] * np.array([5, 3, 1])  # 40 colours of 60 pixels
    pixels[:20, :30] = (0, 114, 178)
    many = np.random.default_rng(0).integers(0, 256, (300, 3), dtype=np.uint8)
    pixels[30:35] = many.reshape(5, 60, 3)
    made = plots.paletted(Image.fromarray(pixels))
    back = np.asarray(made.convert("RGB")).astype(int)
    assert made.mode == "P"
    assert len(np.unique(np.asarray(made))) <= 256
    assert (back[:30] == pixels[:30]).all()
    palette = np.unique(back.reshape(-1, 3), axis=0)
    for given, found in zip(many[::7].astype(int), back[30:35].reshape(-1, 3)[::7], strict=True):
        distances = np.square(palette - given).sum(axis=1)
        assert np.square(found - given).sum() == distances.min()


def test_a_saved_figure_has_a_palette_and_is_sharp(tmp_path) -> None:
    plots.save(plots.results_figure(results()), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "P"
        assert picture.width == plots.WIDTH * plots.DPI
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for method in SHOWN:
        colour = np.array([int(plots.COLOURS[method][at : at + 2], 16) for at in (1, 3, 5)])
        assert (pixels == colour).all(axis=1).any()
    assert (pixels == 255).all(axis=1).mean() > 0.5


@pytest.mark.parametrize(("seeds", "ends"), [(1, [0.45, 0.55]), (2, None), (3, [0.4, 0.6])])
def test_results_have_the_interval_that_their_seeds_allow(seeds, ends):
    (axes,) = plots.results_figure(results(seeds)).axes
    drawn = [list(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert drawn == ([ends] * len(SHOWN) if ends else [])


@pytest.mark.parametrize("auc", [[0.7, 0.9], [None, None]])
def test_costs_are_drawn_with_and_without_a_truth(auc):
    groups = pd.DataFrame({"groups": [10, 60], "seconds_per_summary": [2.0, 5.0], "auc": auc})
    (axes,) = plots.cost_figure(groups).axes
    (line,) = axes.lines
    points = [list(line.get_xdata()), list(line.get_ydata())]
    assert points == ([[2.0, 5.0], auc] if auc[0] else [[10, 60], [2.0, 5.0]])
