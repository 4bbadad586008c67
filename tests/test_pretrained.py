"""Laws of fine-tuning as the paper's: frame, cuts, separator, smoothing, batches by tokens."""

import json
import math
from itertools import zip_longest
from random import Random

import pytest
import torch
from pydantic import ValidationError
from ruamel.yaml import YAML

from quals.corpus import Article, Asked, Context
from quals.decoding.beam import beam_search
from quals.decoding.sequences import Limits
from quals.decoding.summarizer import Summarizer, SummaryLimits
from quals.errors import InputError
from quals.jsonl import DataError
from quals.models import checkpoint
from quals.models.bart import set_dropout
from quals.params import ParamsError, load_section
from quals.rehearsal.models import SEPARATOR, save_bart
from quals.training import pretrained
from quals.training.bases import finetunes
from quals.training.batches import Example, collate
from quals.training.contrastive import Contrastive
from quals.training.mle import MleJob, TrainMle, summary_examples
from quals.training.parts import Pieces, differentiate, shares
from quals.training.pretrained import PretrainedTraining
from quals.training.pretrained_mle import train_pretrained_mle
from quals.training.pretrained_qagen import PretrainedQagen, data_of, paper_examples, separator_of
from quals.training.processes import Processes
from quals.training.qa import question_examples
from quals.training.running import ALONE
from quals.training.smoothing import smoothed_likelihood, smoothed_unlikelihood

BOS, PAD, END = 0, 1, 2
TEXTS = [
    "Ada Holt will sell the mill of Kelby, the council said on Monday.",
    "Who will sell it? The council said that it had stood empty for 12 years.",
    "Ivan Rossi of Marlow will repair the bridge, says the council of Wexmoor.",
]
LONG = " ".join(TEXTS * 60)
SCHEDULE = {
    "beta2": 0.999,
    "warmup_steps": 0,
    "final_share": 1.0,
    "weight_decay": 0.01,
    "clip_norm": 0.1,
}
TRAINING = {
    "epochs": 2,
    "part_tokens": 64,
    "parts": 2,
    "label_smoothing": 0.1,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "lr": 1e-2,
    "schedule": SCHEDULE,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A hub folder of BART that forces `<s>` and `</s>`, as the hub's do."""
    folder = tmp_path_factory.mktemp("bart")
    save_bart(folder, TEXTS, lessons=0)
    config = json.loads((folder / "config.json").read_text())
    assert (config["forced_bos_token_id"], config["forced_eos_token_id"]) == (BOS, END)
    return folder


@pytest.fixture
def start(folder):
    return checkpoint.load(folder)


def training(**changed):
    return PretrainedTraining.model_validate({**TRAINING, **changed})


def examples_of(start):
    sources = start.tokenizer.encode(TEXTS)
    return [Example(s, [[*s[:n], END]]) for n, s in enumerate(sources, start=3)]


# The frame: no `<s>` anywhere, the end token behind a text and before a target


@pytest.fixture(scope="module")
def theirs(folder):
    import transformers

    return transformers.BartForConditionalGeneration.from_pretrained(folder).eval()


def test_a_text_has_no_bos_and_its_decoder_starts_from_the_end_token(start, theirs):
    (example,) = examples_of(start)[:1]
    found, targets = pretrained.vocabulary_logprobs(start.model, collate([example], PAD))
    (target,) = example.targets
    assert targets.tolist() == target
    with torch.inference_mode():
        logits = theirs(
            input_ids=torch.tensor([[*example.source, END]]),
            decoder_input_ids=torch.tensor([[END, *target[:-1]]]),
        ).logits[0]
    torch.testing.assert_close(found, logits.log_softmax(-1), atol=1e-5, rtol=1e-4)
    with torch.inference_mode():
        framed = theirs(  # as the hub's tokenizer would have it
            input_ids=torch.tensor([[BOS, *example.source, END]]),
            decoder_input_ids=torch.tensor([[END, BOS, *target[:-1]]]),
        ).logits[0, 1:]
    assert (found - framed.log_softmax(-1)).abs().max() > 1e-3


def test_no_training_example_holds_a_bos(start):
    found = [
        *summary_examples([article(TEXTS[0])], start, 1022),
        *paper_examples([context(TEXTS[0])], start.tokenizer, separator=9, end=END, limit=1022),
        *question_examples([context(TEXTS[0])], start.tokenizer, separator=9, end=END, limit=1022),
    ]
    for example in found:
        for row in (example.source, *example.targets):
            assert not {BOS, PAD} & set(row)
        assert END not in example.source  # the network adds it
        assert [row.count(END) for row in example.targets] == [1]
    # The tokenizer itself would add both, as the hub's does.
    framed = start.tokenizer.backend.encode(TEXTS[0]).ids
    assert (framed[0], framed[-1]) == (BOS, END)


def article(text, summary="The council said so."):
    return Article("a", text, summary)


def context(text, answer="the council", name="c"):
    asked = (Asked("Who said so?", answer, text.index(answer)), Asked("Why?", None, None))
    return Context(name, "article", text, asked)


# What a hub configuration forces


def test_forced_tokens_of_the_hub_reach_neither_a_saved_model_nor_an_output(
    start, folder, tmp_path
):
    import transformers

    checkpoint.save(start.model, start.tokenizer, tmp_path / "ours")
    config = transformers.GenerationConfig.from_model_config(
        transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    )
    assert (config.forced_bos_token_id, config.forced_eos_token_id) == (None, None)
    saved = transformers.BartForConditionalGeneration.from_pretrained(tmp_path / "ours").eval()
    (ids,) = start.tokenizer.encode(TEXTS[:1])
    with torch.inference_mode():
        memory = start.model.read(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))
        ((best,),) = beam_search(
            start.model, memory, beams=1, limits=Limits(3, 6), length_penalty=1.0
        )
        written = saved.generate(
            torch.tensor([[*ids, END]]),
            num_beams=1,
            do_sample=False,
            max_new_tokens=6,
            min_length=4,
        )[0, 1:].tolist()
    assert best.ids[:6] == written[: len(best.ids)][:6]
    assert best.ids[0] != BOS
    assert best.ids[-1] == END  # at the longest length the end is the only choice


