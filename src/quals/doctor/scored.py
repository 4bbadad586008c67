"""What do the stages compute that score summaries? `reward`, `evaluate` and the judges."""

from collections.abc import Iterator
from dataclasses import replace

from quals.doctor.metrics import CLAIM, factcc_loads, likelihood_loads, qags_loads, quals_loads
from quals.doctor.scale import Scale, StagePlan

JUDGED = {"qags_cnndm": 235, "qags_xsum": 239}  # summaries
CHECKED = {"factcc": (310, 931)}  # documents, and claims about them
DISTINCT = 0.85  # of a document's sampled candidates are scored: equal ones once
DISTINCT_RUNS = 0.7  # of the summaries that the methods' models write are distinct


def reward(scale: Scale) -> Iterator[StagePlan]:
    """Only QUALS needs a network; other selectors compare words."""
    shape, section = scale.shapes.get("qagen"), scale.section("sample")
    selectors = scale.grid.get("selectors", ["quals"])
    if shape is None or not section or "quals" not in selectors:
        return
    changes = {
        key: value for key, value in scale.section("quals_selection").items() if value is not None
    }
    selecting = replace(
        scale, settings={**scale.settings, "quals": {**scale.section("quals"), **changes}}
    )
    seeds = scale.count("seeds")
    for dataset, corpus in scale.corpora.items():
        documents = min(corpus.train, section.get("documents") or corpus.train)
        texts = 1 + seeds * DISTINCT * float(section["samples"])  # the reference and candidates
        loads, held, logits = quals_loads(selecting, shape, corpus, documents=documents, each=texts)
        tokens = documents * (corpus.document + texts * corpus.summary)
        yield StagePlan(f"reward {dataset}", 1, documents * texts, tokens, loads, held, logits)


def evaluate(scale: Scale) -> Iterator[StagePlan]:
    """All metrics of all summaries: documents are read once, equal summaries scored once."""
    runs = scale.count("methods") * scale.count("seeds")
    if not scale.section("summaries"):  # a scale without summarizers
        return
    for dataset, corpus in scale.corpora.items():
        each = max(1.0, DISTINCT_RUNS * runs)
        given = {"documents": corpus.test, "each": each}
        loads, held, logits = [], 0.0, 0.0
        for name, make in (("qagen", quals_loads), ("qg", qags_loads), ("factcc", factcc_loads)):
            shape = scale.shapes.get(name)
            if shape is not None:
                found, size, scores = make(scale, shape, corpus, **given)
                loads += found
                held, logits = max(held, size), max(logits, scores)
        texts = corpus.test * each
        tokens = corpus.test * (corpus.document + each * corpus.summary)
        if loads:
            names = ("qagen", "qg", "reader", "factcc")
            networks = [scale.shapes[name] for name in names if name in scale.shapes]
            yield StagePlan(
                f"evaluate {dataset}", 1, texts, tokens, loads, held, logits, networks=networks
            )


def judge_summaries(scale: Scale) -> Iterator[StagePlan]:
    """Test summaries of all methods and the references: QAGen, and the model it was made of."""
    shape = scale.shapes.get("qagen")
    runs = scale.count("methods") * scale.count("seeds")
    if shape is None or not scale.section("summaries"):
        return
    for dataset in map(str, scale.grid.get("judged_summaries") or ()):
        if (corpus := scale.corpora.get(dataset)) is None:
            continue
        each = 1 + max(1.0, DISTINCT_RUNS * runs)
        given = {"documents": corpus.test, "each": each}
        loads, held, logits = likelihood_loads(scale, shape, corpus, **given)
        tokens = corpus.test * (corpus.document + each * corpus.summary)
        yield StagePlan(
            f"judge_summaries {dataset}", 1, corpus.test * each, tokens, 2 * loads, held, logits
        )


def judge_quals(scale: Scale) -> Iterator[StagePlan]:
    """QUALS on what people judged, and a plain model's likelihood; a summary of each document.

    Documents are as CNN/DailyMail's.
    """
    shape, corpus = scale.shapes.get("qagen"), scale.corpora.get("cnndm")
    count = _judged(scale, "judgments")
    if shape is None or corpus is None or not count:
        return
    loads, held, logits = quals_loads(scale, shape, corpus, documents=count, each=1)
    plain, size, scores = likelihood_loads(scale, shape, corpus, documents=count, each=1)
    tokens = count * (corpus.document + corpus.summary)
    held, logits = max(held, size), max(logits, scores)
    yield StagePlan("judge_quals", 1, count, tokens, loads + plain, held, logits)


def judge_qags(scale: Scale) -> Iterator[StagePlan]:
    """QAGS and FactCC on the same."""
    corpus, count = scale.corpora.get("cnndm"), _judged(scale, "judgments_qags")
    if corpus is None or not count or not {"qg", "reader", "factcc"} <= scale.shapes.keys():
        return
    given = {"documents": count, "each": 1}
    asked = qags_loads(scale, scale.shapes["qg"], corpus, **given)
    classified = factcc_loads(scale, scale.shapes["factcc"], corpus, **given)
    networks = [scale.shapes[name] for name in ("qg", "reader", "factcc")]
    yield StagePlan(
        "judge_qags",
        1,
        count,
        count * (corpus.document + corpus.summary),
        asked[0] + classified[0],
        max(asked[1], classified[1]),
        max(asked[2], classified[2]),
        networks=networks,
    )


def judge_claims(scale: Scale) -> Iterator[StagePlan]:
    """Claims that people checked, a sentence each: FactCC's classifier, QAGen and a plain model."""
    shape, corpus = scale.shapes.get("factcc"), scale.corpora.get("cnndm")
    names = map(str, scale.grid.get("judgments_claims") or ())
    sizes = [CHECKED[name] for name in names if name in CHECKED]
    if shape is None or corpus is None or not sizes:
        return
    documents, claims = map(sum, zip(*sizes, strict=True))
    about = replace(corpus, summary=CLAIM)
    given = {"documents": documents, "each": claims / documents}
    loads, held, logits = factcc_loads(scale, shape, about, **given)
    networks = [shape]
    if (qagen := scale.shapes.get("qagen")) is not None:
        networks.append(qagen)
        found, size, scores = likelihood_loads(scale, qagen, about, **given)
        loads += 2 * found  # by QAGen, and by the model that it was made of
        held, logits = max(held, size), max(logits, scores)
    tokens = documents * corpus.document + claims * CLAIM
    yield StagePlan("judge_claims", 1, claims, tokens, loads, held, logits, networks=networks)


def _judged(scale: Scale, key: str) -> float:
    """Summaries of the benchmarks that the grid lists."""
    pairs = 2 * float(scale.section("judgments").get("rows") or 0)
    sizes = {**JUDGED, "halueval": pairs}
    return sum(sizes.get(str(name), 0) for name in scale.grid.get(key) or ())
