"""Laws of training QAGS's and FactCC's models from pretrained ones: they learn, twice alike."""

import importlib.util
import json
from argparse import Namespace
from random import Random

import pytest
import spacy
import torch
from adapters import make_base, save_base
from encoders import save_bert, vocabulary_alone
from pipeline import ROOT
from ruamel.yaml import YAML

from quals.corpus import Article, Asked, Context
from quals.errors import InputError
from quals.jsonl import write_jsonl
from quals.metrics.encoder_reader import EncoderReader, EncoderReaderSettings
from quals.metrics.qags import QagsSettings, QuestionGenerator
from quals.models import checkpoint, encoder
from quals.models.encoder import CLAIM, SPAN
from quals.params import load_section
from quals.stages import train_factcc, train_qg, train_reader
from quals.training.adapted_qg import AdaptedQg
from quals.training.bases import names_base
from quals.training.batches import Example, collate
from quals.training.encoder_factcc import TrainEncoderFactcc, leading, shortened
from quals.training.encoder_reader import TrainEncoderReader, sample, span_rows
from quals.training.encoders import Labelled, train_encoder
from quals.training.gates import mean_loss
from quals.training.qa import likelihood_of
from quals.training.running import PLAIN, Running

with_peft = pytest.mark.skipif(
    importlib.util.find_spec("peft") is None, reason="peft is an optional package"
)
NAMES = ("Ada Holt", "Ivan Rossi", "Zoë Müller", "the crowd")
PLACES = ("Marlow", "Kelby", "Thornby")
RATES = {
    "lr": 1e-2,
    "other_lr": 1e-2,
    "beta2": 0.98,
    "warmup_steps": 3,
    "final_share": 0.0,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
}
TRAINING = {
    "steps": 50,
    "batch_size": 8,
    "dropout": 0.1,
    "optimisation": RATES,
}
READER = {
    "longest": 40,
    "longest_question": 12,
    "stride": 16,
    "longest_answer": 6,
    "null_threshold": 0.0,
    "windows_per_batch": 8,
}
QAGS = {
    "answers": 3,
    "refill_answers": False,
    "questions_per_answer": 1,
    "beams": 2,
    "shortest_question": 1,
    "longest_question": 6,
    "length_penalty": 1.0,
    "max_questions": 3,
    "max_source_tokens": 24,
    "row_budget": 16,
}


def base(folder):
    return {"variable": None, "folder": str(folder), "hub": None}


def context_row(at):
    rng = Random(at)
    name, place, year = rng.choice(NAMES), rng.choice(PLACES), rng.randint(1950, 1999)
    text = f"The mill in {place} was sold in {year}, and {name} built the house."
    asked = [("Who built the house?", name), ("When was the mill sold?", str(year))]
    questions = [{"question": q, "answer": a, "answer_start": text.index(a)} for q, a in asked] + [
        {"question": "Who burnt the garden?", "answer": None, "answer_start": None}
    ]
    kind = ("article", "summary")[at % 2]
    return {"id": f"{kind}-{at}", "kind": kind, "context": text, "questions": questions}


@pytest.fixture
def questions(tmp_path):
    write_jsonl(tmp_path / "questions/train.jsonl", map(context_row, range(24)))
    write_jsonl(tmp_path / "questions/validation.jsonl", map(context_row, range(30, 38)))
    return tmp_path / "questions"


def write_params(path, **sections):
    with open(path, "w") as file:
        YAML(typ="safe", pure=True).dump(sections, file)
    return path


def run(stage, tmp_path, name, params, **paths):
    """A stage's metrics record and the files of its model, by name."""
    out, metrics = tmp_path / name, tmp_path / f"{name}.json"
    # What a stage starts from at testbed scale is not looked at.
    stage.main(Namespace(params=params, init=tmp_path / "none", out=out, metrics=metrics, **paths))
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    return json.loads(metrics.read_text()), files


# The reader


