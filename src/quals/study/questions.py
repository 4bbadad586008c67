"""What is a reader asked about two summaries? The paper's three questions, in our words.

The paper asks for factual consistency, informativeness and grammar, each answered by better, worse
or equal; its exact wording is not known to us.
"""

from typing import NamedTuple


class Question(NamedTuple):
    """A question with the name under which its answers are stored."""

    name: str
    title: str
    text: str
    hint: str


QUESTIONS = (
    Question(
        "factual",
        "Factual consistency",
        "Which summary is truer to the article?",
        "Only what the article says counts. What it neither says nor implies is an error, "
        "even if you know it to be true.",
    ),
    Question(
        "informative",
        "Informativeness",
        "Which summary tells more of what matters in the article?",
        "Length alone is no merit. Wrong statements tell nothing.",
    ),
    Question(
        "grammatical",
        "Grammaticality",
        "Which summary is better English?",
        "Grammar and fluency only, whatever it says.",
    ),
)
# What can be answered to each question: the first summary, neither, the second.
FIRST, EQUAL, SECOND = "A", "equal", "B"
