"""How does a scale become its rehearsal? Its settings stay, but for sizes and where things are."""

from collections.abc import Mapping

from quals.rehearsal import texts

# What of the grid is not as in params.yaml: one seed, for time, and what people judged besides.
LISTS = {
    "seeds": [0],
    "judgments": ["qags_cnndm", "qags_xsum"],
    "judgments_qags": ["qags_cnndm", "qags_xsum"],
    "judgments_claims": ["factcc"],
    "judged_summaries": ["xsum", "cnndm"],
}

BART, SMOLLM2, READER, BERT, PIPELINE = (
    f"tiny/{name}" for name in ("bart", "smollm2", "reader", "bert", "spacy")
)
JUDGED, TEXTS = "judged", "texts"

Settings = dict[str, object]


def rehearsed(scale: Mapping[str, object], *, separator: int) -> Settings:
    """The scale's settings with the sizes and places of a rehearsal.

    `separator` is the id of BART's, for a scale that trains BART.
    """
    found = _copied(scale)
    changes = {**sizes(scale), **SHARES, **places(scale), **_ids(scale, separator)}
    for path, value in changes.items():
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


def trains_bart(scale: Mapping[str, object]) -> bool:
    """Whether QAGen is an encoder-decoder; else it is a language model."""
    return "separator_id" in scale["train_qagen"]


def _ids(scale: Mapping[str, object], separator: int) -> dict[str, object]:
    names = ("train_qagen", "train_qg") if trains_bart(scale) else ()
    return {f"{name}.separator_id": separator for name in names}


def reads_folder(scale: Mapping[str, object], section: str) -> bool:
    """Whether the text of a section is looked for in a folder first; else it is the hub's."""
    return scale[section]["source"][0]["kind"] == "folder"


def sizes(scale: Mapping[str, object]) -> dict[str, object]:
    """`SIZES`, and how long what is trained is trained."""
    found = dict(SIZES)
    for name in ("train_qagen", "train_qg"):
        short = (
            ("finetuning.epochs", 0.01) if "finetuning" in scale[name] else ("training.steps", 2)
        )
        found[f"{name}.{short[0]}"] = short[1]
    if scale["train_reader"]["training"] is not None:  # else it stands in as it is
        found["train_reader.training.steps"] = 2
    if scale["sample"]["documents"] is not None:
        found["sample.documents"] = texts.SPLITS["train"]
    return found


def places(scale: Mapping[str, object]) -> dict[str, object]:
    """`PLACES`, those of language models, and where a folder of texts is."""
    model = _base(BART if trains_bart(scale) else SMOLLM2)
    found = {**PLACES, "train_qagen.base": model, "train_mle.base": {"xsum": model, "cnndm": model}}
    if trains_bart(scale):
        found["train_qg.base"] = model
    else:  # the rehearsal makes QAGen, which is the question generator's base
        found["train_qagen.released"] = None
    for section in ("corpus", "questions"):
        if reads_folder(scale, section):
            found[f"{section}.source"] = [{"kind": "folder", "folder": TEXTS}]
    return found


def _base(folder: str) -> dict[str, object]:
    return {"variable": None, "folder": folder, "hub": None}


# Numbers of rows, steps and repeats; what a model reads, writes and learns by is the scale's own.
SIZES: dict[str, object] = {
    "corpus.validation": 3,
    "questions.validation": 4,  # whole passages and windows, where there are any
    "train_qagen.gate_contexts": 2,
    "train_qg.gate_questions": 1,
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
# Of so few documents none need be both in S+ and in a small S-.
SHARES = {"contrastive.negative_share": 1.0}
PLACES: dict[str, object] = {
    "train_reader.base": _base(READER),
    "train_factcc.base": _base(BERT),
    "language.spacy_pipeline": PIPELINE,
    "judgments.folder": JUDGED,
}