# The cut at 1,022 tokens


def test_a_text_is_cut_at_1022_tokens_and_the_end_token_comes_behind(start):
    (whole,) = start.tokenizer.encode([LONG])
    assert len(whole) > 1100
    read = []
    original = start.model.frame

    def frame(ids, mask):
        read.append(original(ids, mask))
        return read[-1]

    start.model.frame = frame
    limits = SummaryLimits(beams=2, shortest=1, longest=2, length_penalty=1.0, batch_size=2)
    Summarizer(start, limits, 1022).summarize([LONG])
    (ids, mask), *_ = read
    assert mask.sum() == 1023
    assert ids[0].tolist() == [*whole[:1022], END]
    examples = [
        *summary_examples([article(LONG)], start, 1022),
        *paper_examples([context(LONG)], start.tokenizer, separator=9, end=END, limit=1022),
    ]
    assert [e.source for e in examples] == [whole[:1022]] * 2
    (asked,) = question_examples([context(LONG)], start.tokenizer, separator=9, end=END, limit=1022)
    assert len(asked.source) == 1022


def test_an_answer_beyond_the_cut_teaches_nothing(start):
    text = f"{LONG} Nobody but Nia Brook knew."
    late = context(text, "Nia Brook")
    fixed = {"separator": 9, "end": END}
    assert paper_examples([late], start.tokenizer, limit=1022, **fixed) == []
    assert len(paper_examples([late], start.tokenizer, limit=100_000, **fixed)) == 1
    # To the token: an answer that the cut runs through is beyond it.
    short = context("Ada Holt said the council", "the council")
    tokens = len(start.tokenizer.encode([short.text])[0])
    assert len(paper_examples([short], start.tokenizer, limit=tokens, **fixed)) == 1
    assert paper_examples([short], start.tokenizer, limit=tokens - 1, **fixed) == []


