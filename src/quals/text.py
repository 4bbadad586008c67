"""How is text compared? Normalising, token F1, sentences, n-grams, copy rates."""

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9£$])")
_WORD = re.compile(r"\w+(?:[-'.,]\w+)*")


def normalise(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces (SQuAD v1.1 script)."""
    lowered = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def token_f1(prediction: str, truth: str) -> float:
    """SQuAD token F1 in [0, 1]; two empty answers score 1, one empty answer scores 0."""
    predicted, expected = normalise(prediction).split(), normalise(truth).split()
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def exact_match(prediction: str, truth: str) -> float:
    """1 if both are equal after `normalise`, else 0."""
    return float(normalise(prediction) == normalise(truth))


def sentences(text: str) -> list[str]:
    """The sentences of a text, split after . ! ? where a capital, digit or quote follows."""
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


def words(text: str) -> list[str]:
    """Lower-cased words and numbers; inner hyphens, points and apostrophes stay ("3-1", "2.5")."""
    return _WORD.findall(text.lower())


def ngrams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    """All n-grams of a token list, in order, repeats included."""
    return list(zip(*(tokens[i:] for i in range(n)), strict=False))


def copy_rate(document: str, summary: str, n: int) -> float | None:
    """Share of the summary's n-grams that the document contains; None if it has none."""
    grams = ngrams(words(summary), n)
    if not grams:
        return None
    known = set(ngrams(words(document), n))
    return sum(gram in known for gram in grams) / len(grams)


def contains_whole_words(text: str, span: str) -> bool:
    """Whether `span` stands in `text` case-insensitively and not inside a longer word."""
    span = span.strip()
    if not span:
        return False
    pattern = rf"(?<!\w){re.escape(span)}(?!\w)"
    return re.search(pattern, text, flags=re.IGNORECASE) is not None
