"""What do the metrics compute about a corpus? QUALS, QAGS and FactCC, by the scale's settings.

Each takes `documents` documents with `each` distinct summaries, and returns the work, the most
tokens that are in memory at once, and the most that have logits. What no setting tells is assumed
below, the same at all scales.
"""

from quals.doctor.arithmetic import LONGEST, Load, read, write
from quals.doctor.scale import BATCH, Scale
from quals.doctor.shapes import Shape
from quals.doctor.sizes import Corpus
from quals.metrics.texts import PARTS

SURVIVING = 0.8  # of QUALS's `max_pairs` pairs and of QAGS's `max_questions` questions are kept
RAMBLING = 1.5  # late groups write longer pairs than people do
GROUP_CHOICES = 7  # small operations of each group in each step
SEARCH_CHOICES = 20  # of a step of beam search
TEXT_CHOICES = 6  # and for each of its texts
SPREAD = 0.3  # the longest text has so much more tokens than the mean one: of 75 on the testbed
DIFFERENT = 0.87  # of QAGS's questions about a summary: equal ones are asked once; on the testbed
ANSWER_TOKENS = 4  # of a summary, for each name or noun phrase that QAGS asks about
CLAIM = 25  # tokens of a claim, which is a sentence
PROBE = 2  # tokens around a question or claim that a decoder probes with

Found = tuple[list[Load], float, float]


def padded(tokens: float, texts: float, batch: float) -> float:
    """Tokens of a text with its padding: a batch is as wide as its longest text.

    Texts meet by length in each of the parts that are scored side by side. Where a part is a single
    batch, all are as wide as the longest; of many batches each holds a small range of lengths.
    """
    return tokens * (1 + SPREAD / max(1.0, texts / (PARTS * batch)))


def quals_loads(
    scale: Scale, shape: Shape, corpus: Corpus, *, documents: float, each: float
) -> Found:
    """Pairs of all groups about every summary; those that survive scored under the document."""
    section, q = scale.section("quals"), scale.questions
    budget = float(section.get("row_budget") or 512)
    limit = float(section.get("max_source_tokens") or 1022)
    groups, longest = float(section["groups"]), float(section["longest"])
    pair = q.question + q.answer + 2
    written = min(longest + 1, RAMBLING * pair)
    summary, document = min(corpus.summary, limit), min(corpus.document, limit)
    asking = max(1.0, budget // max(groups, summary))
    loads = write(
        shape,
        texts=documents * each,
        source=padded(summary, documents * each, asking),
        rows=groups,
        target=written,
        # Some group runs to the limit in nearly every batch.
        steps=longest + 1,
        batch=asking,
        choices=GROUP_CHOICES * groups + SEARCH_CHOICES,
    )
    pairs = SURVIVING * float(section["max_pairs"]) * each
    scoring = max(1.0, budget // max(document, pairs * pair))
    loads.append(
        read(
            shape,
            texts=documents,
            source=padded(document, documents, scoring),
            targets=pairs,
            target=pair,
            batch=scoring,
        )
    )
    held = max(asking * (summary + groups * longest), scoring * (document + pairs * pair))
    return loads, held, max(asking * groups, scoring * pairs * pair)


def likelihood_loads(
    scale: Scale, shape: Shape, corpus: Corpus, *, documents: float, each: float
) -> Found:
    """Summaries scored under their documents and under nothing: likelihood and explained share."""
    section = scale.section("quals")
    limit = float(section.get("max_source_tokens") or 1022)
    source = min(corpus.document, limit)
    batch = max(1.0, float(section.get("row_budget") or 512) // source)
    given = {"targets": each, "target": corpus.summary, "batch": batch}
    loads = [
        read(shape, texts=documents, source=padded(source, documents, batch), **given),
        read(shape, texts=documents, source=1, **given),
    ]
    tokens = batch * each * corpus.summary
    return loads, batch * source + tokens, tokens


def qags_loads(
    scale: Scale, shape: Shape, corpus: Corpus, *, documents: float, each: float
) -> Found:
    """Questions for every answer; all are answered from the summary, the best from the document."""
    section, q = scale.section("qags"), scale.questions
    reader = scale.shapes.get("reader")
    if not section:
        return [], 0.0, 0.0
    beams, summaries = float(section["beams"]), documents * each
    answers = min(float(section["answers"]), corpus.summary / ANSWER_TOKENS)
    source = min(float(section["max_source_tokens"]), corpus.summary + q.answer + 1)
    steps = min(float(section["longest_question"]) + 1, LONGEST * (q.question + 1))
    batch = max(1.0, float(section.get("row_budget") or 128) // beams)
    loads = write(
        shape,
        texts=summaries * answers,
        source=padded(source, summaries * answers, batch),
        rows=beams,
        target=steps,
        steps=steps,
        batch=batch,
        choices=SEARCH_CHOICES + TEXT_CHOICES * batch,
        searches=True,
    )
    held = batch * (source + beams * steps)
    if reader is not None:
        asked = DIFFERENT * answers * float(section["questions_per_answer"])
        kept = SURVIVING * min(asked, float(section["max_questions"]))
        for texts, tokens, questions in (
            (summaries, corpus.summary, asked),
            (documents, corpus.document, kept * each),
        ):
            found, size = _answering(scale, reader, texts, tokens, questions)
            loads.append(found)
            held = max(held, size)
    return loads, held, batch * beams


def _answering(
    scale: Scale, shape: Shape, texts: float, tokens: float, questions: float
) -> tuple[Load, float]:
    """`questions` about each text: an encoder reads windows with one, a T5 the text once."""
    section, question = scale.section("reader"), scale.questions.question
    longest = float(section.get("longest") or 384)
    if shape.kind != "encoder":
        batch = float(section.get("contexts_per_batch") or BATCH)
        source, probe = min(tokens, longest), question + PROBE
        return (
            read(
                shape,
                texts=texts,
                source=padded(source, texts, batch),
                targets=questions,
                target=probe,
                batch=batch,
                chooses=False,
                ragged=True,
            ),
            batch * (source + questions * probe),
        )
    room = max(1.0, longest - question - 3)
    stride = float(section.get("stride") or room)
    windows = 1.0 if tokens <= room else 1 + max(1.0, -(-(tokens - room) // stride))
    batch = float(section.get("windows_per_batch") or BATCH)
    source = min(tokens, room) + question + 3
    rows = texts * questions * windows
    return read(shape, texts=rows, source=source, targets=0, target=0, batch=batch), batch * source


def factcc_loads(
    scale: Scale, shape: Shape, corpus: Corpus, *, documents: float, each: float
) -> Found:
    """Every sentence of every summary about its document."""
    section = scale.section("factcc")
    longest = float(section.get("longest") or 512)
    batch = float(section.get("contexts_per_batch") or BATCH)
    sentences = max(1.0, corpus.summary / CLAIM)
    claim = min(corpus.summary, CLAIM) + PROBE
    if shape.kind == "encoder":
        source = min(longest, corpus.document + claim)
        rows = documents * each * sentences
        load = read(shape, texts=rows, source=source, targets=0, target=0, batch=batch)
        return [load], batch * source, 0.0
    source, claims = min(longest, corpus.document), each * sentences
    load = read(
        shape,
        texts=documents,
        source=padded(source, documents, batch),
        targets=claims,
        target=claim,
        batch=batch,
        chooses=False,
    )
    return [load], batch * (source + claims * claim), 0.0