def test_targets_of_more_than_1022_tokens_are_left_out():
    fits, longer = (Example([5], [[7] * n + [END]]) for n in (1022, 1023))
    assert pretrained.fitting([longer, fits]) == [fits]
    with pytest.raises(DataError, match="at most 1022 tokens"):
        pretrained.fitting([longer])


# The separator


def test_the_separator_is_the_tokens_own_id_or_training_does_not_start(start):
    found = start.tokenizer.id_of(SEPARATOR)
    assert separator_of(start.tokenizer, SEPARATOR, None) == found
    assert separator_of(start.tokenizer, SEPARATOR, found) == found
    with pytest.raises(InputError, match=f"is token {found} of the base, not 50259"):
        separator_of(start.tokenizer, SEPARATOR, 50259)
    with pytest.raises(InputError, match="no token 'strutConnector'"):
        separator_of(start.tokenizer, "strutConnector", None)


def test_the_separator_stands_between_question_and_an_answer_without_space(start):
    separator = start.tokenizer.id_of(SEPARATOR)
    (example,) = paper_examples(
        [context(TEXTS[0])], start.tokenizer, separator=separator, end=END, limit=1022
    )
    ((*target, end),) = example.targets
    at = target.index(separator)
    assert (target.count(separator), end) == (1, END)
    pieces = [start.tokenizer.backend.id_to_token(token) for token in target]
    assert "".join(pieces[:at]).replace("Ġ", " ") == "Who said so?"
    assert "".join(pieces[at + 1 :]).replace("Ġ", " ") == "the council"
    # No text leads to it, not even one that holds its letters.
    (spelt,) = start.tokenizer.encode(["so? strutConnector the council"])
    assert separator not in spelt


# Label smoothing, on what is to be written and on what is not


def naive(probabilities, target, smoothing, cost):
    own = cost(probabilities[target])
    spread = sum(cost(p) for p in probabilities) / len(probabilities)
    return (1 - smoothing) * own + smoothing * spread


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_mixes_in_the_vocabularys_mean_cost_on_both_terms(smoothing):
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([0, 3, 6, 2, 2])
    logprobs = logits.log_softmax(-1)
    rows = logprobs.exp().tolist()
    terms = {
        smoothed_likelihood: lambda p: -math.log(p),
        smoothed_unlikelihood: lambda p: -math.log(1 - p),
    }
    for term, cost in terms.items():
        expected = [naive(row, t, smoothing, cost) for row, t in zip(rows, targets, strict=True)]
        found = term(logprobs, targets, smoothing)
        torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_the_contrastive_loss_smooths_both_and_is_a_mean_over_all_tokens(start, weight):
    (source,) = start.tokenizer.encode(TEXTS[:1])
    batch = collate([Example(source, [[9, 8, END], [7, 9, 9, 5, END]])], PAD)
    logprobs, targets = pretrained.vocabulary_logprobs(start.model, batch)
    rows = logprobs.exp().tolist()
    costs = [lambda p: -math.log(p)] * 3 + [lambda p: -math.log(1 - p)] * 5
    found = [naive(row, t, 0.1, c) for row, t, c in zip(rows, targets, costs, strict=True)]
    expected = (sum(found[:3]) + weight * sum(found[3:])) / 8
    kind = {"negative_weight": weight, "negative_tokens": "all"}
    loss = pretrained.contrastive_loss(smoothing=0.1, **kind)(start.model, batch)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    # Without smoothing on either term it would be another loss.
    for unsmoothed in (found[:3], found[3:]):
        assert abs(sum(unsmoothed)) > 0
    plain = pretrained.contrastive_loss(smoothing=0.0, **kind)(start.model, batch)
    assert plain.item() != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "punished"),
    [("all", [True] * 5), ("absent", [True, False, False, True, False]), ("none", [False] * 5)],
)
def test_only_punished_tokens_of_a_negative_count(start, name, punished):
    (source,) = start.tokenizer.encode(TEXTS[:1])
    batch = collate([Example(source, [[9, 8, END], [7, 9, 9, 5, END]])], PAD)
    loss = pretrained.contrastive_loss(smoothing=0.1, negative_weight=1.0, negative_tokens=name)
    assert loss.count(batch) == 3 + sum(punished)
    logprobs, targets = pretrained.vocabulary_logprobs(start.model, batch)
    gain = smoothed_likelihood(logprobs[:3], targets[:3], 0.1).sum()
    pain = smoothed_unlikelihood(logprobs[3:], targets[3:], 0.1)[torch.tensor(punished)].sum()
    expected = (gain + pain).item() / loss.count(batch)
    assert loss(start.model, batch).item() == pytest.approx(expected, rel=1e-5)