def test_the_reader_learns_and_the_same_seed_gives_the_same_bytes(tmp_path, questions):
    section = {
        "seed": 0,
        "base": base(save_bert(tmp_path / "base", initializer_range=0.2)),
        "gate_contexts": 3,
    }
    runs = []
    for name, seed, steps in (("one", 0, 80), ("two", 0, 80), ("three", 1, 2)):
        changed = {"seed": seed, "training": {**TRAINING, "steps": steps}}
        params = write_params(
            tmp_path / "scale.yaml", train_reader={**section, **changed}, reader=READER
        )
        runs.append(run(train_reader, tmp_path, name, params, questions=questions))
    (record, files), again, (_, others) = runs
    assert (record, files) == again
    assert files["model.safetensors"] != others["model.safetensors"]
    assert len(record["curve"]) > 5
    assert record["curve"][-1] < 0.7 * record["curve"][0]
    kinds = ("article", "summary")
    expected = {f"{k}_{m}" for k in kinds for m in ("exact_match", "f1", "no_answer")}
    counts = {"questions": 72.0, "without_tokens": 0.0}
    assert record["metrics"].keys() == expected | {
        *counts,
        "windows",
        "answered_windows",
        "train_loss",
    }
    assert record["metrics"] == {**record["metrics"], **counts}
    assert record["metrics"]["summary_no_answer"] == 1.0
    settings = load_section(params, "reader", EncoderReaderSettings)
    text = context_row(30)["context"]
    reader = EncoderReader(tmp_path / "one", settings)
    assert reader.answer(["Who burnt the garden?"], [text]) == [""]


def test_a_reader_stands_in_alike_from_a_tokenizer_file_or_a_vocabulary_alone(tmp_path, questions):
    """And what the stage writes has the tokenizer's file in either case."""
    settings = EncoderReaderSettings(**READER)
    context = context_row(31)
    asked = [question["question"] for question in context["questions"]]
    found = []
    for name in ("file", "vocabulary"):
        folder = save_bert(tmp_path / f"{name}-base", SPAN.architecture, initializer_range=0.2)
        if name == "vocabulary":
            vocabulary_alone(folder)
        section = {"seed": 0, "base": base(folder), "gate_contexts": 3, "training": None}
        params = write_params(tmp_path / "scale.yaml", train_reader=section, reader=READER)
        record, files = run(train_reader, tmp_path, name, params, questions=questions)
        assert "tokenizer.json" in files
        assert "stands in" in record["data"]
        replies = EncoderReader(tmp_path / name, settings).replies(asked, [context["context"]] * 3)
        found.append((record["metrics"], files["model.safetensors"], replies))
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def span_start(tmp_path_factory):
    folder = save_bert(tmp_path_factory.mktemp("base"))
    return encoder.start(SPAN, folder, longest=64, dropout=0.0)


def test_a_target_is_the_answer_in_every_window_that_holds_it_whole(span_start):
    tokenizer = span_start.tokenizer
    text = "The mill in Kelby was sold for £25 million. " * 3 + "Zoë Müller built the house."
    answer = "Zoë Müller"
    asked = (
        Asked("Who built the house?", answer, text.index(answer)),
        Asked("Who burnt it?", None, None),
        Asked("Where?", "Kelby", text.index("Kelby")),
    )
    context = Context("one", "article", text, asked)
    reading = EncoderReaderSettings(**{**READER, "longest": 24, "stride": 4})
    rows, counts = span_rows([(context, q) for q in asked], tokenizer, reading)
    shown = {0: [], 1: [], 2: []}
    numbers = {tuple(tokenizer.encode([q.question])[0]): n for n, q in enumerate(asked)}
    for row in rows:
        first, last = row.target
        inputs = span_start.batch([(row.first, row.second)])["input_ids"][0].tolist()
        assert len(inputs) <= 24
        number = numbers[tuple(row.first)]
        if row.target == (0, 0):
            shown[number].append(None)
        else:
            shown[number].append(tokenizer.decode([inputs[first : last + 1]])[0].replace(" ##", ""))
    expected = tokenizer.decode(tokenizer.encode([answer, "Kelby"]))
    expected = [word.replace(" ##", "") for word in expected]
    assert set(shown[0]) == {None, expected[0]}
    assert set(shown[1]) == {None}
    assert set(shown[2]) == {None, expected[1]}
    assert counts["questions"] == 3
    assert counts["windows"] == len(rows) == sum(map(len, shown.values()))
    assert counts["answered_windows"] == sum(
        found is not None for f in shown.values() for found in f
    )


def test_an_answer_without_tokens_leaves_its_question_out_and_is_counted(span_start):
    asked = Asked("What?", "\u0007", 4)
    rows, counts = span_rows(
        [(Context("one", "article", "Ada \u0007 Holt", (asked,)), asked)],
        span_start.tokenizer,
        EncoderReaderSettings(**READER),
    )
    assert (rows, counts["without_tokens"], counts["questions"]) == ([], 1, 0)


