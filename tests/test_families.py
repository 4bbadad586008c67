"""BART and the Llama family are those of `transformers`: logits, files, and no trace of company."""

import json
import subprocess
import sys
from random import Random

import pytest
import torch
from safetensors.torch import load_file, save_file

from quals.decoding.scoring import score_targets
from quals.models import causal, checkpoint, heads, interface
from quals.models.bart import BART, BartConfig
from quals.models.causal import vocabulary_scores
from quals.models.checkpoint import CheckpointError
from quals.models.tokenizer import pad

VOCABULARY = 40
IDS = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "decoder_start_token_id": 2}
DECODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "intermediate_size": 36,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    **IDS,
}
ENCODER_DECODER = {
    "vocab_size": VOCABULARY,
    "d_model": 24,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 36,
    "decoder_ffn_dim": 28,
    "max_position_embeddings": 32,
    **IDS,
    "decoder_start_token_id": 1,
}
SHAPES = {
    "bart": ("Bart", "ConditionalGeneration", ENCODER_DECODER),
    "bart scaled": ("Bart", "ConditionalGeneration", ENCODER_DECODER | {"scale_embedding": True}),
    "llama": ("Llama", "CausalLM", DECODER | {"rope_theta": 500.0}),
    "llama tied": ("Llama", "CausalLM", DECODER | {"tie_word_embeddings": True}),
    "llama biased": ("Llama", "CausalLM", DECODER | {"attention_bias": True, "mlp_bias": True}),
    "llama wide": ("Llama", "CausalLM", DECODER | {"head_dim": 10, "num_key_value_heads": 4}),
    "qwen2": ("Qwen2", "CausalLM", DECODER | {"tie_word_embeddings": True}),
    "qwen2 untied": ("Qwen2", "CausalLM", DECODER | {"num_key_value_heads": 1}),
    "qwen3": ("Qwen3", "CausalLM", DECODER | {"head_dim": 8}),
    "qwen3 biased": ("Qwen3", "CausalLM", DECODER | {"head_dim": 16, "attention_bias": True}),
}
TEXTS = [[5, 9, 4, 30, 31], [7], [*range(10, 30)], [], [6, 6, 6]]
TARGETS = [[[5, 6, 1], [3, 1]], [[7, 7, 8, 9, 1]], [[1], [20, 21, 22, 1]], [[5, 1]], [[6, 6, 1]]]


def make_theirs(name, seed=0):
    """A model of `transformers` whose every parameter matters: larger than fresh weights."""
    import transformers

    family, head, values = SHAPES[name]
    config = getattr(transformers, f"{family}Config")(**values)
    torch.manual_seed(seed)
    model = getattr(transformers, f"{family}For{head}")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
        if family == "Bart":
            model.final_logits_bias.normal_()
    return model


@pytest.fixture(scope="module", params=SHAPES)
def theirs(request):
    return make_theirs(request.param)


@pytest.fixture(scope="module")
def folder(theirs, tokenizer, tmp_path_factory):
    """The folder that `transformers` writes."""
    folder = tmp_path_factory.mktemp("hub")
    theirs.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **kept_ids(theirs)}))
    tokenizer.save(folder)
    return folder


def kept_ids(model):
    start = 1 if model.config.model_type == "bart" else 2
    return {"decoder_start_token_id": start}


@pytest.fixture(scope="module")
def ours(folder):
    return checkpoint.load(folder).model


def their_logprobs(model, text, target):
    """Log p of each target token: one text, one target, no cache."""
    with torch.inference_mode():
        if model.config.model_type == "bart":
            # The end token frames a text, and is what the decoder starts from.
            logits = model(
                input_ids=torch.tensor([[*text, 1]]),
                decoder_input_ids=torch.tensor([[1, *target[:-1]]]),
            ).logits[0]
        else:
            ids = torch.tensor([[*text, 2, *target[:-1]]])
            logits = model(input_ids=ids).logits[0, len(text) :]
    return logits.float().log_softmax(-1)[range(len(target)), target].tolist()


def test_likelihoods_equal_those_of_transformers(theirs, ours, read):
    found = score_targets(ours, read(ours, TEXTS), TARGETS)
    values = []
    for text, targets, rows in zip(TEXTS, TARGETS, found, strict=True):
        for target, row in zip(targets, rows, strict=True):
            expected = their_logprobs(theirs, text, target)
            assert row == pytest.approx(expected, abs=1e-5)
            values += expected
    assert torch.tensor(values).std() > 0.2


