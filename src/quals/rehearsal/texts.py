"""What do the rehearsal's data sets say? Invented news in the columns that the hub has.

Every summary holds the words of `ANSWER`, so that a tiny model which has learnt to ask for them
asks something of every summary.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random

from quals.jsonl import Row, write_text

PEOPLE = ("Ada Holt", "Ivan Rossi", "Mara Quinn", "Otto Lind", "Nia Brook", "Sam Doyle")
TOWNS = ("Kelby", "Marlow", "Thornby", "Ostley", "Wexmoor", "Haddon")
THINGS = ("mill", "bridge", "library", "harbour", "market", "school")
DEEDS = {"sell": "sold", "close": "closed", "repair": "repaired", "move": "moved"}
DAYS = ("Monday", "Tuesday", "Thursday", "Friday")
ANSWER = "the council"
QUESTION = "Was it the council that said so?"  # itself a text that can be asked about
ASIDES = (
    "It had stood empty for {number} years, and nobody would pay for the roof.",
    "About {number} people came to see it, and some of them were not glad.",
    "{person} said that {other} had known of it since {day}.",
    "She will keep the garden, he said, but they have not seen the plans.",
    "A letter from {town} asked for £{number} million, which was refused.",
)
SHARE_BAR = ("Share this with", "Email", "Facebook")
SPLITS = {"train": 36, "validation": 4, "test": 6}  # articles of each data set
LONG = 90  # asides of an article that is longer than any model reads; every sixth is


def invent(dataset: str, split: str, count: int) -> list[tuple[str, list[str], list[str]]]:
    """Id, lines of the document and lines of the summary of each article; fixed by the names."""
    rng = Random(f"{dataset} {split}")
    found = []
    for number in range(count):
        names = {
            "person": rng.choice(PEOPLE),
            "town": rng.choice(TOWNS),
            "thing": rng.choice(THINGS),
            "day": rng.choice(DAYS),
        }
        deed = rng.choice(sorted(DEEDS))
        lead = "{person} will {deed} the {thing} of {town}, {answer} said on {day}."
        told = "The {thing} is to be {done} by {person}, says {answer} of {town}."
        values = {**names, "deed": deed, "done": DEEDS[deed], "answer": ANSWER}
        asides = [
            rng.choice(ASIDES).format(
                **names, other=rng.choice(PEOPLE), number=rng.randrange(2, 90)
            )
            for _ in range(LONG if number % 6 == 0 else rng.randrange(6, 12))
        ]
        document = [f"News {number} of {split}.", lead.format(**values), *asides]
        summary = [told.format(**values)]
        if dataset == "cnndm":
            summary += [f"{names['person']} was told of it on {names['day']}", asides[0]]
        found.append((f"{dataset}-{split}-{number:03d}", document, summary))
    return found


def xsum_rows(split: str) -> list[Row]:
    """XSUM's columns, with the share bar that its filter takes out."""
    return [
        {"id": name, "document": "\n".join((*SHARE_BAR, *document)), "summary": " ".join(summary)}
        for name, document, summary in invent("xsum", split, SPLITS[split])
    ]


def cnndm_rows(split: str) -> list[Row]:
    """CNN/DailyMail's columns: a highlight a line."""
    return [
        {"id": name, "article": " ".join(document), "highlights": "\n".join(summary)}
        for name, document, summary in invent("cnndm", split, SPLITS[split])
    ]


def squad_rows(split: str) -> list[Row]:
    """SQuAD's columns: what the opening tells, asked in three ways."""
    rows = []
    for name, document, _ in invent("squad", split, SPLITS[split]):
        text = " ".join(document)
        person, _, rest = document[1].partition(" will ")
        day = rest.rstrip(".").rpartition(" ")[2]
        asked = (("Who will do it?", person), (QUESTION, ANSWER), ("On what day?", day))
        for number, (question, answer) in enumerate(asked):
            rows.append(
                {
                    "id": f"{name}-{number}",
                    "title": "Invented",
                    "context": text,
                    "question": question,
                    "answers": {"text": [answer], "answer_start": [text.index(answer)]},
                }
            )
    return rows


def newsqa_content() -> Row:
    """NewsQA's combined file: consensus spans of the story's text."""
    stories = []
    for kind in ("train", "dev", "test"):
        for name, document, _ in invent("newsqa", kind, 4):
            text = "\n\n".join(document)
            start = text.index(ANSWER)
            span = {"s": start, "e": start + len(ANSWER)}
            asked = [{"q": QUESTION, "consensus": span}, {"q": "Why?", "consensus": NO_ANSWER}]
            stories.append({"storyId": name, "type": kind, "text": text, "questions": asked})
    return {"version": "1", "data": stories}


NO_ANSWER = {"noAnswer": True}


def judged_rows(benchmark: str) -> list[Row]:
    """QAGS's files: three readers say of every sentence whether it is consistent."""
    rng = Random(benchmark)
    return [
        {
            "article": " ".join(document),
            "summary_sentences": [
                {
                    "sentence": sentence,
                    "responses": [
                        {"worker_id": worker, "response": rng.choice(("yes", "no"))}
                        for worker in range(3)
                    ],
                }
                for sentence in summary
            ],
        }
        for _, document, summary in invent(benchmark, "test", 16)
    ]


def claim_rows() -> list[Row]:
    """FactCC's file: of every document a claim that it makes, and the same of somebody else."""
    rows = []
    for name, document, summary in invent("factcc", "test", 16):
        text = " ".join(document)
        person = next(person for person in PEOPLE if person in summary[0])
        other = PEOPLE[PEOPLE.index(person) - 1]
        for label, claim in ((1, summary[0]), (0, summary[0].replace(person, other))):
            row = {"id": f"{name}-{label}", "document": text, "claim": claim, "label": label}
            rows.append(row)
    return rows


def write_hub_set(folder: Path, config: str | None, rows: Mapping[str, Iterable[Row]]) -> None:
    """A folder that `datasets` loads as it loads a repository of the hub, configuration and all."""
    files = []
    for split, listed in rows.items():
        _write(folder / f"{split}.jsonl", listed)
        files += [f"  - split: {split}", f"    path: {split}.jsonl"]
    card = ["---", "configs:", f'- config_name: "{config or "default"}"', "  data_files:", *files]
    write_text(folder / "README.md", "\n".join([*card, "---", ""]))


def write_set(folder: Path, rows: Callable[[str], list[Row]]) -> None:
    """A folder with a file for each split, as `QUALS_DATA` holds one for each data set."""
    for split in SPLITS:
        _write(folder / f"{split}.jsonl", rows(split))


def write_judged(folder: Path) -> None:
    """What the section `judgments` names."""
    for name in ("cnndm", "xsum"):
        _write(folder / "qags" / f"mturk_{name}.jsonl", judged_rows(name))
    _write(folder / "factcc" / "validation.jsonl", claim_rows())


def _write(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
