"""Tokenizers of hub folders: byte-level ones, whose pieces end anywhere, and their own settings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from quals.models.tokenizer import TextTokenizer


@pytest.fixture(scope="module")
def byte_level(sentences):
    """A BPE over bytes, as BART's and SmolLM2's."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = ["<s>", "<pad>", "</s>", "<sep>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(sentences, trainer)
    return TextTokenizer(backend)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


@given(TEXTS, TEXTS)
def test_pieces_join_to_the_whole_text(byte_level, question, answer):
    halves = byte_level.encode([question, answer])
    ids = [*halves[0], byte_level.id_of("<sep>"), *halves[1], byte_level.id_of("</s>")]
    pieces = byte_level.pieces(ids)
    assert len(pieces) == len(ids)
    assert "".join(pieces) == f"{question}<sep>{answer}</s>"
    assert pieces[len(halves[0])].endswith("<sep>")


def test_a_character_of_several_tokens_belongs_to_the_last(byte_level):
    (ids,) = byte_level.encode(["\u96ea"])
    assert len(ids) > 1
    assert byte_level.pieces(ids) == [*[""] * (len(ids) - 1), "\u96ea"]


def test_pieces_of_our_tokenizer_join_too(tokenizer, sentences):
    for text, ids in zip(sentences, tokenizer.encode(sentences), strict=True):
        assert "".join(tokenizer.pieces(ids)) == text
    assert tokenizer.pieces([]) == []


def test_an_answer_has_no_leading_space(byte_level):
    question, answer = byte_level.encode(["Who beat Ivan?", "Ada Holt"])
    assert byte_level.decode([answer]) == ["Ada Holt"]
    separator = byte_level.id_of("<sep>")
    assert byte_level.backend.decode([*question, separator, *answer], False).endswith(
        "<sep>Ada Holt"
    )


def test_a_saved_tokenizer_keeps_the_settings_it_came_with(byte_level, tmp_path):
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"}
    byte_level.backend.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    TextTokenizer.load(tmp_path).save(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "tokenizer_config.json").read_text()) == settings
    again = TextTokenizer.load(tmp_path / "again")
    assert again.encode(["Ada Holt"]) == byte_level.encode(["Ada Holt"])
