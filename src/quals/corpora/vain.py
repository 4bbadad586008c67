"""Which questions can a text not answer? Those about its subject whose answers it does not hold."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from math import log
from random import Random

from quals.corpus import Asked, Context
from quals.text import normalise, words

# A word in a larger share of the questions says nothing of what they are about.
_COMMON = 0.1


class Donors:
    """Answered questions of one title, to be asked where they have no answer.

    Some titles are wide (some copies of SQuAD have lost theirs, and then all such passages share
    the empty one). A question about another subject is told by its words alone, and a reader would
    learn to look no further; so the questions nearest to the text are taken.
    """

    def __init__(self, questions: Sequence[Asked]):
        self.questions = [q for q in questions if q.answer is not None]
        said: defaultdict[str, list[int]] = defaultdict(list)
        for number, question in enumerate(self.questions):
            for word in dict.fromkeys(words(question.question)):
                said[word].append(number)
        most = _COMMON * len(self.questions)
        self._said = {word: numbers for word, numbers in said.items() if len(numbers) <= most}

    def pick(self, context: Context, wanted: int, *, nearest: int, rng: Random) -> list[Asked]:
        """At most `wanted` questions, drawn from the `nearest` that the context does not answer."""
        if not wanted:
            return []
        folded, normal = context.text.casefold(), normalise(context.text)
        known = {question.question.casefold() for question in context.questions}
        pool: list[Asked] = []
        for donor in self._by_nearness(context.text):
            if len(pool) == max(nearest, wanted):
                break
            key, answer = donor.question.casefold(), donor.answer
            # In any case, or but for punctuation and articles: what may hold the answer is left.
            held = answer.casefold() in folded or normalise(answer) in normal
            if key not in known and not held:
                known.add(key)
                pool.append(Asked(donor.question, None, None))
        return rng.sample(pool, min(wanted, len(pool)))

    def _by_nearness(self, text: str) -> Iterator[Asked]:
        """All questions, first those that share most with the text, a rare word counting more."""
        shared: Counter[int] = Counter()
        for word in sorted(set(words(text))):  # sums of one order, whatever the hash seed
            numbers = self._said.get(word, ())
            for number in numbers:
                shared[number] += log(len(self.questions) / len(numbers))
        ranked = sorted(shared, key=lambda number: (-shared[number], number))
        others = (number for number in range(len(self.questions)) if number not in shared)
        return (self.questions[number] for number in chain(ranked, others))
