"""What do the stages compute that train? Six of them, by steps or epochs of their settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from quals.doctor.arithmetic import train
from quals.doctor.metrics import CLAIM
from quals.doctor.scale import Dose, Scale, StagePlan, dose
from quals.doctor.shapes import Shape
from quals.doctor.sizes import Questions


def train_qagen(scale: Scale) -> Iterator[StagePlan]:
    section, q, shape = scale.section("train_qagen"), scale.questions, scale.shapes.get("qagen")
    if shape is None or section.get("released"):  # a released adapter is taken as it is
        return
    limit = float(section.get("max_source_tokens") or 1022)
    target = q.question + q.answer + 2
    article, summary = min(q.article, limit), min(q.summary, limit)
    if "articles_per_batch" in section:
        steps = section["steps"]
        yield _training(
            "train_qagen",
            shape,
            [
                (
                    Dose(steps * section[f"{kind}_per_batch"], steps, updates, 1),
                    tokens,
                    each * q.answered,
                    target,
                )
                # Both parts belong to one step, which updates once.
                for kind, tokens, each, updates in (
                    ("articles", article, q.article_questions, steps),
                    ("summaries", summary, q.summary_questions, 0),
                )
            ],
        )
        return
    contexts = q.articles + q.summaries
    source = _share(q, article, summary)
    each = _share(q, q.article_questions, q.summary_questions) * q.answered
    if "finetuning" in section:  # every pair is a row of its own
        found, each = dose(section, contexts * each, source), 1.0
    else:
        found = dose(section, contexts, source)
    if found:
        yield _training("train_qagen", shape, [(found, source, each, target)])


def _share(q: Questions, article: float, summary: float) -> float:
    """The mean over contexts of both kinds."""
    contexts = max(1, q.articles + q.summaries)
    return (q.articles * article + q.summaries * summary) / contexts


def train_qg(scale: Scale) -> Iterator[StagePlan]:
    section, q, shape = scale.section("train_qg"), scale.questions, scale.shapes.get("qg")
    limit = float(scale.section("qags").get("max_source_tokens") or 1022)
    # Where there are short contexts, it learns from them: QAGS asks about summaries only.
    kind = "summary" if q.summaries else "article"
    source = min(limit, getattr(q, kind) + q.answer + 1)
    asked = (q.summaries or q.articles) * getattr(q, f"{kind}_questions") * q.answered
    found = dose(section, asked, source)
    if shape and found:
        yield _training("train_qg", shape, [(found, source, 1, q.question + 1)])


def train_reader(scale: Scale) -> Iterator[StagePlan]:
    section, q, shape = scale.section("train_reader"), scale.questions, scale.shapes.get("reader")
    longest = float(scale.section("reader").get("longest") or 384)
    if shape is None:
        return
    if "articles_per_batch" in section:
        steps = section["steps"]
        yield _training(
            "train_reader",
            shape,
            [
                (
                    Dose(steps * section[f"{kind}_per_batch"], steps, updates, 1),
                    min(tokens, longest),
                    each,
                    q.question + 2,
                )
                for kind, tokens, each, updates in (
                    ("articles", q.article, q.article_questions, steps),
                    ("summaries", q.summary, q.summary_questions, 0),
                )
            ],
            chooses=False,
            ragged=True,
        )
        return
    source = min(longest, _share(q, q.article, q.summary) + q.question + 3)
    asked = q.articles * q.article_questions + q.summaries * q.summary_questions
    found = dose(section, asked, source)
    if found:
        yield _training("train_reader", shape, [(found, source, 0, 0)], chooses=False)


def train_factcc(scale: Scale) -> Iterator[StagePlan]:
    section, shape = scale.section("train_factcc"), scale.shapes.get("factcc")
    longest = float(scale.section("factcc").get("longest") or 512)
    document = _mean(c.document for c in scale.corpora.values())
    claims = 2 * float(section.get("pairs_per_document") or 1)
    if shape is None:
        return
    if shape.kind == "encoder":
        words = [section[k] for k in ("fewest_words", "most_words") if k in section]
        document = min(document, 1.3 * _mean(words)) if words else document
        source = min(longest, document + CLAIM + 3)
        available = float(section.get("documents") or 0) * claims * len(scale.corpora)
        found, shapes = dose(section, available, source), (source, 0, 0)
    else:
        source = min(longest, document)
        found, shapes = dose(section, 0, source), (source, claims, CLAIM * 0.8)
    if found:
        yield _training("train_factcc", shape, [(found, *shapes)], chooses=False)


def train_mle(scale: Scale) -> Iterator[StagePlan]:
    section, seeds = scale.section("train_mle"), scale.count("seeds")
    limit = float(section.get("max_source_tokens") or 1022)
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        source = min(limit, corpus.document)
        found = dose(section, corpus.train, source, dataset)
        if shape and found:
            one = _training("train_mle", shape, [(found, source, 1, corpus.summary + 1)])
            yield one.repeated(seeds, f"train_mle {dataset}")


def train_contrastive(scale: Scale) -> Iterator[StagePlan]:
    section, methods = scale.section("contrastive"), scale.section("methods")
    limit = float(scale.section("train_mle").get("max_source_tokens") or 1022)
    chosen = scale.grid.get("contrastive", list(methods))
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        if shape is None or not section:
            continue
        source, target = min(limit, corpus.document), corpus.summary + 1
        documents = scale.section("sample").get("documents") or corpus.train
        found: list[StagePlan] = []
        for name in chosen:
            method = methods.get(name)
            if not isinstance(method, Mapping):
                continue
            share = float(section["negative_share"]) * float(method.get("positive_share") or 1)
            pairs = min(share * documents, section.get("pairs") or share * documents)
            asked = dose(section, pairs, source, dataset)
            if asked:
                asked = replace(asked, texts=min(asked.texts, asked.steps * pairs))
                one = _training("train_contrastive", shape, [(asked, source, 2, target)])
                found.append(one.repeated(scale.count("seeds"), "train_contrastive"))
        if found:
            yield _together(found, f"train_contrastive {dataset}")


def _together(found: list[StagePlan], stage: str) -> StagePlan:
    """The runs of several methods in one row."""
    return StagePlan(
        stage,
        sum(one.runs for one in found),
        sum(one.texts for one in found),
        sum(one.tokens for one in found),
        [load for one in found for load in one.loads],
        max(one.together for one in found),
        max(one.targets for one in found),
        [shape for one in found for shape in one.saved],
        found[0].trains,
    )


def _training(
    stage: str,
    shape: Shape,
    doses: list[tuple[Dose, float, float, float]],
    *,
    chooses: bool = True,
    ragged: bool = False,
) -> StagePlan:
    """A row of training: doses with tokens of a text, and number and tokens of its targets."""
    loads = [
        train(
            shape,
            texts=d.texts,
            source=source,
            targets=targets,
            target=target,
            calls=d.passes,
            steps=d.steps,
            frozen=d.frozen,
            adapter=adapter(shape, d.rank),
            chooses=chooses,
            ragged=ragged,
        )
        for d, source, targets, target in doses
    ]
    held = max((d.together * (s + n * t) for d, s, n, t in doses), default=0.0)
    logits = max((d.together * n * t for d, _, n, t in doses), default=0.0)
    return StagePlan(
        stage,
        1,
        texts=sum(d.texts for d, *_ in doses),
        tokens=sum(d.texts * (s + n * t) for d, s, n, t in doses),
        loads=loads,
        together=held,
        targets=logits,
        saved=[shape],
        trains="adapter" if any(d.frozen for d, *_ in doses) else "all",
    )


def adapter(shape: Shape, rank: int) -> int:
    """Weights of an adapter of all linear layers."""
    ends = 3 * shape.width + 2 * shape.attention + 2 * shape.shared + shape.width
    inner = (3 if shape.gated else 2) * (shape.width + shape.inner)
    return rank * (ends + inner) * (shape.encoder_layers + shape.decoder_layers)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