@pytest.mark.parametrize("stride", [2, 4, interface.STRIDE])
def test_steps_with_the_cache_equal_one_full_pass(ours, read, monkeypatch, stride):
    monkeypatch.setattr(interface, "STRIDE", stride)  # by so many steps the cache grows
    rng = Random(0)
    memory = read(ours, TEXTS)
    ids = torch.tensor([[[rng.randrange(40) for _ in range(6)] for _ in range(3)] for _ in TEXTS])
    cache = ours.new_cache(len(TEXTS), 3, 6)
    with torch.inference_mode():
        whole = ours.decode(ids, memory)
        steps = [ours.decode(ids[..., at, None], memory, cache) for at in range(6)]
    torch.testing.assert_close(torch.cat(steps, 2), whole, atol=1e-5, rtol=0)


def test_a_cache_follows_its_rows_and_texts(ours, read):
    memory = read(ours, TEXTS[:2])
    cache = ours.new_cache(2, 3, 3)
    kept = torch.tensor([1])
    with torch.inference_mode():
        ours.decode(torch.tensor([[[5], [6], [9]], [[7], [8], [4]]]), memory, cache)
        cache.reorder(torch.tensor([[1, 2, 0], [0, 0, 1]]))
        memory, cache = memory.select(kept), cache.select(kept, torch.tensor([[2, 0]]))
        turned = ours.decode(torch.tensor([[[9], [10]]]), memory, cache)
        direct = ours.decode(torch.tensor([[[8, 9], [7, 10]]]), read(ours, TEXTS[1:2]))
    torch.testing.assert_close(turned[0, :, 0], direct[0, :, 1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("block", [1, 7, VOCABULARY - 1, VOCABULARY, 99])
def test_a_vocabulary_in_blocks_is_the_whole_one(monkeypatch, block):
    monkeypatch.setattr(causal, "BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    hidden, weight = (torch.randn(n, 24, generator=generator) for n in (5, VOCABULARY))
    expected = [[sum(a * b for a, b in zip(x, w, strict=True)) for w in weight] for x in hidden]
    with torch.inference_mode():
        found = vocabulary_scores(hidden, weight)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)
    torch.testing.assert_close(vocabulary_scores(hidden, weight), found, atol=1e-5, rtol=0)


def test_gradients_reach_every_parameter(ours):
    ids, mask = pad(TEXTS, 0)
    targets, _ = pad([[2, *rows[0]] for rows in TARGETS], 0)
    ours.logits(ours.decode(targets[:, None], ours.read(ids, mask))).logsumexp(-1).sum().backward()
    unused = ("k_proj.bias",)  # a bias of all keys moves no softmax
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        assert name.endswith(unused) or parameter.grad.abs().max() > 0
    ours.zero_grad()


def test_a_saved_folder_loads_in_both(ours, theirs, tokenizer, tmp_path):
    checkpoint.save(ours, tokenizer, tmp_path, separator_token_id=3)
    again = checkpoint.load(tmp_path).model
    assert again.config == ours.config
    expected, found = ours.state_dict(), again.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    loaded, info = type(theirs).from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    text, target = TEXTS[0], [*range(4, 12), 1]
    assert their_logprobs(loaded.eval(), text, target) == pytest.approx(
        their_logprobs(theirs, text, target), abs=1e-5
    )


def test_loading_draws_no_values_and_does_not_wait_for_torch_compile(folder):
    """Initial values on `meta` made torch import its compiler: two seconds in every stage."""
    code = (
        "import sys; from quals.models import checkpoint; checkpoint.load(sys.argv[1]);"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def test_weights_in_several_files_are_joined(folder, ours, tokenizer, tmp_path):
    state = load_file(folder / "model.safetensors")
    names = sorted(state)
    places = {}
    for part, chosen in enumerate((names[::2], names[1::2])):
        save_file({name: state[name] for name in chosen}, tmp_path / f"part{part}.safetensors")
        places |= dict.fromkeys(chosen, f"part{part}.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    tokenizer.save(tmp_path)
    index = tmp_path / checkpoint.INDEX
    index.write_text(json.dumps({"weight_map": places}))
    found = checkpoint.load(tmp_path).model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in ours.state_dict().items())
    for harmed, message in (
        ({**places, "extra": "part0.safetensors"}, r"index\.json: \['extra'\] are in none"),
        ({**places, names[0]: "part9.safetensors"}, r"part9\.safetensors: no such weight file"),
        ({**places, names[0]: "../x.safetensors"}, r"index\.json: '\.\./x\.safetensors' is no"),
        ({**places, names[0]: "part0.bin"}, r"index\.json: 'part0\.bin' is no safetensors"),
        ({**places, names[0]: 3}, r"index\.json: field 'weight_map'"),
    ):
        index.write_text(json.dumps({"weight_map": harmed}))
        with pytest.raises(CheckpointError, match=message):
            checkpoint.load(tmp_path)


def test_half_precision_is_read_and_kept_where_it_is_wanted(folder, ours, tokenizer, tmp_path):
    state = load_file(folder / "model.safetensors")
    halves = {name: tensor.to(torch.bfloat16) for name, tensor in state.items()}
    save_file(halves, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    tokenizer.save(tmp_path)
    whole = checkpoint.load(tmp_path).model
    assert {p.dtype for p in whole.parameters()} == {torch.float32}
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, ours.state_dict()[name].to(torch.bfloat16).float())
    half = checkpoint.load(tmp_path, dtype=torch.bfloat16).model
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    with torch.inference_mode():
        exact, rough = (score_targets(m, m.read(*pad(TEXTS, 0)), TARGETS) for m in (whole, half))
    for one, other in zip(exact, rough, strict=True):
        for row, rough_row in zip(one, other, strict=True):
            assert rough_row == pytest.approx(row, abs=0.5)


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("bart", {"activation_function": "relu"}, "activation_function is 'relu'"),
        ("bart", {"normalize_before": True}, "normalize_before is True"),
        ("bart", {"d_model": None}, "d_model"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("llama", {"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling is"),
        ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters has a rope_type"),
        ("llama", {"decoder_start_token_id": None, "bos_token_id": None}, "decoder_start_token_id"),
        ("qwen2", {"use_sliding_window": True}, "use_sliding_window is True"),
    ],
)
def test_what_a_network_cannot_do_is_refused_by_key(tokenizer, tmp_path, name, changed, message):
    make_theirs(name).save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changed}))
    with pytest.raises(CheckpointError, match=rf"config\.json: .*(\n.*)*{message}"):
        checkpoint.load(tmp_path)


