"""Which part of a document speaks of a summary? The sentences that share most words with it.

An extension of QUALS for long documents: the paper reads the first 1,022 tokens.
"""

from quals.text import sentences, words


def closest_sentences(document: str, summary: str, most_words: int) -> str:
    """The document's sentences, in their order, that cover the summary's words best.

    One after another the sentence is taken that adds most distinct words of the summary for its
    own place, then the one nearest to the front; a sentence that does not fit within `most_words`
    is passed over. Where none fits the document stays as it is.
    """
    parts = sentences(document)
    found = [set(words(part)) for part in parts]
    sizes = [len(words(part)) for part in parts]
    left, missing, chosen = most_words, set(words(summary)), []
    while True:
        fitting = [i for i in range(len(parts)) if i not in chosen and sizes[i] <= left]
        if not fitting:
            break
        best = max(fitting, key=lambda i: (len(found[i] & missing), -i))
        chosen.append(best)
        left -= sizes[best]
        missing -= found[best]
    return " ".join(parts[i] for i in sorted(chosen)) if chosen else document
