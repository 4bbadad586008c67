"""What must be there before a rehearsal? Data sets, models and settings, all below this folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import spacy
from ruamel.yaml import YAML

from quals.jsonl import Row, write_text
from quals.params import load_yaml
from quals.rehearsal import models, scale, texts

NEWSQA = "newsqa/combined-newsqa-data-v1.json"
ROWS: dict[str, Callable[[str], list[Row]]] = {
    "xsum": texts.xsum_rows,
    "cnndm": texts.cnndm_rows,
    "squad": texts.squad_rows,
}


def prepare(path: Path, grid: Mapping[str, Sequence[object]], *, newsqa: bool) -> None:
    """Write everything that the stages of the scale file at `path` read into the current folder."""
    settings = load_yaml(path)
    for section, names in (("corpus", ("xsum", "cnndm")), ("questions", ("squad",))):
        if scale.reads_folder(settings, section):
            for name in names:
                texts.write_set(Path(scale.TEXTS) / name, ROWS[name])
            continue
        for source in settings[section]["source"]:
            for name, chosen in source.get("sets", {}).items():
                splits = texts.SPLITS if section == "corpus" else ("train", "validation")
                rows = {split: ROWS[name](split) for split in splits}
                texts.write_hub_set(Path(chosen["id"]), chosen["config"], rows)
    texts.write_judged(Path(scale.JUDGED))
    everything = [
        text
        for name, column in (("xsum", "document"), ("cnndm", "highlights"), ("squad", "question"))
        for row in ROWS[name]("train")
        for text in [str(row[column])[:400]]
    ]
    if scale.trains_bart(settings):
        separator = models.save_bart(Path(scale.BART), everything)
    else:
        separator = models.save_smollm2(Path(scale.SMOLLM2), everything)
    models.save_bert(Path(scale.READER), everything, "BertForQuestionAnswering")
    models.save_bert(Path(scale.BERT), everything, "BertModel")
    _save_pipeline(Path(scale.PIPELINE))
    changed = scale.rehearsed(settings, separator=separator)
    if newsqa:
        write_text(Path(NEWSQA), json.dumps(texts.newsqa_content()))
        changed["questions"]["newsqa"] = NEWSQA
    for name, content in ((f"scales/{path.name}", changed), ("params.yaml", grid)):
        Path(name).parent.mkdir(exist_ok=True)
        with open(name, "w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(dict(content), file)


def _save_pipeline(folder: Path) -> None:
    """Entities by rule: the names that the texts use."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    names = {"PERSON": texts.PEOPLE, "GPE": texts.TOWNS, "DATE": texts.DAYS}
    patterns = [{"label": label, "pattern": name} for label in names for name in names[label]]
    patterns.append({"label": "ORG", "pattern": texts.ANSWER})
    patterns.append({"label": "CARDINAL", "pattern": [{"LIKE_NUM": True}]})
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(folder)
