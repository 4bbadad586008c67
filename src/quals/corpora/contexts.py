"""What do the question models train on? Passages, whole or in windows, with vain questions too."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from quals.corpora.squad import Passage
from quals.corpus import Asked, Context
from quals.text import normalise, sentences


@dataclass(frozen=True)
class _Part:
    """A context in the making, with its passage's title and its text as answers are compared."""

    context: Context
    title: str
    folded: str
    normal: str

    @classmethod
    def of(cls, context: Context, title: str) -> "_Part":
        return cls(context, title, context.text.casefold(), normalise(context.text))

    def holds(self, answer: str) -> bool:
        """Whether the text holds the answer in any case, or but for punctuation and articles."""
        return answer.casefold() in self.folded or normalise(answer) in self.normal


def make_contexts(
    passages: Sequence[Passage],
    *,
    seed: int,
    short_share: float,
    short_sentences: int,
    unanswerable_share: float,
) -> tuple[list[Context], Counter[str]]:
    """Contexts by id, and counts of what was made and lost.

    With chance `short_share` a passage is cut into windows of up to `short_sentences` sentences,
    of kind "summary"; else it stays whole, of kind "article". For each answered question there is
    with chance `unanswerable_share` one that its context cannot answer: SQuAD v1.1 has none, so
    they are asked about another passage or window of the same title, whose answer is not here.
    """
    counts: Counter[str] = Counter()
    parts: list[_Part] = []
    for passage in sorted(passages, key=lambda passage: passage.id):
        rng = Random(f"{seed} cut {passage.id}")
        if rng.random() < short_share:
            made = _windows(passage, rng, short_sentences, counts)
        else:
            made = [Context(f"article-{passage.id}", "article", passage.text, passage.questions)]
        parts += [_Part.of(context, passage.title) for context in made]
    asked = _by_title(parts)
    contexts = []
    for part in parts:
        rng = Random(f"{seed} vain {part.context.id}")
        answered = sum(q.answer is not None for q in part.context.questions)
        wanted = sum(rng.random() < unanswerable_share for _ in range(answered))
        vain = _vain(part, asked[part.title], wanted, rng)
        counts["no partner for an unanswerable question"] += wanted - len(vain)
        contexts.append(replace(part.context, questions=(*part.context.questions, *vain)))
    contexts.sort(key=lambda context: context.id)
    counts["articles"] = sum(context.kind == "article" for context in contexts)
    counts["summaries"] = sum(context.kind == "summary" for context in contexts)
    everything = [question for context in contexts for question in context.questions]
    counts["answered"] = sum(question.answer is not None for question in everything)
    counts["unanswerable"] = len(everything) - counts["answered"]
    return contexts, +counts


def _by_title(parts: list[_Part]) -> dict[str, list[Asked]]:
    asked = defaultdict(list)
    for part in parts:
        asked[part.title] += [q for q in part.context.questions if q.answer is not None]
    return asked


def _vain(part: _Part, donors: list[Asked], wanted: int, rng: Random) -> list[Asked]:
    """At most `wanted` questions of the title that this text does not answer."""
    known = {question.question.casefold() for question in part.context.questions}
    found: list[Asked] = []
    for donor in rng.sample(donors, len(donors)) if wanted else []:
        if len(found) == wanted:
            break
        key = donor.question.casefold()
        if key not in known and donor.answer is not None and not part.holds(donor.answer):
            known.add(key)
            found.append(Asked(donor.question, None, None))
    return found


def _windows(passage: Passage, rng: Random, most: int, counts: Counter[str]) -> list[Context]:
    """Windows that do not overlap, each with the questions that its text answers.

    A question that the whole passage cannot answer goes with one of them.
    """
    bounds = _bounds(passage.text, rng, most)
    windows = []
    taken = 0
    for number, (first, last) in enumerate(bounds):
        inside = [
            replace(question, start=question.start - first)
            for question in passage.questions
            if question.answer is not None
            and question.start is not None
            and first <= question.start
            and question.start + len(question.answer) <= last
        ]
        taken += len(inside)
        if inside:
            name = f"summary-{passage.id}-{number}"
            windows.append(Context(name, "summary", passage.text[first:last], tuple(inside)))
    vain = [question for question in passage.questions if question.answer is None]
    if windows and vain:
        at = rng.randrange(len(windows))
        questions = (*windows[at].questions, *vain)
        windows[at] = replace(windows[at], questions=questions)
        taken += len(vain)
    counts["question across windows"] += len(passage.questions) - taken
    return windows


def _bounds(text: str, rng: Random, most: int) -> list[tuple[int, int]]:
    """Start and end of consecutive windows of 1 to `most` sentences."""
    spans = []
    at = 0
    for sentence in sentences(text):
        first = text.index(sentence, at)
        at = first + len(sentence)
        spans.append((first, at))
    bounds = []
    while spans:
        size = rng.randint(1, most)
        bounds.append((spans[0][0], spans[:size][-1][1]))
        spans = spans[size:]
    return bounds
