"""How does `quals explain` run? Texts and model in; a page, or plain text in the terminal, out."""

import argparse
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from quals.errors import InputError
from quals.explain import page, terminal, wording
from quals.explain.evidence import Explanation, explain, sentence_spans, sentences_to_read
from quals.explain.texts import STREAM, Texts, read_texts
from quals.jsonl import Row, write_text
from quals.models.source import model_folder
from quals.scoring.metric import add_metric_arguments, chosen_settings, unscorable

if TYPE_CHECKING:  # torch takes seconds to import, and a wrong option should not wait for it
    from quals.metrics.quals import Quals

HELP = "show why a summary's score is what it is"
DESCRIPTION = """\
Each question and answer of one summary: where the answer stands, how likely every token is under
the summary and under the document, and the document sentence that comes closest. With --html a
self-contained page, else plain text.

  quals explain --document D.txt --summary S.txt --model DIR --html out.html
  quals explain --scored OUT.jsonl --input IN.jsonl --id ID --model DIR --html out.html
"""
# Files round to six digits; another machine may round a little differently.
SAME_SCORE = 1e-3
NO_PAIR = "no question-answer pair survives"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--document", metavar="FILE", help="text of the document; - is standard input")
    add("--summary", metavar="FILE", help="text of the summary; - is standard input")
    add("--document-text", metavar="TEXT", help="the document itself")
    add("--summary-text", metavar="TEXT", help="the summary itself")
    add("--scored", metavar="OUT", help="what quals score wrote; goes with --input and --id")
    add("--input", metavar="IN", help="what quals score read, plain or gzip")
    add("--id", metavar="ID", help="which line of both")
    add_metric_arguments(parser)
    add("--html", metavar="FILE", help="write a page; - prints it")
    add("--title", default="Why this score?", metavar="TEXT", help="heading of the page")


def run(arguments: argparse.Namespace) -> int:
    """Explain, print or write; exit code 0 also where no pair survives. Bad input raises."""
    texts = read_texts(arguments)
    quals = _load(arguments)
    explanation = explained(quals, texts)
    for note in explanation.notes:
        print(f"note: {note}", file=sys.stderr)
    if arguments.html is None:
        _print(terminal.render(explanation, shutil.get_terminal_size().columns))
    elif arguments.html == STREAM:
        _print(page.render(explanation, arguments.title))
    else:
        try:
            write_text(arguments.html, page.render(explanation, arguments.title))
        except OSError as error:
            raise InputError(f"{arguments.html}: {error.strerror or error}") from error
        print(f"{arguments.html}: {wording.meaning(explanation)}", file=sys.stderr)
    return 0


def explained(quals: "Quals", texts: Texts) -> Explanation:
    """The explanation of one summary: its pairs, and the sentences read one by one."""
    document, summary = texts.document, texts.summary
    reason = unscorable(document, summary)
    pairs = [] if reason else quals.token_pairs(document, summary)
    spans = sentence_spans(document)
    chosen = sentences_to_read(document, spans, pairs) if pairs else []
    found = explain(
        document,
        summary,
        pairs,
        alone=_answers_alone(quals, summary, {i: spans[i].of(document) for i in chosen}),
        likelihood=quals.settings.likelihood,
        reason=reason or (None if pairs else NO_PAIR),
    )
    notes = [*_cut_notes(quals, document, summary), *_scored_notes(found, texts.scored)]
    return replace(found, notes=tuple(notes))


def _answers_alone(
    quals: "Quals", summary: str, sentences: dict[int, str]
) -> dict[int, list[float]]:
    """The likelihood of each pair's answer under each sentence alone, all in one pass."""
    from quals.metrics.quals import Quals
    from quals.models.checkpoint import Checkpoint

    settings = quals.settings.model_copy(update={"likelihood": "answer"})
    asked = Quals(Checkpoint(quals.model, quals.tokenizer), quals.separator, settings)
    results = asked.score(list(sentences.values()), [summary] * len(sentences))
    return {
        i: [pair.document_logprob for pair in result.pairs]
        for i, result in zip(sentences, results, strict=True)
    }


def _cut_notes(quals: "Quals", document: str, summary: str) -> list[str]:
    """What the model could not read of the texts: it stops after `max_source_tokens`."""
    most = quals.settings.max_source_tokens
    sizes = map(len, quals.tokenizer.encode([document, summary]))
    notes = {
        name: f"The score rests on the first {most:,} of the {name}'s {size:,} tokens: the model "
        "reads no further."
        for name, size in zip(("document", "summary"), sizes, strict=True)
        if size > most
    }
    if "document" in notes:
        notes["document"] += " Closest sentences are searched in all of it."
    return list(notes.values())


def _scored_notes(found: Explanation, scored: Row | None) -> list[str]:
    """Whether the scored file has another score, made with another model or other settings."""
    if scored is None:
        return []
    before = scored["quals"]
    if before is None or found.quals is None:
        same = before is found.quals
    else:
        same = isinstance(before, int | float) and abs(before - found.quals) <= SAME_SCORE
    if same:
        return []
    values = [
        "no score" if value is None else wording.signed(float(str(value)), digits=4)
        for value in (before, found.quals)
    ]
    return [
        f"The scored file has {values[0]} here, this model with these settings gives {values[1]}: "
        "the file was made with another model or other settings."
    ]


def _load(arguments: argparse.Namespace) -> "Quals":
    from quals.metrics.quals import Quals

    arguments.model = model_folder(arguments.model)
    return Quals.from_pretrained(arguments.model, chosen_settings(arguments))


def _print(text: str) -> None:
    """Print what the terminal's encoding can show, stand-ins for the rest."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
