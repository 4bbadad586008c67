"""How does text become token ids and back? By the tokenizer of a Hugging Face folder."""

import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from quals.jsonl import read_json, write_json, write_whole
from quals.models.wordpiece import SETTINGS, VOCABULARY, load_wordpiece

PAD, END, UNKNOWN, SEPARATOR = "<pad>", "</s>", "<unk>", "<sep>"

OUR_CONFIG = {  # what `transformers` must know of a tokenizer that was trained here
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": PAD,
    "eos_token": END,
    "unk_token": UNKNOWN,
}
BERT_CONFIG = {"tokenizer_class": "BertTokenizer"}  # what a `vocab.txt` alone means to it


class TextTokenizer:
    """Plain encoding and decoding: no special token is ever added or interpreted on its own."""

    def __init__(self, tokenizer: Tokenizer, config: dict[str, object] | None = None):
        self.backend = tokenizer
        self.config = config
        self.backend.no_padding()
        self.backend.no_truncation()

    @classmethod
    def load(cls, folder: Path | str) -> "TextTokenizer":
        """Read a model folder's `tokenizer.json` or, without one, a BERT's `vocab.txt`.

        `FileNotFoundError` names what is missing.
        """
        folder = Path(folder)
        path, settings = folder / "tokenizer.json", folder / SETTINGS
        config = read_json(settings) if settings.is_file() else None
        if path.is_file():
            return cls(Tokenizer.from_file(str(path)), config)
        if not (folder / VOCABULARY).is_file():
            raise FileNotFoundError(f"{path}: no such tokenizer file, nor a BERT's {VOCABULARY}")
        backend = load_wordpiece(folder, {} if config is None else config)
        return cls(backend, config or BERT_CONFIG)

    def id_of(self, token: str) -> int:
        found = self.backend.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no token '{token}'")
        return found

    def encode(self, texts: list[str], limit: int | None = None) -> list[list[int]]:
        """Token ids of each text without special tokens, the first `limit` of them."""
        distinct = list(dict.fromkeys(texts))  # documents and answers often recur
        found = self.backend.encode_batch(distinct, add_special_tokens=False)
        ids = {text: encoding.ids for text, encoding in zip(distinct, found, strict=True)}
        return [ids[text][:limit] for text in texts]

    def decode(self, ids: list[list[int]]) -> list[str]:
        return [text.strip() for text in self.backend.decode_batch(ids, skip_special_tokens=True)]

    def pieces(self, ids: list[int]) -> list[str]:
        """The text that each token adds, special tokens by name; together they are the whole text.

        A token that ends within a character adds nothing; the one that completes it adds it all.
        """
        found, known = [], ""
        for at in range(1, len(ids) + 1):
            text = self.backend.decode(ids[:at], skip_special_tokens=False)
            whole = text if at == len(ids) else text.rstrip("\ufffd")
            found.append(whole[len(known) :] if whole.startswith(known) else "")
            known = whole if whole.startswith(known) else known
        return found

    def save(self, folder: Path) -> None:
        """Write the files from which `transformers` loads the same tokenizer."""
        write_whole(folder / "tokenizer.json", lambda path: self.backend.save(str(path)))
        write_json(folder / SETTINGS, self.config or OUR_CONFIG)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> TextTokenizer:
    """The `vocab_size` most frequent words as one token each; other words are spelled out.

    Every word starts with a marker and punctuation stands alone. The marker comes before the first
    word too, so that an answer has the same tokens wherever it stands: what a model must copy
    always looks the same. (Merges of a BPE would fill half of so small a vocabulary with parts of
    words, and the output layer is what costs most at this size.)
    """
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation()]
    )
    # Spaces part words whatever else does, and few of what they part is new.
    parts = Counter(part for text in texts for part in text.split(" "))
    counts: Counter[str] = Counter()
    for part, times in parts.items():
        for word, _ in splitter.pre_tokenize_str(part):
            counts[word] += times
    letters = sorted({letter for word in counts for letter in word} | set(string.printable.strip()))
    specials = [PAD, END, UNKNOWN, SEPARATOR]
    vocabulary = [*specials, *letters, *("##" + letter for letter in letters)]
    known = set(vocabulary)
    words = sorted(counts.keys() - known, key=lambda word: (-counts[word], word))
    vocabulary += words[: max(0, vocab_size - len(vocabulary))]
    model = models.WordPiece({token: at for at, token in enumerate(vocabulary)}, unk_token=UNKNOWN)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("##", ""), decoders.Metaspace(prepend_scheme="always")]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in specials])
    return TextTokenizer(tokenizer)


def pad(
    rows: list[list[int]], value: int, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Rows as one tensor [B, S], padded on the right, and the mask of what is not padding.

    They are filled row by row on the CPU and moved to `device` at once.
    """
    cpu = torch.device("cpu")
    width = max((len(row) for row in rows), default=0)
    ids = torch.full((len(rows), max(width, 1)), value, device=cpu)
    mask = torch.zeros(ids.shape, dtype=torch.bool, device=cpu)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row, dtype=torch.long, device=cpu)
        mask[at, : len(row)] = True
    return ids.to(device or cpu), mask.to(device or cpu)


def load_special_ids(folder: Path | str) -> dict[str, int]:
    """The `*_token_id` entries of a model folder's `config.json`."""
    config = read_json(Path(folder) / "config.json")
    return {key: value for key, value in config.items() if key.endswith("_token_id")}