def test_another_choice_of_tokens_is_refused():
    with pytest.raises(ValueError, match="'some'"):
        pretrained.contrastive_loss(smoothing=0.1, negative_weight=1.0, negative_tokens="some")


# Batches by tokens


def random_examples(seed, count=40):
    rng = Random(seed)
    return [Example([4 + n] * rng.randint(0, 30), [[5] * rng.randint(1, 12)]) for n in range(count)]


@pytest.mark.parametrize("most", [8, 31, 64, 1024])
def test_parts_hold_all_examples_once_within_the_tokens(most):
    examples = random_examples(most)
    parts = pretrained.token_parts(examples, most)
    held = [example for part in parts for example in part]
    assert sorted(map(str, held)) == sorted(map(str, examples))
    for part in parts:
        widest = max(max(len(e.source) + 1, len(e.targets[0])) for e in part)
        assert len(part) == 1 or len(part) * widest <= most
    Random(0).shuffle(examples)
    assert pretrained.token_parts(examples, most) == parts


def test_a_round_of_steps_shows_every_part_once():
    cut = pretrained.token_parts(random_examples(3), 64)
    stream = pretrained.steps_of_parts(cut, 1, Random(1))
    first, second = ([next(stream)[0] for _ in cut] for _ in range(2))
    for seen in (first, second):
        assert sorted(map(str, seen)) == sorted(map(str, cut))
    assert first != second
    again = pretrained.steps_of_parts(cut, 2, Random(1))
    assert [part for _ in range(len(cut) // 2) for part in next(again)] == first[
        : len(cut) // 2 * 2
    ]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_parts_of_a_step_are_the_same_whoever_computes_them(start, size):
    """Processes take turns at whole parts, and every target token counts alike."""
    cut = pretrained.token_parts(random_examples(4), 64)
    step = Pieces(
        [collate(part, PAD) for part in next(pretrained.steps_of_parts(cut, 5, Random(1)))]
    )
    loss = pretrained.likelihood_loss(0.1)
    dealt = [list(shares(loss, step, rank=rank, size=size, parts=1)) for rank in range(size)]
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    computed = [part for turn in zip_longest(*dealt) for part in turn if part is not None]
    tokens = sum(map(loss.count, step.batches))
    for (part, share), whole in zip(computed, step.batches, strict=True):
        assert torch.equal(part.ids, whole.ids)
        assert torch.equal(part.targets, whole.targets)
        assert share == loss.count(whole) / tokens


def test_parts_add_up_to_the_gradients_of_the_whole(start):
    examples = examples_of(start)
    loss = pretrained.likelihood_loss(0.1)
    here = Processes(0, 1, torch.device("cpu"))
    found = []
    for batch in (Pieces([collate(examples, PAD)]), Pieces([collate([e], PAD) for e in examples])):
        start.model.zero_grad()
        value = differentiate(start.model, loss, batch, processes=here, parts=1, dtype="float32")
        found.append((value.item(), start.model.model.shared.weight.grad.clone()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-6, rtol=1e-3)


# Training


def finetuned(folder, **changed):
    start = checkpoint.load(folder)
    torch.manual_seed(0)
    losses = pretrained.finetune(
        start,
        examples_of(start),
        pretrained.likelihood_loss(0.1),
        training(**changed),
        seed=3,
        title="test",
    )
    return start.model, losses


def test_training_takes_the_epochs_steps_and_learns_and_repeats(folder, start):
    parts = len(pretrained.token_parts(examples_of(start), TRAINING["part_tokens"]))
    model, losses = finetuned(folder, epochs=12)
    assert len(losses) == math.ceil(12 * parts / 2)
    assert losses[-1] < 0.9 * losses[0]
    again, repeated = finetuned(folder, epochs=12)
    assert repeated == losses
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert not model.training


def test_dropout_is_for_training_alone(folder, start):
    batch = collate(examples_of(start), PAD)
    with torch.inference_mode():
        quiet, _ = pretrained.vocabulary_logprobs(start.model, batch)
        for hidden, attention in ((0.1, 0.0), (0.0, 0.1)):
            set_dropout(start.model, hidden, attention)
            same, _ = pretrained.vocabulary_logprobs(start.model.eval(), batch)
            noisy, _ = pretrained.vocabulary_logprobs(start.model.train(), batch)
            assert torch.equal(same, quiet)
            assert not torch.equal(noisy, quiet)
    model, _ = finetuned(folder)
    with torch.inference_mode():
        ends = [pretrained.vocabulary_logprobs(model.train(), batch)[0] for _ in range(2)]
    assert torch.equal(*ends)


def test_a_public_summarizer_stands_in_as_it_is(folder, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    row = {"id": "a", "document": TEXTS[0], "summary": "The council said so."}
    (corpus / "validation.jsonl").write_text(json.dumps(row) + "\n")
    places = {"variable": None, "folder": None, "hub": None}
    settings = TrainMle.model_validate(
        {"max_source_tokens": 1022, "base": {"xsum": places}, "finetuning": {"xsum": None}}
    )
    limits = SummaryLimits(beams=1, shortest=1, longest=2, length_penalty=1.0, batch_size=1)
    out, metrics = tmp_path / "out", tmp_path / "mle.json"
    train_pretrained_mle(MleJob("xsum", 0, corpus, folder, out, metrics, settings, limits, ALONE))
    before, after = (checkpoint.load(f).model.state_dict() for f in (folder, out))
    assert all(torch.equal(before[name], after[name]) for name in before)
    record = json.loads(metrics.read_text())
    assert "stands in" in record["data"]
    assert set(record["metrics"]) == {"validation_loss"}


# Settings


def test_settings_are_of_one_kind_or_the_other():
    shared = {"pairs": None, "negative_share": 0.3}
    tuned = {"finetuning": {"xsum": TRAINING}}
    own = {"steps": {"xsum": 2}, "batch_size": 2, "schedule": SCHEDULE}
    assert list(Contrastive.model_validate(shared | tuned).corpora) == ["xsum"]
    assert list(Contrastive.model_validate(shared | own).corpora) == ["xsum"]
    for wrong in ({}, tuned | own, {**own, "schedule": None}):
        with pytest.raises(ValidationError):
            Contrastive.model_validate(shared | wrong)
    for wrong in ({}, tuned, {"base": {}}, {"steps": 1, "batch_size": 1}):
        with pytest.raises(ValidationError):
            TrainMle.model_validate({"max_source_tokens": 5} | wrong)


def test_the_record_says_where_the_questions_are_from(tmp_path):
    for origin, expected in (
        ("hub x, newsqa", "hub x, newsqa"),
        ("hub x", "hub x, without NewsQA, which the paper used"),
    ):
        (tmp_path / "origin.json").write_text(json.dumps({"origin": origin}))
        assert data_of(tmp_path) == expected


def test_a_section_that_fine_tunes_is_told_from_others(tmp_path):
    path = tmp_path / "scale.yaml"
    with open(path, "w") as file:
        YAML(typ="safe", pure=True).dump({"a": {"finetuning": {}}, "b": {"base": {}}}, file)
    assert [finetunes(path, name) for name in "abc"] == [True, False, False]
    with pytest.raises(ParamsError, match="separator_id"):
        load_section(path, "a", PretrainedQagen)
