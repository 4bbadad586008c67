"""Who answers where nobody reads? The testbed's oracle, and only the question that it can judge.

It answers the factual question: a summary of which every statement is true is better than one with
a false one; two of a kind are equal, however many errors they have. It cannot tell what matters in
an article, so informativeness stays open. Grammaticality stays open too: "unparsed" means that the
grammar of the testbed has no place for a sentence, which holds of many a faultless sentence and
also of a detail that belongs to another kind of event.
"""

from collections.abc import Callable

from quals.jsonl import Row
from quals.study.files import Key
from quals.study.questions import EQUAL, FIRST, SECOND

NAME = "oracle"
Judge = Callable[[str, str], bool]


def answers(key: Key, consistent: Judge) -> Row:
    """An answers file as the form exports it; `consistent` takes document id and summary."""
    rows = []
    for item in key.items:
        first, second = (
            consistent(item.document_id, item.summaries[name]) for name in (item.A, item.B)
        )
        rows.append(
            {
                "item": item.item,
                "factual": EQUAL if first == second else FIRST if first else SECOND,
                "informative": None,
                "grammatical": None,
                "comment": "",
            }
        )
    return {"form": key.form, "annotator": NAME, "answers": rows}