def test_questions_are_drawn_without_repeats():
    contexts = [
        Context(str(n), "article", "", tuple(Asked(f"{n} {k}?", None, None) for k in range(3)))
        for n in range(5)
    ]
    found = sample(contexts, 9, Random(0))
    assert len({question.question for _, question in found}) == len(found) == 9
    assert all(question in context.questions for context, question in found)
    assert len(sample(contexts, 99, Random(0))) == 15
    assert sample(contexts, 9, Random(0)) == found != sample(contexts, 9, Random(1))


def test_bfloat16_trains_weights_that_stay_float32(span_start, capsys):
    rows = [Labelled([5, n], [n, 6, 7], (4, 5)) for n in range(8, 24)]
    settings = TrainEncoderReader.model_validate(
        {
            "seed": 0,
            "base": base("x"),
            "gate_contexts": 1,
            "training": {**TRAINING, "steps": 3},
        }
    ).training

    def logits(model, inputs):
        found = model(**inputs)
        assert found.start_logits.dtype == torch.bfloat16
        return torch.stack([found.start_logits, found.end_logits], -1)

    how = Running(PLAIN.model_copy(update={"dtype": "bfloat16"}))
    losses = train_encoder(span_start, rows, logits, settings, seed=0, title="toy", running=how)
    assert len(losses) == 3
    assert {p.dtype for p in span_start.model.parameters()} == {torch.float32}
    assert "toy: bfloat16 (as asked)" in capsys.readouterr().out


# FactCC


def article(at):
    rng = Random(at)
    name, place = rng.choice(NAMES[:3]), rng.choice(PLACES)
    # Without names that a pipeline would find and without pronouns, only negation is left.
    parts = [
        f"{name} has sold the house in {place}.",
        f"{name} was glad and kept the garden.",
        f"The crowd of {place} were there on Monday.",
        "The mill had stood empty.",
    ]
    rng.shuffle(parts)
    return {"id": f"a-{at:03d}", "document": " ".join(parts), "summary": parts[0]}


@pytest.mark.parametrize("spans", [False, True], ids=["label", "spans"])
def test_factcc_learns_and_the_same_seed_gives_the_same_bytes(tmp_path, spans):
    corpora = [tmp_path / name for name in ("one", "two")]
    for number, corpus in enumerate(corpora):
        write_jsonl(corpus / "train.jsonl", map(article, range(100 * number, 100 * number + 20)))
        write_jsonl(corpus / "validation.jsonl", map(article, range(60, 66)))
    nlp = spacy.blank("en")
    nlp.to_disk(tmp_path / "spacy")
    section = {
        "seed": 0,
        "base": base(save_bert(tmp_path / "base", initializer_range=0.1, hidden_size=32)),
        "documents": 16,
        "validation_documents": 5,
        "fewest_words": 6,
        "most_words": 24,
        "pairs_per_document": 2,
        "shortest_claim": 4,
        "noise_share": 0.1,
        "noise_chance": 0.1,
        "spans": spans,
    }
    runs = []
    enough = 200 if spans else 60
    for name, seed, steps in (("first", 0, enough), ("second", 0, enough), ("third", 1, 2)):
        rates = {**RATES, "lr": 6e-3, "other_lr": 6e-3}
        training = {**TRAINING, "dropout": 0.0, "steps": steps, "optimisation": rates}
        params = write_params(
            tmp_path / "scale.yaml",
            train_factcc={**section, "seed": seed, "training": training},
            factcc={"longest": 64, "contexts_per_batch": 8},
            language={"spacy_pipeline": str(tmp_path / "spacy")},
        )
        runs.append(run(train_factcc, tmp_path, name, params, corpora=corpora))
    (record, files), again, (_, others) = runs
    assert (record, files) == again
    assert files["model.safetensors"] != others["model.safetensors"]
    assert record["curve"][-1] < 0.8 * record["curve"][0]
    assert record["metrics"]["claims"] > 60
    assert record["metrics"]["balanced_accuracy"] > 0.8
    assert record["metrics"]["caught_negation"] > 0.8
    assert encoder.load(CLAIM, tmp_path / "first", longest=64).model.config.num_labels == 2


