"""Which words explain a score? Sentences and numbers that page and terminal share."""

import math
import re

from quals.explain.evidence import SUPPORTED_FROM, Card, Explanation, largest_drop

# Below this factor a token's loss is worth pointing at.
GAP = 0.5
SUPPORTED, DIFFERS = "supported", "differs"
RULE = (
    f"A pair counts as {SUPPORTED} if the document makes its tokens, on average, at least "
    f"{SUPPORTED_FROM:.0%} as likely as the summary does (score at least "
    f"{math.log(SUPPORTED_FROM):.2f}). Otherwise it {DIFFERS}: the document says something else, "
    "or nothing. The rule is rough: a question that the model asked badly differs too, "
    "and a long pair may be supported but for one shaded token. The mean "
    "score of the pairs is QUALS. The closest sentence is the one that makes the answer likeliest "
    "when the model reads it alone and is asked the question; it may be a poor match."
).replace("-", "\u2212")
# Control characters would end up in a terminal or break HTML; lone surrogates cannot be encoded.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text with a stand-in for each character that cannot be shown; places stay the same."""
    return _UNPRINTABLE.sub("\ufffd", text)


def signed(value: float, *, digits: int = 2) -> str:
    """A rounded score with a real minus sign; what rounds to zero has none."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\u2212")


def probability(logprob: float) -> str:
    """A probability as two digits, more where it is small."""
    value = math.exp(logprob)
    if value >= 0.01:
        return f"{value:.2f}"
    return f"{value:.4f}" if value >= 0.0001 else "<0.0001"


def times(log_ratio: float) -> str:
    """A factor: "0.75 times", "1.00 times"."""
    return f"{probability(min(log_ratio, 700))} times"


def verdict(card: Card) -> str:
    return SUPPORTED if card.supported else DIFFERS


def meaning(explanation: Explanation) -> str:
    """What the score of the summary says, in plain words."""
    if explanation.quals is None:
        return f"There is no score: {explanation.reason}."
    differing = sum(not card.supported for card in explanation.cards)
    total = len(explanation.cards)
    if total == 1:
        pairs = f"the only pair {DIFFERS if differing else 'is ' + SUPPORTED}"
    else:
        pairs = f"{differing} of {total} pairs {DIFFERS if differing == 1 else 'differ'}"
    return (
        "The document makes these questions and answers, token by token, on average "
        f"{times(explanation.quals)} as likely as the summary does; {pairs}. QUALS near 0 or above "
        "means that the document says what the summary says, lower means that it does not."
    )


def drop(card: Card) -> str:
    """One sentence on the token that costs the pair most."""
    at = largest_drop(card)
    before, after = card.pair.summary_logprobs[at], card.pair.document_logprobs[at]
    if after - before > math.log(GAP):
        return "No token loses half of its probability."
    name = token_name(card, at)
    return f"Largest drop: {name}, from {probability(before)} to {probability(after)}."


def token_name(card: Card, at: int) -> str:
    """A token as a reader should see it; the separator and the end have names."""
    pair = card.pair
    if at == pair.answer_at - 1:
        return "(answer:)"
    if at == len(pair.tokens) - 1:
        return "(end)"
    return pair.tokens[at].strip() or "\u2423"


def is_gap(card: Card, at: int) -> bool:
    """Whether the document makes a token less than `GAP` times as likely as the summary does."""
    return card.pair.document_logprobs[at] - card.pair.summary_logprobs[at] < math.log(GAP)


def closest_sentence(card: Card) -> str:
    """What introduces the document sentence of a card."""
    if card.evidence is None:
        return "The document has no sentence."
    name = "Supporting sentence" if card.supported else "Closest sentence"
    factor = times(card.evidence.logprob - card.answer_logprob)
    none = "" if card.evidence.shared else "; it shares no telling word with the pair"
    alone = f"read alone, it makes the answer {factor} as likely as the summary does{none}"
    return f"{name} of the document ({alone})"
