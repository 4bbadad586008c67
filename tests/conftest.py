"""What do the tests share? Tiny models, tokenizers of a few words, and naive references."""

import os
import sys
from pathlib import Path
from random import Random

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports a Hugging Face library
sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))  # tests and benchmarks share `naive`

import naive
import pytest
import torch
from hypothesis import settings
from tokenizers import Tokenizer, decoders
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Metaspace

from quals.models.t5 import T5, T5Config
from quals.models.tokenizer import END, PAD, SEPARATOR, UNKNOWN, TextTokenizer, pad, train_tokenizer
from quals.training.batches import Example, collate
from quals.training.optimizer import PlainAdamW
from quals.training.qa import likelihood_of

torch.set_num_threads(1)  # networks this small only wait for a second core
settings.register_profile("laws", deadline=None, derandomize=True)
settings.load_profile("laws")

SENTENCES = (
    "Ada Holt beat Ivan Rossi 3-1 in Marlow on Monday.",
    "Who beat Ivan Rossi?",
    "The mill in Kelby was sold for £25 million.",
    "Where was the mill sold?",
    "A crowd of 2,500 watched, and nobody was hurt.",
)
# Few enough for a random model to name them, and for every hypothesis to be enumerated.
FEW_WORDS = ("Who", "beat", "Ada", "Ivan", "in", "Kelby", "on", "Monday")


@pytest.fixture(autouse=True)
def _torch_as_found():
    """Trainings seed torch and ask for deterministic kernels; other tests keep their state."""
    mode = torch.get_deterministic_debug_mode()
    with torch.random.fork_rng():
        yield
    torch.set_deterministic_debug_mode(mode)


@pytest.fixture(scope="session")
def tokenizer():
    """A trained tokenizer: the words of `SENTENCES`, and letters for all others."""
    return train_tokenizer(SENTENCES, 300)


@pytest.fixture(scope="session")
def few_words():
    """A tokenizer of `FEW_WORDS` and nothing else."""
    tokens = [PAD, END, UNKNOWN, SEPARATOR, *("\u2581" + word for word in FEW_WORDS)]
    backend = Tokenizer(WordLevel({token: at for at, token in enumerate(tokens)}, UNKNOWN))
    backend.pre_tokenizer = Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    backend.add_special_tokens([PAD, END, UNKNOWN, SEPARATOR])
    return TextTokenizer(backend)


@pytest.fixture(scope="session")
def sentences():
    return list(SENTENCES)


@pytest.fixture(scope="session")
def make_config():
    """The configuration of a two-layer T5 for a vocabulary size, with the tokenizers' ids."""

    def make(vocab_size, **changed):
        sizes = {"d_model": 16, "d_kv": 6, "d_ff": 24, "num_heads": 2}
        layers = {"num_layers": 2, "num_decoder_layers": 2, "layer_norm_epsilon": 1e-6}
        # So few buckets that texts of ten tokens reach the logarithmic ones.
        positions = {
            "relative_attention_num_buckets": 8,
            "relative_attention_max_distance": 12,
        }
        ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
        values = {**sizes, **layers, **positions, **ids, "vocab_size": vocab_size, **changed}
        return T5Config(**values)

    return make


@pytest.fixture(scope="session")
def make_model(make_config):
    """A random T5 whose answers depend on text and prefix.

    Fresh weights of so small a network repeat their input; larger ones in the layers do not.
    """

    def make(vocab_size, seed=0, scale=3.0, **changed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = T5(make_config(vocab_size, **changed))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name != "shared.weight" and "layer_norm" not in name:
                    parameter *= scale
        return model.eval()

    return make


@pytest.fixture(scope="session")
def teach(few_words):
    """A moment of training: the model writes one or two words, the separator, and a word."""

    def train(model, seed):
        rng = Random(seed)
        separator, end = few_words.id_of(SEPARATOR), few_words.id_of(END)
        optimizer = PlainAdamW(model.parameters(), lr=1e-2)
        words = [few_words.id_of("\u2581" + word) for word in FEW_WORDS]
        for _ in range(50):
            examples = []
            for _ in range(32):
                text = rng.sample(words, rng.randint(2, len(words)))
                question = rng.choices(text, k=rng.randint(1, 2))
                examples.append(Example(text, [[*question, separator, rng.choice(text), end]]))
            likelihood_of(model, collate(examples, 0)).backward()
            optimizer.step()
            optimizer.zero_grad()
        return model.eval()

    return train


@pytest.fixture(scope="session")
def make_qagen(make_model, teach, few_words):
    """A small T5 that writes questions and answers."""
    return lambda seed: teach(make_model(few_words.backend.get_vocab_size(), seed, 1.0), seed)


@pytest.fixture(scope="session")
def read():
    """The memory of texts given as token ids, padded to the longest."""

    def read_texts(model, sources):
        with torch.inference_mode():
            return model.read(*pad(sources, model.config.pad_token_id))

    return read_texts


@pytest.fixture(scope="session")
def next_logprobs(read):
    """Log p of every token after a prefix, one text at a time, everything computed anew."""

    def compute(model, source, prefix):
        start = model.config.decoder_start_token_id
        with torch.inference_mode():
            hidden = model.decode(torch.tensor([[[start, *prefix]]]), read(model, [source]))
            return model.logits(hidden)[0, 0, -1].log_softmax(-1)

    return compute


@pytest.fixture(scope="session")
def naive_diverse(next_logprobs):
    """Textbook diverse decoding with one beam per group."""

    def decode(model, source, *, groups, strength, limits):
        return naive.diverse(
            lambda text, prefix: next_logprobs(model, text, prefix),
            source,
            end=model.config.eos_token_id,
            groups=groups,
            strength=strength,
            shortest=limits.shortest,
            longest=limits.longest,
        )

    return decode
