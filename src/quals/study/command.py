"""How does `quals study` run? Summaries in and a form out; answers in, shares and bars out."""

import argparse
import re
from pathlib import Path

from quals.errors import InputError
from quals.jsonl import DataError, Row, dump, read_jsonl, write_json, write_text, write_whole
from quals.scoring.metric import positive

HELP = "make a blind form that compares two methods, and read its answers"
DESCRIPTION = """\
People compare the summaries of two methods, A and B, without knowing which is which.

  quals study make --documents D.jsonl --a MLE.jsonl --b CONSEQ.jsonl \\
    --name-a MLE --name-b ConSeq --out form.html --key key.json
  quals study read --key key.json answers-*.json --out results.json --figure bars.png
"""
MAKE = "draw documents and write the form and its key"
READ = "un-blind the answers and report shares, intervals, sign tests and agreement"
ORACLE = "let the testbed's oracle answer the factual question"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    _add_make(steps.add_parser("make", help=MAKE, description=f"{MAKE}."))
    _add_read(steps.add_parser("read", help=READ, description=f"{READ}."))
    _add_oracle(steps.add_parser("oracle", help=ORACLE, description=f"{ORACLE}."))


def _add_make(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--documents", type=Path, required=True, metavar="FILE", help='lines {"id", "document"}')
    add("--a", type=Path, required=True, metavar="FILE", help='lines {"id", "summary"}: baseline')
    add("--b", type=Path, required=True, metavar="FILE", help="the same: the method under test")
    add("--name-a", required=True, metavar="NAME", help="what results call the baseline")
    add("--name-b", required=True, metavar="NAME", help="what results call the other method")
    add("--count", type=positive, default=100, metavar="N", help="documents (default %(default)s)")
    add("--seed", type=int, default=0, help="which documents and sides (default %(default)s)")
    add(
        "--keep-identical",
        action="store_true",
        help="also ask about documents whose two summaries are the same",
    )
    add("--title", default="Which summary is better?", metavar="TEXT", help="heading of the form")
    add("--out", type=Path, required=True, metavar="HTML", help="the form, for annotators")
    add("--key", type=Path, required=True, metavar="JSON", help="who wrote what, not for them")
    parser.set_defaults(act=_make)


def _add_read(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("answers", type=Path, nargs="+", metavar="ANSWERS", help="what the form exported")
    add("--key", type=Path, required=True, metavar="JSON", help="the key of the form")
    add("--out", type=Path, required=True, metavar="JSON", help="the results")
    add("--figure", type=Path, metavar="PNG", help="the results as stacked bars")
    add("--resamples", type=positive, default=5000, metavar="N", help="default %(default)s")
    add("--seed", type=_natural, default=0, help="of the resamples (default %(default)s)")
    add("--level", type=_level, default=0.95, help="of the intervals (default %(default)s)")
    parser.set_defaults(act=_read)


def _add_oracle(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--key", type=Path, required=True, metavar="JSON", help="the key of the form")
    add("--documents", type=Path, required=True, metavar="FILE", help='lines {"id", "document"}')
    add("--truth", type=Path, required=True, metavar="FILE", help="the truth of these documents")
    add("--out", type=Path, required=True, metavar="JSON", help="answers, as the form exports them")
    parser.set_defaults(act=_oracle)


def run(arguments: argparse.Namespace) -> int:
    """One of the three steps; bad input raises `InputError`."""
    arguments.act(arguments)
    return 0


def _make(arguments: argparse.Namespace) -> None:
    from quals.study import blinding, page
    from quals.study.files import read_compared

    names = (arguments.name_a.strip(), arguments.name_b.strip())
    if not all(names) or names[0] == names[1]:
        raise InputError("--name-a and --name-b must be two different names")
    if arguments.out.resolve() == arguments.key.resolve():
        raise InputError("--out and --key must be two different files")
    _blind_title(arguments.title, names)
    compared = read_compared(arguments.documents, arguments.a, arguments.b)
    study = blinding.draw(
        compared,
        names,
        count=arguments.count,
        seed=arguments.seed,
        keep_identical=arguments.keep_identical,
    )
    _spare_key(arguments.key, study.key)
    write_json(arguments.key, study.key)
    write_text(arguments.out, page.render(study, arguments.title))
    print(f"{arguments.out}: form {study.form['form']}, {len(study.items)} documents")
    print(f"{arguments.key}: the key, to be kept from annotators")
    lacking = len(compared.documents) - study.both
    if lacking:
        print(f"{lacking} of {len(compared.documents)} documents lack a summary and stay out")
    if study.identical:
        fate = "may be among them" if study.identical_kept else "stay out"
        print(f"{study.identical} of {study.both} documents have the same summary twice and {fate}")


def _blind_title(title: str, names: tuple[str, str]) -> None:
    """The heading is the one text of the form that the files do not give."""
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", title, re.IGNORECASE) for name in names):
        raise InputError("--title names a method, and annotators read it")


def _spare_key(path: Path, key: Row) -> None:
    """Answers that are under way need their key: only the same key may be written over it."""
    if path.exists() and path.read_bytes() != (dump(key, indent=2) + "\n").encode():
        raise InputError(f"{path}: is there already and is another form's key; choose another name")


def _read(arguments: argparse.Namespace) -> None:
    from quals.study.files import read_answers, read_key
    from quals.study.results import analyse
    from quals.study.table import lines

    key = read_key(arguments.key)
    answers = read_answers(arguments.answers, key)
    results = analyse(
        key,
        answers,
        resamples=arguments.resamples,
        seed=arguments.seed,
        level=arguments.level,
    )
    write_json(arguments.out, results)
    if arguments.figure is not None:
        from quals.analysis.plots import save
        from quals.study.figure import bars_figure

        figure = bars_figure(results)
        write_whole(arguments.figure, lambda path: save(figure, path))
    print("\n".join(lines(results)))


def _oracle(arguments: argparse.Namespace) -> None:
    from quals.corpus import Article
    from quals.study import oracle
    from quals.study.files import read_key
    from quals.testbed.oracle import Oracle

    key = read_key(arguments.key)
    rows = read_jsonl(arguments.documents, {"id": str, "document": str})
    articles = [Article(row["id"], row["document"], "") for row in rows]
    judge = Oracle(arguments.truth.parent, arguments.truth.stem, articles)
    known_ids = {arguments.documents: judge.documents, arguments.truth: judge.stories}
    for item in key.items:
        for path, known in known_ids.items():
            if item.document_id not in known:
                raise DataError(f"{path}: no row has the id '{item.document_id}'")
    write_json(arguments.out, oracle.answers(key, lambda *texts: judge.judge(*texts).consistent))
    print(f"{arguments.out}: {len(key.items)} answers to the factual question, none to the others")


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number")
    return int(text)


def _level(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number between 0 and 1")
    return value