def test_a_folder_of_a_plain_language_model_starts_targets_with_its_first_token(
    tokenizer, tmp_path
):
    make_theirs("llama").save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config = {**config, "eos_token_id": [1, 7], "pad_token_id": None, "rope_theta": 99.0}
    config = {k: v for k, v in config.items() if k not in ("decoder_start_token_id", "head_dim")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = checkpoint.load(tmp_path).model.config
    ids = (found.decoder_start_token_id, found.eos_token_id, found.pad_token_id)
    assert ids == (2, 1, 1)
    assert (found.rope_theta, found.head_dim) == (99.0, 6)


def test_a_body_without_head_loads_as_bart(tokenizer, tmp_path):
    model = make_theirs("bart")
    state = {
        name.removeprefix("model."): tensor.clone()
        for name, tensor in model.state_dict().items()
        if name.startswith("model.") and "embed_tokens" not in name
    }
    model.save_pretrained(tmp_path)
    save_file(state, tmp_path / "model.safetensors")
    tokenizer.save(tmp_path)
    found = checkpoint.load(tmp_path).model
    assert torch.equal(found.model.shared.weight, model.model.shared.weight)
    assert not found.final_logits_bias.any()


def test_a_text_beyond_the_last_position_is_refused():
    names = BartConfig.model_fields
    values = {"scale_embedding": False} | ENCODER_DECODER
    model = BART(BartConfig(**{name: values[name] for name in names}))
    with pytest.raises(ValueError, match="a text of 33 tokens, the network has positions for 32"):
        model.read(*pad([[5] * 32], 0))
    model.read(*pad([[5] * 31], 0))


def test_a_head_needs_a_t5(tokenizer, tmp_path):
    make_theirs("llama").save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="model_type is 'llama', a head needs 't5'"):
        heads.load(heads.SpanPointer, tmp_path)
