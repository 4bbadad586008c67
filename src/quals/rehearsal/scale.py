"""How does a scale become its rehearsal? Its settings stay, but for sizes and where things are."""

from collections.abc import Mapping

# What a scale of real text and pretrained models runs: no oracle judges or selects, and the
# ablations have a file of their own.
GRID = {
    "datasets": ["xsum", "cnndm"],
    "seeds": [0],
    "selectors": ["quals", "rouge", "copy"],
    "contrastive": ["rouge", "conseq", "likelihood", "masked", "copy"],
    "methods": ["mle", "rouge", "conseq", "likelihood", "masked", "copy"],
    "benchmarks": [],
    "judgments": ["qags_cnndm", "qags_xsum"],
    "judgments_qags": ["qags_cnndm", "qags_xsum"],
    "ablations": [],
}
LEFT_OUT = ("ablate_metric", "train_ablation", "contrast_pairs", "ablations")

BART, READER, BERT, PIPELINE = (f"tiny/{name}" for name in ("bart", "reader", "bert", "spacy"))
JUDGED = "judged"

Settings = dict[str, object]


def rehearsed(scale: Mapping[str, object], *, separator: int) -> Settings:
    """The scale's settings with the sizes and places of a rehearsal; `separator` is an id."""
    found = _copied(scale)
    for path, value in {**SIZES, **_reader(scale), **PLACES, **_ids(separator)}.items():
        *inner, last = path.split(".")
        at = found
        for key in inner:
            at = at[key]
        if last not in at:
            raise KeyError(f"the rehearsal changes {path}, which the scale does not have")
        at[last] = value
    return found


def _copied(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _ids(separator: int) -> dict[str, object]:
    return {f"{name}.separator_id": separator for name in ("train_qagen", "train_qg")}


def _reader(scale: Mapping[str, object]) -> dict[str, object]:
    """Steps, where the reader does not stand in as it is."""
    trained = scale["train_reader"]["training"] is not None
    return {"train_reader.training.steps": 2} if trained else {}


def _base(folder: str) -> dict[str, object]:
    return {"variable": None, "folder": folder, "hub": None}


# Numbers of rows, steps and repeats; what a model reads, writes and learns by is the scale's own.
SIZES: dict[str, object] = {
    "corpus.validation": 3,
    "questions.validation": 3,
    "train_qagen.gate_contexts": 2,
    "train_qagen.finetuning.epochs": 0.01,
    "train_qg.gate_questions": 1,
    "train_qg.finetuning.epochs": 0.01,
    "train_reader.gate_contexts": 2,
    "train_factcc.documents": 6,
    "train_factcc.validation_documents": 2,
    "train_factcc.training.steps": 2,
    "train_mle.finetuning.xsum.epochs": 0.01,
    "train_mle.finetuning.cnndm.epochs": 0.01,
    "summarize.chunk_documents": 4,
    "sample.chunk_documents": 16,
    "reward.chunk_documents": 16,
    "speed.repeats": 2,
    "speed.paper_summaries": 1,
    "speed.engine_summaries": 2,
    "speed.curve_summaries": 2,
    "report.resamples": 100,
    "report.permutations": 100,
}
PLACES: dict[str, object] = {
    "train_qagen.base": _base(BART),
    "train_qg.base": _base(BART),
    "train_reader.base": _base(READER),
    "train_factcc.base": _base(BERT),
    "train_mle.base": {"xsum": _base(BART), "cnndm": _base(BART)},
    "language.spacy_pipeline": PIPELINE,
    "judgments.folder": JUDGED,
}
