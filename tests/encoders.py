"""Tiny random BERTs in the hub's format, with a WordPiece tokenizer trained on the spot."""

import string
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from quals.jsonl import write_json

TEXTS = (
    "Ada Holt beat Ivan Rossi 3-1, in  Marlow on Monday.",
    "Who beat Ivan Rossi? Where was the mill sold, and for how much?",
    "The mill in Kelby was sold for £25 million. It had stood empty since 1998.",
    "A crowd of 2,500 watched, and nobody was hurt. Zoë Müller was not there.",
    "Who built the mill of Kelby? Who burnt the mill of Marlow?",
    "He has sold the house in Thornby and she will keep the garden. They were glad.",
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
NAMED = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def train_wordpiece(texts=TEXTS) -> Tokenizer:
    """BERT's tokenizer over letters and the shorter words; others are spelt.

    The library's own trainer breaks ties at random. It cuts and pads, as the real folder's does,
    unless it is told not to.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    parts = [p for t in texts for p, _ in splitter.pre_tokenize_str(normalizer.normalize_str(t))]
    letters = sorted({letter for part in parts for letter in part} | set(string.printable.strip()))
    letters = [letter for letter in letters if not letter.isupper()]
    words = sorted({part for part in parts if part.isalpha() and 1 < len(part) < 7})
    vocabulary = [*SPECIAL, *letters, *("##" + letter for letter in letters), *words]
    backend = Tokenizer(
        models.WordPiece({token: at for at, token in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    backend.normalizer, backend.pre_tokenizer = normalizer, splitter
    ends = [("[CLS]", SPECIAL.index("[CLS]")), ("[SEP]", SPECIAL.index("[SEP]"))]
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    backend.enable_truncation(8)
    backend.enable_padding(length=8, pad_id=0, pad_token="[PAD]")
    return backend


def save_bert(
    folder: Path, architecture: str = "BertModel", *, seed: int = 0, positions: int = 64, **changed
) -> Path:
    """Two random layers, large enough that what they say depends on all that they read."""
    backend = train_wordpiece()
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "initializer_range": 0.5,
        "max_position_embeddings": positions,
    }
    config = transformers.BertConfig(vocab_size=backend.get_vocab_size(), **{**sizes, **changed})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, architecture)(config)
    model.save_pretrained(folder)
    backend.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **NAMED}
    )
    return folder


def vocabulary_alone(folder: Path) -> Path:
    """The same folder with `vocab.txt` in place of the tokenizer's files, as older ones are."""
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    entries = sorted(ids, key=ids.__getitem__)
    (folder / "vocab.txt").write_text("".join(entry + "\n" for entry in entries), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    return folder