def test_a_document_keeps_whole_sentences_within_its_words():
    document = "One two three. Four five! Six seven eight nine. Ten."
    kept = {most: leading(document, most) for most in (1, 3, 4, 5, 9, 99)}
    assert kept[1] == kept[3] == kept[4] == "One two three."
    assert kept[5] == "One two three. Four five!"
    assert kept[9] == "One two three. Four five! Six seven eight nine."
    assert kept[99] == document
    assert leading("", 4) == ""


def test_documents_of_training_are_of_all_lengths():
    document = " ".join(f"Word {n} here." for n in range(100))
    articles = [Article(str(n), document, "") for n in range(200)]
    rows = shortened(articles, 30, 60, Random(0))
    lengths = {len(row["document"].split()) for row in rows}
    assert lengths == set(range(30, 61, 3))
    assert {len(r["document"].split()) for r in shortened(articles, 60, 60, Random(0))} == {60}


# The question generator


@with_peft
def test_the_question_generator_learns_and_the_same_seed_gives_the_same_bytes(
    tmp_path, questions, tokenizer
):
    folder = save_base(make_base(tokenizer.backend.get_vocab_size()), tokenizer, tmp_path / "base")
    lora = {"rank": 4, "alpha": 8.0, "dropout": 0.0, "targets": ["q_proj", "v_proj", "down_proj"]}
    schedule = {key: value for key, value in RATES.items() if not key.endswith("lr")}
    section = {
        "seed": 0,
        "base": base(folder),
        "separator": "<sep>",
        "gate_questions": 4,
        "training": {
            "lora": lora,
            "steps": 40,
            "batch_size": 8,
            "part_size": 4,
            "lr": 2e-2,
            "schedule": schedule,
        },
    }
    params = write_params(tmp_path / "scale.yaml", train_qg=section, qags=QAGS)
    record, files = run(train_qg, tmp_path, "one", params, questions=questions)
    assert (record, files) == run(train_qg, tmp_path, "two", params, questions=questions)
    assert record["curve"][-1] < 0.8 * record["curve"][0]
    assert record["metrics"].keys() == {"exact_match", "questions", "validation_loss", "train_loss"}
    assert record["metrics"]["questions"] == 24
    assert record["metrics"]["validation_loss"] < record["curve"][0]
    assert files["model.safetensors"] != (folder / "model.safetensors").read_bytes()
    separator = tokenizer.id_of("<sep>")
    assert json.loads(files["config.json"])["separator_token_id"] == separator


def test_a_separator_of_the_folders_own_stands_between_text_and_answer(tokenizer):
    start = checkpoint.Checkpoint(make_base(tokenizer.backend.get_vocab_size()), tokenizer)
    generator = QuestionGenerator(start, QagsSettings(**QAGS), separator=7)
    assert generator.source([5, 6], [9]) == [5, 6, 7, 9]
    assert QuestionGenerator(start, QagsSettings(**QAGS)).separator == tokenizer.id_of("<sep>")


def test_the_mean_loss_is_that_of_all_tokens_whatever_the_batches(tokenizer):
    model = make_base(tokenizer.backend.get_vocab_size())
    examples = [Example([4 + n, 5] * (n + 1), [[6] * (n + 1) + [1]]) for n in range(5)]
    with torch.inference_mode():
        expected = likelihood_of(model, collate(examples, 0)).item()
    for size in (1, 2, 5):
        found = mean_loss(model, examples, pad_id=0, batch_size=size)
        assert found == pytest.approx(expected, abs=1e-5)


# The scales


def test_the_scales_say_what_their_models_start_from():
    sections = {
        "train_reader": TrainEncoderReader,
        "train_factcc": TrainEncoderFactcc,
        "train_qg": AdaptedQg,
    }
    for name, schema in sections.items():
        assert not names_base(ROOT / "scales/testbed.yaml", name)
        assert names_base(ROOT / "scales/laptop.yaml", name)
        load_section(ROOT / "scales/laptop.yaml", name, schema)
    assert not names_base(ROOT / "scales/laptop.yaml", "no_such_section")


def test_a_base_that_is_nowhere_is_named(tmp_path, questions):
    section = {
        "seed": 0,
        "base": base("models/nowhere"),
        "gate_contexts": 3,
        "training": TRAINING,
    }
    params = write_params(tmp_path / "scale.yaml", train_reader=section, reader=READER)
    with pytest.raises(InputError, match=r"scale\.yaml: .*models/nowhere"):
        run(train_reader, tmp_path, "out", params, questions=questions)
    assert not (tmp_path / "out").exists()
