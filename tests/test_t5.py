"""Our T5 is T5: network, files and token ids of `transformers`, and no trace of company."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from quals.decoding.scoring import score_targets, shift_right
from quals.jsonl import DataError, write_json
from quals.models import checkpoint, heads
from quals.models.checkpoint import CheckpointError
from quals.models.tokenizer import END, PAD, SEPARATOR, UNKNOWN, TextTokenizer, pad

TEXTS = [[5, 9, 4], [7], [6, 4, 8, 10, 11, 5, 9, 4, 7, 6, 8, 10, 5, 11, 9, 6, 4, 4, 5, 8], []]
TARGETS = [[[5, 6, 1], [3, 1]], [[7, 7, 7, 7, 8, 9, 1], [4, 1]], [[1], [10, 1]], [[5, 1], [6]]]

lists = st.lists(st.integers(2, 11), max_size=12)


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(12)


@pytest.fixture
def folder(make_model, tokenizer, tmp_path):
    model = make_model(tokenizer.backend.get_vocab_size())
    checkpoint.save(model, tokenizer, tmp_path / "model", separator_token_id=3)
    return tmp_path / "model"


def teacher_forced(model, memory, targets):
    ids, _ = pad(targets, 0)
    with torch.inference_mode():
        hidden = model.decode(shift_right(ids, 0)[:, None], memory)
        return model.logits(hidden)[:, 0]


def test_logits_equal_those_of_transformers(folder, tokenizer, sentences):
    from transformers import T5ForConditionalGeneration

    theirs = T5ForConditionalGeneration.from_pretrained(folder).eval()
    ours = checkpoint.load(folder).model
    ids, mask = pad(tokenizer.encode(sentences), 0)
    targets = tokenizer.encode(sentences[::-1])
    labels, _ = pad(targets, 0)
    with torch.inference_mode():
        # They shift the labels themselves.
        expected = theirs(input_ids=ids, attention_mask=mask.long(), labels=labels).logits
        found = teacher_forced(ours, ours.read(ids, mask), targets)
    assert ids.shape[1] > 2 * mask.sum(1).min()  # there is padding
    assert expected.std() > 0.5
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_transformers_reads_the_same_token_ids(folder, tokenizer, sentences):
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    texts = [*sentences, "", "unseen Words!", "3-1", "£2.5 million", " Ada  Holt ", SEPARATOR]
    expected = tokenizer.encode(texts)
    for theirs in (AutoTokenizer, PreTrainedTokenizerFast):
        loaded = theirs.from_pretrained(folder)
        assert loaded(texts, add_special_tokens=False)["input_ids"] == expected
        assert (loaded.pad_token_id, loaded.eos_token_id) == (0, 1)
        assert loaded.unk_token_id == tokenizer.id_of(UNKNOWN)
        # Nothing is added either: the projects' texts have no end token.
        assert loaded(texts)["input_ids"] == expected


def test_words_have_the_same_tokens_wherever_they_stand(tokenizer):
    first, later = tokenizer.encode(["Ada beat", "Who beat Ada"])
    assert first[0] == later[-1]
    assert tokenizer.encode(["Ada Holt"], limit=1) == [first[:1]]


def test_decoding_undoes_encoding(tokenizer, sentences):
    texts = [*sentences, "unseen Words!", "3-1", "£2.5 million", ""]
    assert tokenizer.decode(tokenizer.encode(texts)) == texts


def test_special_tokens_leave_no_text(tokenizer):
    ids = [tokenizer.id_of(token) for token in (PAD, END, SEPARATOR)]
    assert tokenizer.decode([[*ids, *tokenizer.encode(["Ada"])[0], *ids]]) == ["Ada"]
    with pytest.raises(ValueError, match="no token '<mask>'"):
        tokenizer.id_of("<mask>")


def test_a_saved_folder_loads_as_it_was(folder, make_model, tokenizer, sentences):
    loaded = checkpoint.load(folder)
    expected = make_model(tokenizer.backend.get_vocab_size()).state_dict()
    found = loaded.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not loaded.model.training
    assert loaded.tokenizer.encode(sentences) == tokenizer.encode(sentences)
    assert sum(map(torch.numel, expected.values())) == checkpoint.parameters(loaded.model)


@pytest.fixture(scope="module")
def precise(make_model):
    """In double precision, where only real differences are left."""
    return make_model(12).double()


@given(lists, st.lists(lists, min_size=1, max_size=3))
def test_steps_with_the_cache_equal_one_full_pass(precise, read, source, rows):
    memory = read(precise, [source])
    ids, _ = pad([[0, *row] for row in rows], 0)
    cache = precise.new_cache(1, len(rows), ids.shape[1] + 30)
    with torch.inference_mode():
        whole = precise.decode(ids[None], memory)
        steps = [
            precise.decode(ids[None, :, at, None], memory, cache) for at in range(ids.shape[1])
        ]
    torch.testing.assert_close(torch.cat(steps, 2), whole, atol=1e-8, rtol=0)
    assert cache.length == ids.shape[1]


def test_a_cache_follows_its_rows_and_texts(model, read):
    memory = read(model, TEXTS[:2])
    cache = model.new_cache(2, 2, 3)
    with torch.inference_mode():
        model.decode(torch.tensor([[[5], [6]], [[7], [8]]]), memory, cache)
        cache.reorder(torch.tensor([[1, 1], [1, 0]]))
        kept = torch.tensor([1])
        turned = model.decode(torch.tensor([[[9], [10]]]), memory.select(kept), cache.select(kept))
        direct = model.decode(torch.tensor([[[8, 9], [7, 10]]]), read(model, TEXTS[1:2]))
    torch.testing.assert_close(turned[0, :, 0], direct[0, :, 1], atol=1e-4, rtol=0)


def test_several_rows_for_a_text_equal_separate_calls(model, read):
    together = score_targets(model, read(model, TEXTS), TARGETS)
    for text, targets, found in zip(TEXTS, TARGETS, together, strict=True):
        for target, logprobs in zip(targets, found, strict=True):
            alone = score_targets(model, read(model, [text]), [[target]])[0][0]
            assert logprobs == pytest.approx(alone, abs=1e-4)
            assert len(logprobs) == len(target)


@given(lists, st.lists(lists, max_size=3), lists)
def test_company_does_not_change_a_text(model, read, source, others, target):
    target = [*target, 1]
    alone = score_targets(model, read(model, [source]), [[target]])[0][0]
    memory = read(model, [source, *others])
    among = score_targets(model, memory, [[target], *([[*row, 1]] for row in others)])[0][0]
    assert among == pytest.approx(alone, abs=1e-4)


def test_every_text_has_likelihoods_of_its_own(model, read):
    target = [*range(2, 12), 1]
    found = torch.tensor(score_targets(model, read(model, TEXTS), [[target]] * 4))[:, 0]
    assert all((found[a] - found[b]).abs().max() > 0.1 for a in range(4) for b in range(a))


def test_scores_are_proper_log_probabilities(model, read):
    memory = read(model, [[5, 6]] * 12)
    found = score_targets(model, memory, [[[7, token]] for token in range(12)])
    total = sum(torch.tensor(group[0][1]).exp() for group in found)
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_texts_may_have_different_numbers_of_targets(model, read):
    found = score_targets(model, read(model, TEXTS[:3]), [[], [[5, 1]], [[6, 1], [7, 8, 1]]])
    assert [[len(row) for row in group] for group in found] == [[], [2], [2, 3]]
    assert score_targets(model, read(model, TEXTS[:2]), [[], []]) == [[], []]


@pytest.mark.parametrize("kind", [heads.SpanPointer, heads.ClaimClassifier])
def test_a_head_sits_on_the_body_of_a_saved_model(folder, tokenizer, tmp_path, kind):
    model, _ = heads.load(kind, folder)
    body = checkpoint.load(folder).model.state_dict()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in body.items())
    checkpoint.save(model, tokenizer, tmp_path / "headed")
    again, _ = heads.load(kind, tmp_path / "headed")
    assert all(torch.equal(again.state_dict()[k], v) for k, v in model.state_dict().items())
    with pytest.raises(CheckpointError, match=r"model\.safetensors: .*surplus \['"):
        checkpoint.load(tmp_path / "headed")


def change_weights(folder, change):
    state = load_file(folder / checkpoint.WEIGHTS)
    change(state)
    save_file(state, folder / checkpoint.WEIGHTS)


def change_config(folder, **changed):
    config = json.loads((folder / "config.json").read_text())
    config = {key: value for key, value in {**config, **changed}.items() if value != "gone"}
    write_json(folder / "config.json", config)


def pickle_only(folder):
    torch.save({}, folder / "pytorch_model.bin")
    (folder / checkpoint.WEIGHTS).unlink()


def truncate(folder):
    path = folder / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


NORM = "decoder.final_layer_norm.weight"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "config.json").unlink(), r"config\.json: no such file"),
        (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors: no such weight file"),
        (pickle_only, r"model\.safetensors: .*pytorch_model\.bin is pickled"),
        (truncate, r"model\.safetensors: not a safetensors file"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), r"model\.safetensors: not a safe"),
        (lambda f: change_weights(f, lambda s: s.pop(NORM)), rf"safetensors: missing \['{NORM}'"),
        (
            lambda f: change_weights(f, lambda s: s.update(extra=torch.ones(2))),
            r"model\.safetensors: .*surplus \['extra'\]",
        ),
        (
            lambda f: change_weights(f, lambda s: s.update({NORM: torch.ones(3)})),
            rf"model\.safetensors: .*\n.*{NORM}",
        ),
        (
            lambda f: change_config(f, model_type="gpt2"),
            r"config\.json: model_type is 'gpt2', not one",
        ),
        (
            lambda f: change_config(f, feed_forward_proj="gated-gelu"),
            r"config\.json: feed_forward_proj is 'gated-gelu', only 'relu'",
        ),
        (lambda f: change_config(f, tie_word_embeddings=False), r"config\.json: tie_word_emb"),
        (lambda f: change_config(f, d_model="gone"), r"config\.json: .*\n?d_model"),
        (lambda f: change_config(f, num_heads="two"), r"config\.json: .*\n?num_heads"),
        (lambda f: write_json(f / "config.json", []), r"config\.json: "),
    ],
)
def test_an_unusable_folder_is_refused_by_file(folder, harm, message):
    harm(folder)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(folder)


def test_a_broken_config_or_missing_tokenizer_is_named(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        TextTokenizer.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json"):
        checkpoint.load(folder)
    with pytest.raises(CheckpointError, match=r"is '.*nowhere' a model folder"):
        checkpoint.load(tmp_path / "nowhere")


def test_a_file_written_by_transformers_loads(folder, tmp_path, sentences, tokenizer):
    from transformers import T5ForConditionalGeneration

    T5ForConditionalGeneration.from_pretrained(folder).save_pretrained(tmp_path / "theirs")
    tokenizer.save(tmp_path / "theirs")
    config = tmp_path / "theirs" / "config.json"
    assert json.loads(config.read_text())["tie_word_embeddings"] is True
    theirs, ours = checkpoint.load(tmp_path / "theirs").model, checkpoint.load(folder).model
    for name, tensor in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], tensor)
