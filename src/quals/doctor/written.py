"""What do the stages compute that write summaries? `sample`, `summarize` and `copying`."""

from collections.abc import Iterator, Mapping

from quals.doctor.arithmetic import LONGEST, write
from quals.doctor.metrics import SEARCH_CHOICES, TEXT_CHOICES, quals_loads
from quals.doctor.scale import BATCH, Scale, StagePlan
from quals.doctor.shapes import Shape

SAMPLE_CHOICES = 12  # small operations of a step of sampling


def sample(scale: Scale) -> Iterator[StagePlan]:
    section = scale.section("sample")
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        if not section or shape is None:
            continue
        documents = min(corpus.train, section.get("documents") or corpus.train)
        one = _writing(scale, dataset, shape, documents, float(section["samples"]), searches=False)
        yield one.repeated(scale.count("seeds"), f"sample {dataset}")


def summarize(scale: Scale) -> Iterator[StagePlan]:
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        limits = scale.section("summaries").get(dataset)
        if not isinstance(limits, Mapping) or shape is None:
            continue
        one = _writing(scale, dataset, shape, corpus.test, float(limits["beams"]), searches=True)
        runs = scale.count("seeds") * scale.count("methods")
        yield one.repeated(runs, f"summarize {dataset}")


def copying(scale: Scale) -> Iterator[StagePlan]:
    """MLE models decode otherwise; where nobody knows the truth QUALS judges what they write."""
    section, qagen = scale.section("copying"), scale.shapes.get("qagen")
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        limits = scale.section("summaries").get(dataset)
        if not section or not isinstance(limits, Mapping) or shape is None:
            continue
        beams = [*section["beams"], *[limits["beams"]] * len(section["length_penalties"])]
        ways = [
            _writing(scale, dataset, shape, corpus.test, float(rows), searches=True)
            for rows in beams
        ]
        ways += [
            _writing(scale, dataset, shape, corpus.test, 1.0, searches=False)
            for _ in section["temperatures"]
        ]
        loads = [load for way in ways for load in way.loads]
        held, logits = max(way.together for way in ways), max(way.targets for way in ways)
        networks = [shape]
        if qagen is not None and "source" in scale.section("corpus"):
            found, size, scores = quals_loads(scale, qagen, corpus, documents=corpus.test, each=1)
            loads += [load.times(len(ways)) for load in found]
            held, logits, networks = max(held, size), max(logits, scores), [shape, qagen]
        one = StagePlan(
            "",
            1,
            corpus.test * len(ways),
            sum(way.tokens for way in ways),
            loads,
            held,
            logits,
            networks=networks,
        )
        yield one.repeated(scale.count("seeds"), f"copying {dataset}")


def _writing(
    scale: Scale,
    dataset: str,
    shape: Shape,
    documents: float,
    rows: float,
    *,
    searches: bool,
) -> StagePlan:
    """Summaries of documents, `rows` of each at once.

    A search leaves texts that are done; samples wait for the longest of all in the batch, and of
    hundreds one nearly reaches the limit.
    """
    corpus = scale.corpora[dataset]
    limits = scale.section("summaries").get(dataset, {})
    source = min(
        float(scale.section("train_mle").get("max_source_tokens") or 1022), corpus.document
    )
    longest = float(limits.get("longest") or 2 * corpus.summary)
    steps = min(longest + 1, LONGEST * (corpus.summary + 1)) if searches else longest + 1
    batch = float(limits.get("batch_size") or BATCH)
    loads = write(
        shape,
        texts=documents,
        source=source,
        rows=rows,
        target=steps,
        steps=steps,
        batch=batch,
        choices=SEARCH_CHOICES + TEXT_CHOICES * min(batch, documents)
        if searches
        else SAMPLE_CHOICES,
        searches=searches,
    )
    tokens = documents * (source + rows * steps)
    held = batch * (source + rows * steps)
    return StagePlan("", 1, documents, tokens, loads, held, batch * rows)
