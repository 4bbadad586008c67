"""How does a BERT that has no `tokenizer.json` read text? By WordPiece over its `vocab.txt`.

The file holds an entry a line, whose number from 0 is its id; `tokenizer_config.json` beside it, if
there is one, says what becomes of case and accents. `transformers` makes the same of both.
"""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from quals.jsonl import DataError, decode

VOCABULARY, SETTINGS = "vocab.txt", "tokenizer_config.json"
FIRST, BETWEEN, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
SPECIAL = ("[PAD]", UNKNOWN, FIRST, BETWEEN, "[MASK]")
NEEDED = (UNKNOWN, FIRST, BETWEEN)
# What `transformers` takes where the settings say nothing; accents are then treated as case is.
USUAL = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}


def load_wordpiece(folder: Path, settings: object) -> Tokenizer:
    """The tokenizer of the folder's `vocab.txt`; `settings` is its `tokenizer_config.json`.

    `DataError` names the file, and the line where there is one, that is of no use.
    """
    ids = _read(folder / VOCABULARY)
    chosen = _choose(settings, folder / SETTINGS)
    backend = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN))
    backend.normalizer = normalizers.BertNormalizer(
        lowercase=chosen["do_lower_case"],
        strip_accents=chosen["strip_accents"],
        handle_chinese_chars=chosen["tokenize_chinese_chars"],
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    # One that is missing would get an id beyond the network's embeddings.
    backend.add_special_tokens([token for token in SPECIAL if token in ids])
    backend.post_processor = processors.TemplateProcessing(
        single=f"{FIRST} $A {BETWEEN}",
        pair=f"{FIRST} $A {BETWEEN} $B:1 {BETWEEN}:1",
        special_tokens=[(token, ids[token]) for token in (FIRST, BETWEEN)],
    )
    return backend


def _read(path: Path) -> dict[str, int]:
    """Ids by entry."""
    ids: dict[str, int] = {}
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            entry = decode(line, f"{path}:{number}").rstrip("\r\n")
            if entry in ids:
                raise DataError(f"{path}:{number}: '{entry}' is on line {ids[entry] + 1} too")
            ids[entry] = number - 1
    missing = [token for token in NEEDED if token not in ids]
    if missing:
        raise DataError(f"{path}: no {', '.join(missing)}; it is no vocabulary of a BERT")
    return ids


def _choose(settings: object, path: Path) -> dict[str, bool | None]:
    if not isinstance(settings, dict):
        raise DataError(f"{path}: must be an object")
    chosen = {key: settings.get(key, usual) for key, usual in USUAL.items()}
    for key, value in chosen.items():
        if not isinstance(value, bool) and value is not USUAL[key]:
            raise DataError(f"{path}: {key} is {value!r}, neither true nor false")
    return chosen
