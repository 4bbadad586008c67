"""Stage `questions`: question-answer training data, generated or real; the testbed's spaCy rules.

Without `source` in the scale's section the news world is asked about; with it SQuAD is read.
"""

import os
import random
from typing import Literal

from quals.command import run, stage_parser
from quals.corpora.questions import load_questions
from quals.corpora.settings import GENERATED, RealQuestions, names_sources
from quals.corpus import Context
from quals.jsonl import write_json, write_jsonl
from quals.params import Count, Natural, Section, Share, load_section
from quals.stages.corpus import Corpus
from quals.testbed.news import ask, ask_in_vain, write_article, write_summary
from quals.testbed.pipeline import save_pipeline
from quals.testbed.world import Story, draw_story
from quals.text import find_whole_words


class Questions(Section):
    """The scale's `questions` section: how many contexts and questions, and how they go wrong.

    Contexts worded like noisy references teach QAGen to ask about errors too; their asides are
    drawn evenly, so that it does not learn the habits of the corpus.
    """

    source: Literal["generated"] = GENERATED
    seed: Natural
    train_articles: Count
    train_summaries: Count
    validation_articles: Count
    validation_summaries: Count
    per_article: Count
    per_summary: Count
    unanswerable_share: Share
    swap_share: Share


def main(arguments) -> None:
    if names_sources(arguments.params, "questions"):
        _read(arguments)
    else:
        _generate(arguments)


def _generate(arguments) -> None:
    settings = load_section(arguments.params, "questions", Questions)
    corpus = load_section(arguments.params, "corpus", Corpus)
    for split in ("train", "validation"):
        rng = random.Random(f"{settings.seed} questions {split}")
        rows, truths = [], []
        for kind in ("article", "summary"):
            plural = "articles" if kind == "article" else "summaries"
            for number in range(getattr(settings, f"{split}_{plural}")):
                story = draw_story(
                    rng,
                    f"{kind}-{split}-{number:05d}",
                    split,
                    detail_share=corpus.detail_share,
                    aside_share=corpus.aside_share,
                )
                make = _about_article if kind == "article" else _about_summary
                stated, row = make(story, settings, corpus, rng)
                rows.append(row)
                truths.append(stated.to_row())
        write_jsonl(arguments.out / f"{split}.jsonl", rows)
        write_jsonl(arguments.truth / f"{split}.jsonl", truths)
        asked = sum(len(row["questions"]) for row in rows)
        print(f"{split}: {len(rows)} contexts, {asked} questions")
    save_pipeline(arguments.pipeline)


def _read(arguments) -> None:
    """Real questions have no truth, and real language takes its rules from a package."""
    settings = load_section(arguments.params, "questions", RealQuestions)
    questions = load_questions(settings, os.environ)
    for lacking in questions.lacking:
        print(f"questions: passed over, {lacking}")
    for split, contexts in questions.splits.items():
        write_jsonl(arguments.out / f"{split}.jsonl", map(_context_row, contexts))
        print(f"questions {split} from {questions.origin}: {questions.counts[split]}")
    record = {"origin": questions.origin, "counts": questions.counts}
    write_json(arguments.truth / "origin.json", record)
    # dvc.yaml wants the folder at every scale.
    note = "none is made for real text: the section `language` of the scale names a package"
    write_json(arguments.pipeline / "none.json", {"spacy_pipeline": note})


def _context_row(context: Context) -> dict:
    asked = [
        {"question": q.question, "answer": q.answer, "answer_start": q.start}
        for q in context.questions
    ]
    return {"id": context.id, "kind": context.kind, "context": context.text, "questions": asked}


def _about_article(
    story: Story, settings: Questions, corpus: Corpus, rng: random.Random
) -> tuple[Story, dict]:
    """Questions about the main event and, fewer, about the distractors."""
    text = write_article(story, rng)
    pairs = ask(story.main, rng, settings.per_article)
    for event in story.events[1:]:
        pairs += ask(event, rng, max(1, settings.per_article // 3))
    rng.shuffle(pairs)
    return story, _row(story, "article", text, pairs[: settings.per_article], settings, rng)


def _about_summary(
    story: Story, settings: Questions, corpus: Corpus, rng: random.Random
) -> tuple[Story, dict]:
    """Questions about what a noisy reference states, true or not."""
    style = rng.choice(sorted(corpus.noise))
    noise = corpus.noise[style].model_copy(
        update={"prior_share": 0.0, "swap_share": settings.swap_share}
    )
    told = write_summary(story, style, noise, rng)
    pairs = ask(told.event, rng, settings.per_summary, negated=told.negated)
    stated = Story(story.id, (told.event,))
    return stated, _row(stated, "summary", told.text, pairs, settings, rng)


def _row(
    story: Story,
    kind: str,
    text: str,
    pairs: list[tuple[str, str]],
    settings: Questions,
    rng: random.Random,
) -> dict:
    questions = [
        {"question": question, "answer": answer, "answer_start": find_whole_words(text, answer)}
        for question, answer in pairs
    ]
    for _ in range(sum(rng.random() < settings.unanswerable_share for _ in pairs)):
        question = ask_in_vain(story, rng)
        if question is not None:
            questions.append({"question": question, "answer": None, "answer_start": None})
    return {"id": story.id, "kind": kind, "context": text, "questions": questions}


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="params out truth pipeline"))
