"""Laws of a BERT that has `vocab.txt` alone: it reads as `transformers` reads it, or says why not.

The vocabularies and texts are invented.
"""

import json
from itertools import pairwise

import pytest
import torch
import transformers
from encoders import TEXTS, save_bert, vocabulary_alone
from hypothesis import given
from hypothesis import strategies as st

from quals.errors import InputError
from quals.models import encoder
from quals.models.encoder import SPAN
from quals.models.tokenizer import TextTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = list("abdehilmnorstuABEHIMZ0123456789")
WORDS = ["mill", "Mill", "Kelby", "kelby", "zoe", "zoë", "Zoë", "MÜLL", "##er", "雪", "山山"]
SIGNS = list(".,?!'-$£()[]")
ENTRIES = [*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), *WORDS, *SIGNS]
SAID = [
    "The Mill in Kelby, sold.",
    "Zoë MÜLLER's zoe\u0308  mill?\tno\nmill",
    "雪山山 in Kelby山",
    "[CLS] a mill [SEP][MASK] [sep] [UNK]",
    "£25 (never) qqq — \u200b\u0000mill \ufffd " + "mill" * 40,
    "",
]
CHOICES = [
    None,
    {},
    {"do_lower_case": True},
    {"do_lower_case": False},
    {"do_lower_case": True, "strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False, "strip_accents": None},
    {"do_lower_case": False, "tokenize_chinese_chars": True, "model_max_length": 512},
]


def write_folder(folder, settings, lines=ENTRIES, end="\n"):
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_bytes("".join(line + end for line in lines).encode())
    if settings is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def both(folder):
    """Ours and that of `transformers`."""
    return TextTokenizer.load(folder), transformers.BertTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module", params=CHOICES, ids=str)
def pair(request, tmp_path_factory):
    return both(write_folder(tmp_path_factory.mktemp("folder"), request.param))


def test_ids_and_texts_are_those_of_transformers(pair):
    ours, theirs = pair
    for text, ids in zip(SAID, ours.encode(SAID), strict=True):
        assert ids == theirs(text, add_special_tokens=False)["input_ids"], text
        assert ours.decode([ids]) == [theirs.decode(ids, skip_special_tokens=True).strip()]
        assert ours.backend.encode(text, "mill").ids == theirs(text, "mill")["input_ids"]


@given(st.text(st.sampled_from("aAeEëËüÜ\u0308mMilLzZoO雪山ß .,'[]-\t\u200bqK"), max_size=30))
def test_any_text_has_the_ids_of_transformers(pair, text):
    ours, theirs = pair
    assert ours.encode([text])[0] == theirs(text, add_special_tokens=False)["input_ids"]


def test_case_accents_and_chinese_are_as_the_settings_say(tmp_path):
    def pieces(text, **settings):
        backend = TextTokenizer.load(write_folder(tmp_path, settings)).backend
        return backend.encode(text, add_special_tokens=False).tokens

    assert pieces("Mill Zoë 山山 qq") == ["mill", "zoe", "[UNK]", "[UNK]", "[UNK]"]
    assert pieces("Mill Zoë", do_lower_case=False) == ["Mill", "Zoë"]
    assert pieces("Zoë", strip_accents=False) == ["zoë"]
    assert pieces("山山", tokenize_chinese_chars=False) == ["山山"]


def test_lines_may_end_as_on_windows_and_the_last_may_not_end(tmp_path):
    plain = TextTokenizer.load(write_folder(tmp_path, None)).backend.get_vocab()
    assert plain == {entry: at for at, entry in enumerate(ENTRIES)}
    folder = write_folder(tmp_path, None, end="\r\n")
    assert TextTokenizer.load(folder).backend.get_vocab() == plain
    (folder / "vocab.txt").write_text("\n".join(ENTRIES))
    assert TextTokenizer.load(folder).backend.get_vocab() == plain


def test_a_special_token_that_the_file_lacks_gets_no_id(tmp_path):
    entries = [entry for entry in ENTRIES if entry not in ("[PAD]", "[MASK]")]
    backend = TextTokenizer.load(write_folder(tmp_path, None, entries)).backend
    assert backend.get_vocab_size() == len(entries)
    assert backend.token_to_id("[MASK]") is None


@pytest.mark.parametrize("settings", CHOICES[:4], ids=str)
def test_what_is_saved_has_a_tokenizer_file_that_reads_alike(tmp_path, settings):
    first = TextTokenizer.load(write_folder(tmp_path / "first", settings))
    config = {"model_type": "bert"}
    (tmp_path / "second").mkdir()
    (tmp_path / "second/config.json").write_text(json.dumps(config))
    first.save(tmp_path / "second")
    assert not (tmp_path / "second/vocab.txt").exists()
    again = TextTokenizer.load(tmp_path / "second")
    assert again.backend.to_str() == first.backend.to_str()
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "second")
    assert (theirs.pad_token, len(theirs)) == ("[PAD]", len(ENTRIES))
    for text, ids in zip(SAID, first.encode(SAID), strict=True):
        assert again.encode([text]) == [ids]
        assert theirs(text, add_special_tokens=False)["input_ids"] == ids, text


def test_a_tokenizer_file_goes_before_the_vocabulary(tmp_path):
    folder = save_bert(tmp_path / "bert")
    (folder / "vocab.txt").write_text("no vocabulary")
    assert TextTokenizer.load(folder).encode(["mill"])[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[UNK]\n[CLS]\n[SEP]\n\xff\n", r"vocab\.txt:4: not UTF-8"),
        (b"[UNK]\n[CLS]\n[SEP]\nmill\nsold\nmill\n", r"vocab\.txt:6: 'mill' is on line 4 too"),
        (b"[UNK]\n[CLS]\n[SEP]\n\n\n", r"vocab\.txt:5: '' is on line 4 too"),
        (b"[PAD]\n[CLS]\nmill\n", r"vocab\.txt: no \[UNK\], \[SEP\]; it is no vocabulary"),
        (b"", r"vocab\.txt: no \[UNK\], \[CLS\], \[SEP\]"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, content, message):
    folder = vocabulary_alone(save_bert(tmp_path / "bert", SPAN.architecture))
    (folder / "vocab.txt").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        encoder.load(SPAN, folder, longest=32)
    assert "tokenizer.json" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([], "tokenizer_config.json: must be an object"),
        ({"do_lower_case": "no"}, "do_lower_case is 'no', neither true nor false"),
        ({"do_lower_case": None}, "do_lower_case is None, neither true nor false"),
        ({"strip_accents": 0}, "strip_accents is 0, neither true nor false"),
    ],
)
def test_settings_that_say_nothing_clear_are_named(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        TextTokenizer.load(write_folder(tmp_path, settings))


def test_an_encoder_judges_alike_from_either_file(tmp_path):
    with_file = save_bert(tmp_path / "one", SPAN.architecture, seed=3)
    alone = vocabulary_alone(save_bert(tmp_path / "two", SPAN.architecture, seed=3))
    found = []
    for folder in (with_file, alone):
        model = encoder.load(SPAN, folder, longest=64)
        ids = model.tokenizer.encode(list(TEXTS))
        with torch.inference_mode():
            output = model.model(**model.batch(list(pairwise(ids))))
        found.append((ids, output.start_logits, output.end_logits))
    (ids, *logits), (other_ids, *other_logits) = found
    assert ids == other_ids
    for one, other in zip(logits, other_logits, strict=True):
        assert torch.equal(one, other)
