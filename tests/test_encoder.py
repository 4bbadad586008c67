"""Laws of the encoder's reader and classifier: windows, order, company, and the hub's own words."""

import json
import random

import pytest
import torch
import transformers
from encoders import TEXTS, save_bert
from hypothesis import given
from hypothesis import strategies as st
from pipeline import ROOT
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from quals.metrics import suite
from quals.metrics.encoder_reader import EncoderReader, EncoderReaderSettings, best_spans
from quals.metrics.factcc import ClosestReading, FactccSettings
from quals.metrics.qags import QagsSettings
from quals.metrics.reader import Reader
from quals.models import checkpoint, encoder
from quals.models.classifier import TrainedClassifier
from quals.models.encoder import CLAIM, SPAN, is_encoder
from quals.models.encoder_classifier import EncoderClassifier, fit
from quals.models.windows import windows
from quals.params import ParamsError, load_section, validated
from quals.training.encoder_factcc import TrainEncoderFactcc

SETTINGS = EncoderReaderSettings(
    longest=32,
    longest_question=12,
    stride=9,
    longest_answer=5,
    null_threshold=0.0,
    windows_per_batch=3,
)
LONG = " ".join(TEXTS)
EMPTY = ("", "\u200b")  # of tokens; the hub makes no pair of these
CONTEXTS = [*TEXTS[:3], LONG, "Ada", *EMPTY]
QUESTIONS = ["Who beat Ivan Rossi?", "Where?", "", "Who built the mill of Kelby, " * 3]
ASKED = [(question, context) for question in QUESTIONS for context in CONTEXTS]


@pytest.fixture(scope="module")
def span_folder(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("span"), SPAN.architecture, seed=3)


@pytest.fixture(scope="module")
def claim_folder(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("claim"), CLAIM.architecture, seed=4)


@pytest.fixture
def make_reader(span_folder):
    return lambda **changed: EncoderReader(span_folder, SETTINGS.model_copy(update=changed))


def ask(reader, asked=ASKED):
    return reader.replies(*map(list, zip(*asked, strict=True)))


