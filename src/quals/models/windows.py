"""Where is a text cut that is longer than its reader? Overlapping windows, as BERT reads SQuAD."""

from functools import lru_cache

Windows = tuple[tuple[range, tuple[bool, ...]], ...]


@lru_cache(maxsize=4096)  # one document is asked many questions of few lengths
def windows(length: int, room: int, stride: int) -> Windows:
    """Windows of at most `room` tokens that begin `stride` tokens apart, and what each judges.

    The last one ends with the text. Every token is judged in one window only: where it has most
    context on its poorer side, the longer window first, then the earlier (BERT's rule). A window's
    flags say which of its tokens it judges. `room` and `stride` are at least 1.
    """
    step = min(stride, room)  # no token is passed over
    spans = [range(min(room, length))]
    while spans[-1].stop < length:
        first = spans[-1].start + step
        spans.append(range(first, min(first + room, length)))
    judges = [
        max(
            (n for n, span in enumerate(spans) if token in span),
            key=lambda n: _context(spans[n], token),
        )
        for token in range(length)
    ]
    return tuple((span, tuple(judges[t] == n for t in span)) for n, span in enumerate(spans))


def _context(span: range, token: int) -> float:
    """Tokens on the poorer side of `token`, and a little for a longer window."""
    return min(token - span.start, span.stop - 1 - token) + 0.01 * len(span)
