"""What do the question models train on? Passages, whole or in windows, with vain questions too."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from quals.corpora.squad import Passage
from quals.corpora.vain import Donors
from quals.corpus import Asked, Context
from quals.text import sentences

# "Hill v. McDonough", "c. 190 BC": no sentence ends there.
_GOES_ON = re.compile(r"(?<!\w)(?:[a-z]|ca|cf)\.$")


def make_contexts(
    passages: Sequence[Passage],
    *,
    seed: int,
    short_share: float,
    short_sentences: int,
    longest_words: int,
    unanswerable_share: float,
    unanswerable_nearest: int,
) -> tuple[list[Context], Counter[str]]:
    """Contexts by id, and counts of what was made and lost.

    With chance `short_share` a passage is cut into windows of up to `short_sentences` sentences,
    of kind "summary"; else it stays whole, of kind "article", or in windows where it is longer
    than `longest_words`: a model cuts long texts, and would be taught answers that it cannot see.
    For each answered question there is with chance `unanswerable_share` one that its context cannot
    answer: SQuAD v1.1 has none, so they are asked about another passage or window of the same
    title, whose answer is not here.
    """
    counts: Counter[str] = Counter()
    made: list[Context] = []
    asked: defaultdict[str, list[Asked]] = defaultdict(list)
    titles: list[str] = []
    for passage in sorted(passages, key=lambda passage: passage.id):
        rng = Random(f"{seed} cut {passage.id}")
        most = short_sentences if rng.random() < short_share else None
        parts = _parts(passage, rng, most, longest_words, counts)
        made += parts
        titles += [passage.title] * len(parts)
        asked[passage.title] += [question for part in parts for question in part.questions]
    donors = {title: Donors(questions) for title, questions in asked.items()}
    contexts = []
    for context, title in zip(made, titles, strict=True):
        rng = Random(f"{seed} vain {context.id}")
        answered = sum(q.answer is not None for q in context.questions)
        wanted = sum(rng.random() < unanswerable_share for _ in range(answered))
        vain = donors[title].pick(context, wanted, nearest=unanswerable_nearest, rng=rng)
        counts["no partner for an unanswerable question"] += wanted - len(vain)
        contexts.append(replace(context, questions=(*context.questions, *vain)))
    contexts.sort(key=lambda context: context.id)
    counts["articles"] = sum(context.kind == "article" for context in contexts)
    counts["summaries"] = sum(context.kind == "summary" for context in contexts)
    everything = [question for context in contexts for question in context.questions]
    counts["answered"] = sum(question.answer is not None for question in everything)
    counts["unanswerable"] = len(everything) - counts["answered"]
    return contexts, +counts


def _parts(
    passage: Passage, rng: Random, most: int | None, longest: int, counts: Counter[str]
) -> list[Context]:
    """The passage or windows of it that do not overlap, each with the questions that it answers.

    `most`: sentences of a summary; None keeps an article. A question that the whole passage cannot
    answer goes with one of the windows.
    """
    kind = "article" if most is None else "summary"
    if most is None and _length(passage.text) <= longest:
        return [Context(f"{kind}-{passage.id}", kind, passage.text, passage.questions)]
    windows = []
    taken = 0
    for number, (first, last) in enumerate(_bounds(passage.text, rng, most, longest)):
        text = passage.text[first:last]
        inside = []
        for question in passage.questions:
            if question.answer is None or question.start is None:
                continue
            start = question.start - first
            end = start + len(question.answer)
            if start >= 0 and end <= len(text):
                taken += 1
                if _length(text[:end]) <= longest:
                    inside.append(replace(question, start=start))
                else:  # in a sentence longer than allowed
                    counts["answer beyond the longest context"] += 1
        if inside:
            windows.append(Context(f"{kind}-{passage.id}-{number}", kind, text, tuple(inside)))
    vain = [question for question in passage.questions if question.answer is None]
    if windows and vain:
        at = rng.randrange(len(windows))
        questions = (*windows[at].questions, *vain)
        windows[at] = replace(windows[at], questions=questions)
        taken += len(vain)
    counts["question across windows"] += len(passage.questions) - taken
    if most is None:
        counts["long passage cut"] += 1
    return windows


def _length(text: str) -> int:
    return len(text.split())


def _bounds(text: str, rng: Random, most: int | None, longest: int) -> list[tuple[int, int]]:
    """Start and end of consecutive windows of whole sentences, within `longest` words if they are.

    Of 1 to `most` sentences at random, or of as many as fit.
    """
    bounds = []
    spans = _spans(text)
    while spans:
        size = len(spans) if most is None else min(rng.randint(1, most), len(spans))
        first = spans[0][0]
        while size > 1 and _length(text[first : spans[size - 1][1]]) > longest:
            size -= 1
        bounds.append((first, spans[size - 1][1]))
        spans = spans[size:]
    return bounds


def _spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every sentence."""
    spans: list[tuple[int, int]] = []
    at = 0
    for sentence in sentences(text):
        first = text.index(sentence, at)
        at = first + len(sentence)
        if spans and _GOES_ON.search(text, *spans[-1]):
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((first, at))
    return spans
