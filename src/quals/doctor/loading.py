"""What is a scale made of? Its file and the grid, with the sizes of its networks and texts."""

import os
from collections.abc import Mapping
from pathlib import Path

from quals.doctor import shapes, sizes
from quals.doctor.scale import Raw, Scale
from quals.doctor.shapes import Shape
from quals.left_out import read_left_out
from quals.params import load_yaml

QAGEN = "train_qagen"
OWN_MODELS = {"qg": "train_qg", "reader": "train_reader", "factcc": "train_factcc"}


def load_scale(
    root: Path, file: Path, changes: Mapping[str, object] | None = None
) -> tuple[Scale, list[str]]:
    """The scale of a settings file, and what of its networks is not known.

    `changes` are lists that go before those of the grid in params.yaml; the grid that is planned is
    without what the scale leaves out, as the stages' own.
    """
    left_out = read_left_out(file)
    grid = left_out.lists({**load_yaml(root / "params.yaml"), **(changes or {})})
    settings = load_yaml(file)
    corpus = _section(settings, "corpus")
    corpora = {
        str(dataset): sizes.corpus_sizes(root, file.stem, str(dataset), corpus)
        for dataset in grid.get("datasets") or ()
    }
    questions = sizes.question_sizes(root, file.stem, _section(settings, "questions"))
    networks, unknown = _networks(root, file.stem, settings, list(corpora))
    return Scale(settings, grid, left_out, corpora, questions, networks), unknown


def _networks(
    root: Path, scale: str, settings: Raw, datasets: list[str]
) -> tuple[dict[str, Shape], list[str]]:
    """Every network's sizes; one without a base of its own is trained on from QAGen."""
    found: dict[str, Shape] = {}
    unknown: list[str] = []
    metrics = root / "models" / scale / "metrics"
    qagen = _section(settings, QAGEN)
    if isinstance(qagen.get("network"), Mapping):
        made = shapes.of_folder(metrics / "qagen")
        found["qagen"] = made or shapes.scratch_t5(qagen["network"])
    else:
        _put(found, unknown, "qagen", qagen.get("base"), root, QAGEN)
    for name, section in OWN_MODELS.items():
        base = _section(settings, section).get("base")
        _put(found, unknown, name, base, root, section)
    bases = _section(settings, "train_mle").get("base")
    if "train_mle" in settings:
        for dataset in datasets:
            per_corpus = isinstance(bases, Mapping) and dataset in bases
            base = bases[dataset] if per_corpus else bases
            _put(found, unknown, f"mle {dataset}", base, root, "train_mle")
    return found, unknown


def _put(
    found: dict[str, Shape],
    unknown: list[str],
    name: str,
    base: object,
    root: Path,
    section: str,
) -> None:
    """The shape of a base, by the places that it names; QAGen's where it names none."""
    if base is None:
        if "qagen" in found:
            found[name] = found["qagen"]
        return
    places = base if isinstance(base, Mapping) else {"hub": base}
    variable = places.get("variable")
    named = os.environ.get(str(variable), "") if variable else ""
    folders = [Path(named)] if named else []
    if places.get("folder"):
        folders.append(root / str(places["folder"]))
    shape = next((s for s in map(shapes.of_folder, folders) if s is not None), None)
    if shape is None and str(places.get("folder") or "").endswith("metrics/qagen"):
        shape = found.get("qagen")
    for key in ("hub", "id", "folder"):
        shape = shape or shapes.of_name(str(places.get(key) or ""))
    if shape is None:
        unknown.append(f"{section}.base: no size of this network is known before it is here")
    else:
        found[name] = shape


def _section(settings: Raw, name: str) -> Raw:
    found = settings.get(name)
    return found if isinstance(found, Mapping) else {}
