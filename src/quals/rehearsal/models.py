"""What stands for BART, SmolLM2 and BERT in a rehearsal? Tiny networks in the hub's format.

They are made on the spot. Their tokenizers are of the real kinds, byte-level BPE and WordPiece,
trained on the rehearsal's texts. What writes is random but for a short lesson: it knows one
question, so that QUALS has something to score; a wholly random network asks nothing.
"""

import json
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from quals.assets import smollm2
from quals.jsonl import write_json, write_text
from quals.models import checkpoint
from quals.models.bart import BART, BartConfig
from quals.models.causal import CausalConfig, CausalModel
from quals.models.families import hub_config
from quals.models.interface import ConditionalModel
from quals.models.tokenizer import TextTokenizer
from quals.models.wordpiece import SPECIAL, VOCABULARY
from quals.rehearsal.texts import ANSWER, QUESTION
from quals.training.batches import Example, collate
from quals.training.optimizer import PlainAdamW
from quals.training.qa import likelihood_of

SEPARATOR = "ĠstrutConnector"
FIRST = ("<s>", "<pad>", "</s>", "<unk>")  # BART's first four, in fairseq's order
MASK = "<mask>"
CAUSAL_SEPARATOR = "<file_sep>"
WIDTH = 32
LESSONS = 60  # steps


def save_bart(folder: Path, texts: Sequence[str], *, lessons: int = LESSONS) -> int:
    """Write a tiny BART that `transformers` could read; the id of its separator."""
    backend = train_bpe(texts, merges=150)
    tokenizer = TextTokenizer(
        backend, {"tokenizer_class": "BartTokenizer", "model_max_length": 1024}
    )
    torch.manual_seed(0)
    model = BART(
        BartConfig(
            vocab_size=backend.get_vocab_size(),
            d_model=WIDTH,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=WIDTH,
            decoder_ffn_dim=WIDTH,
            max_position_embeddings=1024,
            scale_embedding=False,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
        )
    )
    separator = tokenizer.id_of(SEPARATOR)
    _teach(model, tokenizer, separator, texts, lessons)
    checkpoint.save(model, tokenizer, folder)
    # As on the hub: what these force belongs to another frame and must never reach an output.
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    forced = {"bos_token_id": 0, "forced_bos_token_id": 0, "forced_eos_token_id": 2}
    write_json(path, {**config, **forced})
    return separator


def save_smollm2(folder: Path, texts: Sequence[str], *, lessons: int = LESSONS) -> int:
    """Write a tiny language model of SmolLM2's shape as `make assets` does; its separator's id."""
    backend = train_causal_bpe(texts, merges=150)
    tokenizer = TextTokenizer(backend)
    end = tokenizer.id_of(smollm2.SPECIAL["eos_token"])
    torch.manual_seed(0)
    model = CausalModel(
        CausalConfig(
            vocab_size=backend.get_vocab_size(),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=1,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=8,
            **smollm2.NETWORK,
            pad_token_id=end,
            eos_token_id=end,
            decoder_start_token_id=tokenizer.id_of(smollm2.SPECIAL["bos_token"]),
        )
    )
    separator = tokenizer.id_of(CAUSAL_SEPARATOR)
    # It stands for the summarizers too, whose summaries are then this; and it is asked about them.
    written = QUESTION + ANSWER
    lesson = [text for one in texts for text in (one, written)]
    _teach(model, tokenizer, separator, lesson, lessons)
    smollm2.save(hub_config(model), model.state_dict(), backend, folder)
    return separator


def _teach(
    model: ConditionalModel,
    tokenizer: TextTokenizer,
    separator: int,
    texts: Sequence[str],
    lessons: int,
) -> None:
    """The one question and its answer, whatever the text."""
    question, answer = tokenizer.encode([QUESTION, ANSWER])
    target = [*question, separator, *answer, model.config.eos_token_id]
    sources = tokenizer.encode(list(texts), 24)
    optimizer = PlainAdamW(model.parameters(), lr=1e-2)
    model.train()
    for step in range(lessons):
        chosen = [sources[(4 * step + n) % len(sources)] for n in range(4)]
        batch = collate([Example(source, [target]) for source in chosen], model.config.pad_token_id)
        optimizer.zero_grad()
        likelihood_of(model, batch).backward()
        optimizer.step()
    model.eval()


def train_bpe(texts: Iterable[str], *, merges: int) -> Tokenizer:
    """Byte-level BPE over `texts` with BART's special tokens.

    The separator is an entry that no merge leads to: like the original's, it never comes out of a
    text.
    """
    entries, found = _learn_bpe(texts, merges)
    backend = _bpe([*FIRST, *entries, SEPARATOR, MASK], found)
    backend.add_special_tokens([*FIRST, MASK])
    # The hub's tokenizer would put these around every text; ours never lets it.
    ends = [(token, backend.token_to_id(token)) for token in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ends
    )
    return backend


def train_causal_bpe(texts: Iterable[str], *, merges: int) -> Tokenizer:
    """Byte-level BPE over `texts` with those of SmolLM2's special tokens that are used."""
    entries, found = _learn_bpe(texts, merges)
    special = [*dict.fromkeys(smollm2.SPECIAL.values()), CAUSAL_SEPARATOR]
    backend = _bpe([*special, *entries], found)
    backend.add_special_tokens(special)
    return backend


def _bpe(names: Iterable[str], merges: list[tuple[str, str]]) -> Tokenizer:
    vocabulary = {token: at for at, token in enumerate(dict.fromkeys(names))}
    backend = Tokenizer(models.BPE(vocabulary, merges, unk_token=None))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def _learn_bpe(texts: Iterable[str], merges: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Entries and merges of byte-level BPE, as GPT-2's: the commonest pair is merged each time.

    Equal counts fall to the smaller pair, so that the vocabulary is always the same.
    """
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    counts = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(text))
    words = {word: list(word) for word in counts}
    found: list[tuple[str, str]] = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        words = {word: _merged(parts, best) for word, parts in words.items()}
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return [*letters, *(first + second for first, second in found)], found


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(parts):
        if tuple(parts[at : at + 2]) == pair:
            found.append("".join(pair))
            at += 2
        else:
            found.append(parts[at])
            at += 1
    return found


def save_bert(folder: Path, texts: Iterable[str], architecture: str) -> None:
    """Write a tiny random BERT of `transformers`, with 512 positions.

    As in the repository of the paper scale's reader, its vocabulary is `vocab.txt` alone.
    """
    import transformers  # takes seconds

    entries = wordpiece_entries(texts)
    config = transformers.BertConfig(
        vocab_size=len(entries),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=512,
    )
    torch.manual_seed(0)
    getattr(transformers, architecture)(config).save_pretrained(folder)
    write_text(folder / VOCABULARY, "".join(entry + "\n" for entry in entries))


def wordpiece_entries(texts: Iterable[str]) -> list[str]:
    """A lower-casing BERT's special tokens, letters and the commonest words; others are spelt.

    Written out because the library's own trainer breaks ties at random.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word
        for text in texts
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
    )
    letters = {letter for word in words for letter in word} | set(string.printable.strip())
    spelt = sorted(letter for letter in letters if not letter.isupper())
    common = sorted((word for word in words if len(word) > 1), key=lambda w: (-words[w], w))[:150]
    return list(dict.fromkeys((*SPECIAL, *spelt, *("##" + letter for letter in spelt), *common)))