# Windows


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 15))
def test_windows_are_those_of_a_plain_loop_and_judge_each_token_once(length, room, stride):
    found = windows(length, room, stride)
    expected, start = [], 0
    while True:
        expected.append(range(start, min(start + room, length)))
        if start + room >= length:
            break
        start += min(stride, room)
    assert [span for span, _ in found] == expected
    for token in range(length):
        scores = [
            min(token - span[0], span[-1] - token) + 0.01 * len(span) if token in span else -1
            for span in expected
        ]
        judges = [
            n
            for n, (span, judged) in enumerate(found)
            if token in span and judged[span.index(token)]
        ]
        assert judges == [scores.index(max(scores))]


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 8))
def test_best_spans_are_those_of_a_plain_loop(seed, size, longest):
    generator = torch.Generator().manual_seed(seed)
    starts, ends = torch.randn(2, 3, size, generator=generator)
    starts[0, size // 2] = ends[1, size // 2] = -torch.inf
    best, first, last = best_spans(starts, ends, longest)
    for row in range(3):
        scores = {
            (a, b): (starts[row, a] + ends[row, b]).item()
            for a in range(size)
            for b in range(a, min(size, a + longest))
        }
        assert best[row].item() == max(scores.values())
        if best[row] > -torch.inf:
            assert scores[first[row].item(), last[row].item()] == best[row].item()


# The reader


def naive_reply(folder, question, context):
    """By the hub's own tokenizer and network, a window at a time, a span at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    asked = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
    offsets = asked["offset_mapping"][: SETTINGS.longest_question]
    question = question[: offsets[-1][1]] if offsets else ""
    room = SETTINGS.longest - 3 - len(offsets)
    cuts = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=SETTINGS.longest,
        stride=room - min(room, SETTINGS.stride),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )
    parts, context_of = [], {}
    for number in range(len(cuts["input_ids"])):
        places = [at for at, side in enumerate(cuts.sequence_ids(number)) if side == 1]
        parts.append(places)
        for at in places:
            key = cuts["offset_mapping"][number][at]
            poorer = min(at - places[0], places[-1] - at) + 0.01 * len(places)
            context_of.setdefault(key, []).append((-poorer, number))
    none, spans = [], []
    for number, places in enumerate(parts):
        names = ("input_ids", "attention_mask", "token_type_ids")
        with torch.inference_mode():
            found = model(**{name: torch.tensor([cuts[name][number]]) for name in names})
        begin, end = found.start_logits[0], found.end_logits[0]
        none.append((begin[0] + end[0]).item())
        for a in places:
            key = cuts["offset_mapping"][number][a]
            if min(context_of[key])[1] == number:
                for b in range(a, min(places[-1] + 1, a + SETTINGS.longest_answer)):
                    stop = cuts["offset_mapping"][number][b][1]
                    spans.append(((begin[a] + end[b]).item(), context[key[0] : stop]))
    score, span = max(spans, default=(-torch.inf, ""))
    return span.strip(), score, min(none)


def test_replies_are_those_of_the_hubs_own_tokenizer_and_network(make_reader, span_folder):
    replies = ask(make_reader())
    assert len(windows(len(make_reader().encoder.tokenizer.encode([LONG])[0]), 20, 9)) > 5
    for (question, context), reply in zip(ASKED, replies, strict=True):
        if context in EMPTY:
            assert (reply.span, reply.score) == ("", -torch.inf)
            continue
        span, score, none = naive_reply(span_folder, question, context)
        assert reply.score == pytest.approx(score, abs=1e-4)
        assert reply.none == pytest.approx(none, abs=1e-4)
        assert reply.span == span
    assert len({reply.span for reply in replies}) > 6


def test_a_reply_depends_on_neither_order_nor_company(make_reader):
    together = ask(make_reader())
    shuffled = random.Random(0).sample(ASKED, len(ASKED))
    for size in (1, 64):
        reader = make_reader(windows_per_batch=size)
        found = dict(zip(shuffled, ask(reader, shuffled), strict=True))
        for key, expected in zip(ASKED, together, strict=True):
            assert found[key].span == expected.span
            assert found[key].score == pytest.approx(expected.score, abs=1e-4)
            assert found[key].none == pytest.approx(expected.none, abs=1e-4)
    assert ask(make_reader(), ASKED[:3] * 2) == ask(make_reader(), ASKED[:3]) * 2
    assert make_reader().answer([], []) == []


def test_no_answer_wins_only_where_it_scores_higher_by_more_than_the_threshold(make_reader):
    questions, contexts = map(list, zip(*ASKED, strict=True))
    replies = ask(make_reader())
    leads = sorted({reply.none - reply.score for reply in replies if reply.score > -torch.inf})
    middle = (leads[len(leads) // 2] + leads[len(leads) // 2 - 1]) / 2
    for threshold in (-1e6, middle, 1e6):
        answers = make_reader(null_threshold=threshold).answer(questions, contexts)
        expected = [r.span if r.none - r.score <= threshold else "" for r in replies]
        assert answers == expected
    silent = make_reader(null_threshold=-1e6).answer(questions, contexts)
    assert set(silent) == {""}
    for context, answer in zip(contexts, answers, strict=True):
        assert bool(answer) == (context not in EMPTY)


def test_an_answer_beyond_the_first_window_is_found(make_reader):
    reader = make_reader(longest=20)
    replies = ask(reader, [(question, LONG) for question in QUESTIONS])
    assert any(LONG.index(reply.span) > 60 for reply in replies)  # more than 20 tokens


def test_a_window_without_room_beside_the_question_is_refused():
    values = {**SETTINGS.model_dump(), "longest": 15}
    with pytest.raises(ParamsError, match=r"s\.yaml: reader: .*longest_question"):
        validated(values, EncoderReaderSettings, path="s.yaml", within="reader")


# The classifier


@given(st.integers(0, 30), st.integers(0, 30), st.integers(3, 30))
def test_the_longer_of_document_and_claim_loses_its_end(first, second, longest):
    document, claim = list(range(first)), list(range(100, 100 + second))
    found = fit(document, claim, longest)
    a, b = document[:], claim[:]
    while len(a) + len(b) > longest - 3:
        if len(a) > len(b):
            a.pop()
        else:
            b.pop()
    assert found == (a, b)


PAIRS = [(d, c) for d in (LONG, TEXTS[0], "", "Ada") for c in (TEXTS[3], "Who?", "Ada Holt beat")]


def test_beliefs_are_those_of_the_hubs_own_tokenizer_and_network(claim_folder):
    classifier = EncoderClassifier(claim_folder, longest=64, contexts_per_batch=4)
    found = classifier.probabilities(*map(list, zip(*PAIRS, strict=True)))
    tokenizer = transformers.AutoTokenizer.from_pretrained(claim_folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(claim_folder).eval()
    for (document, claim), p in zip(PAIRS, found, strict=True):
        inputs = tokenizer(
            document,
            claim,
            truncation="only_first",
            max_length=64,
            return_token_type_ids=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            expected = model(**inputs).logits.softmax(-1)[0, 1].item()
        assert p == pytest.approx(expected, abs=1e-4)
    assert max(found) - min(found) > 0.05


def test_a_belief_depends_on_neither_order_nor_company(claim_folder):
    classifier = EncoderClassifier(claim_folder, longest=48, contexts_per_batch=5)
    together = dict(
        zip(PAIRS, classifier.probabilities(*map(list, zip(*PAIRS, strict=True))), strict=True)
    )
    for size in (1, 99):
        again = EncoderClassifier(claim_folder, longest=48, contexts_per_batch=size)
        shuffled = random.Random(1).sample(PAIRS * 2, 2 * len(PAIRS))
        found = again.probabilities(*map(list, zip(*shuffled, strict=True)))
        for key, p in zip(shuffled, found, strict=True):
            assert p == pytest.approx(together[key], abs=1e-4)
    assert classifier.probabilities([], []) == []


# Folders


def test_a_saved_encoder_is_the_same_here_and_for_transformers(tmp_path):
    base = save_bert(tmp_path / "base", "BertForMaskedLM")
    torch.manual_seed(0)
    made = encoder.start(SPAN, base, longest=64, dropout=0.25)
    encoder.save(made, tmp_path / "out")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["layer_norm_eps"] == 1e-12
    assert config["architectures"] == [SPAN.architecture]
    inputs = made.batch([([5, 6, 7], [8, 9, 10, 11]), ([12], [13])])
    assert inputs["attention_mask"].tolist() == [[1] * 10, [1] * 5 + [0] * 5]
    assert inputs["token_type_ids"].tolist() == [[0] * 5 + [1] * 5, [0] * 3 + [1] * 2 + [0] * 5]
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(tmp_path / "out").eval()
    ours = encoder.load(SPAN, tmp_path / "out", longest=64)
    with torch.inference_mode():
        expected = made.model(**inputs).start_logits
        for model in (ours.model, theirs):
            torch.testing.assert_close(model(**inputs).start_logits, expected, atol=1e-6, rtol=0)
    encoder.save(ours, tmp_path / "again")
    first, second = (tmp_path / name / "model.safetensors" for name in ("out", "again"))
    assert first.read_bytes() == second.read_bytes()


def test_a_new_head_stands_on_the_folders_own_body(tmp_path):
    base = save_bert(tmp_path / "base")
    # The real folder's file names no network, and holds the positions' numbers.
    state = load_file(base / "model.safetensors")
    assert "embeddings.word_embeddings.weight" in state
    numbers = {"embeddings.position_ids": torch.arange(64)[None]}
    save_file({**state, **numbers}, base / "model.safetensors")
    made = encoder.start(CLAIM, base, longest=64, dropout=0.0)
    own = made.model.state_dict()
    for name, tensor in state.items():
        assert torch.equal(own["bert." + name], tensor), name
    assert made.model.config.id2label == {0: "inconsistent", 1: "consistent"}


def _edit(folder, **changed):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def _drop(folder, name):
    state = load_file(folder / "model.safetensors")
    del state[name]
    save_file(state, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), r"config\.json: no such file"),
        (lambda f: _edit(f, model_type="t5"), "model_type is 't5'"),
        (lambda f: _edit(f, architectures=["BertModel"]), r"architectures is \['BertModel'\]"),
        (lambda f: _edit(f, position_embedding_type="relative_key"), "position_embedding_type"),
        (lambda f: _edit(f, max_position_embeddings=16), r"16 tokens, 32 are asked for"),
        (lambda f: _edit(f, hidden_size=32), r"model\.safetensors: "),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "never loaded"),
        (lambda f: _drop(f, "qa_outputs.weight"), r"missing \['qa_outputs\.weight'\]"),
        (lambda f: _drop(f, "bert.encoder.layer.1.output.dense.bias"), "missing .*layer"),
        (
            lambda f: (f / "tokenizer.json").write_text(
                (f / "tokenizer.json").read_text().replace("[SEP]", "[END]")
            ),
            r"tokenizer\.json: .*\[SEP\]",
        ),
    ],
)
def test_a_folder_that_is_no_trained_reader_is_refused(tmp_path, spoil, message):
    folder = save_bert(tmp_path / "reader", SPAN.architecture)
    spoil(folder)
    with pytest.raises(checkpoint.CheckpointError, match=message):
        EncoderReader(folder, SETTINGS)


def test_a_base_without_a_part_of_its_body_is_refused(tmp_path):
    folder = save_bert(tmp_path / "base")
    _drop(folder, "encoder.layer.0.output.dense.weight")
    with pytest.raises(checkpoint.CheckpointError, match=r"missing .*layer"):
        encoder.start(SPAN, folder, longest=32, dropout=0.0)


# The suite


def test_the_suite_takes_whichever_model_is_in_the_folder(
    tmp_path, span_folder, claim_folder, make_model, tokenizer
):
    t5 = tmp_path / "t5"
    checkpoint.save(make_model(tokenizer.backend.get_vocab_size()), tokenizer, t5)
    params = tmp_path / "scale.yaml"
    reading = {"longest": 48, "contexts_per_batch": 2}
    with open(params, "w") as file:
        YAML(typ="safe", pure=True).dump({"reader": SETTINGS.model_dump(), "factcc": reading}, file)
    assert is_encoder(span_folder)
    assert isinstance(suite.load_reader(params, span_folder), EncoderReader)
    assert isinstance(suite.load_classifier(params, claim_folder), EncoderClassifier)
    with open(params, "w") as file:
        YAML(typ="safe", pure=True).dump({"factcc": {**reading, "closest_words": 7}}, file)
    closest = suite.load_classifier(params, claim_folder)
    assert isinstance(closest, ClosestReading)
    assert (type(closest.classifier), closest.words) == (EncoderClassifier, 7)
    assert not is_encoder(t5)
    assert not is_encoder(tmp_path / "nowhere")
    assert isinstance(suite.load_reader(ROOT / "scales/testbed.yaml", t5), Reader)
    assert isinstance(suite.load_classifier(ROOT / "scales/testbed.yaml", t5), TrainedClassifier)


def test_the_laptop_scale_has_what_the_metrics_read():
    laptop = ROOT / "scales/laptop.yaml"
    reading = load_section(laptop, "reader", EncoderReaderSettings)
    assert reading.longest <= 512
    assert load_section(laptop, "factcc", FactccSettings).longest <= 512
    closest = load_section(laptop, "factcc", FactccSettings).closest_words
    learnt = load_section(laptop, "train_factcc", TrainEncoderFactcc).most_words
    assert closest == learnt, "it reads documents of the length that it has learnt from"
    assert not load_section(laptop, "qags", QagsSettings).refill_answers
