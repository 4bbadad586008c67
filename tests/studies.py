"""What do the tests of a study share? Small corpora, forms, keys and answers."""

import json

from quals.study.blinding import Compared, draw
from quals.study.files import Answers, Key
from quals.study.questions import QUESTIONS

NAMES = ("Oldmethod", "Newmethod")


def compared(size, *, same=()):
    """Documents "d00", "d01", ... with two summaries; of `same` the two are alike."""
    ids = [f"d{at:02}" for at in range(size)]
    return Compared(
        {id_: f"Article {id_}.\n\nAda won the race in Kelby." for id_ in ids},
        {id_: f"Ada won {id_}." for id_ in ids},
        {id_: f"Ada won {id_}." if id_ in same else f"Ivan sold {id_}." for id_ in ids},
    )


def study(size=4, *, count=None, seed=0, **options):
    texts = compared(size, same=options.pop("same", ()))
    return draw(texts, NAMES, count=count or size, seed=seed, **options)


def key_of(made):
    return Key.model_validate(json.loads(json.dumps(made.key)))


def answer(item, *choices, comment=""):
    """The row of one item; questions without a choice stay open."""
    choices += (None,) * (len(QUESTIONS) - len(choices))
    names = [question.name for question in QUESTIONS]
    return {"item": item, **dict(zip(names, choices, strict=True)), "comment": comment}


def answers(key, rows, annotator="Ada"):
    content = {"form": key.form, "annotator": annotator, "answers": rows}
    return Answers.model_validate(content)


def side_of(key, at, name):
    """On which side of an item a method stands."""
    return "A" if name == key.items[at].A else "B"


def preferring(key, outcomes, annotator="Ada"):
    """Answers to the factual question by outcome for the new method, item by item; None is open."""
    rows = []
    for at, outcome in enumerate(outcomes):
        chosen = {
            "better": side_of(key, at, NAMES[1]),
            "worse": side_of(key, at, NAMES[0]),
            "equal": "equal",
            None: None,
        }[outcome]
        rows.append(answer(key.items[at].item, chosen))
    return answers(key, rows, annotator)
