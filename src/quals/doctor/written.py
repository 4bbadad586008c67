"""What do the stages compute that write summaries? `sample` and `summarize`."""

from collections.abc import Iterator, Mapping

from quals.doctor.arithmetic import write
from quals.doctor.metrics import RUNNING
from quals.doctor.scale import BATCH, Scale, StagePlan
from quals.doctor.shapes import Shape

# Small operations after a step, and for each of its texts.
SEARCH, SAMPLE = (20.0, 6.0), (12.0, 0.0)


def sample(scale: Scale) -> Iterator[StagePlan]:
    section = scale.section("sample")
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        if not section or shape is None:
            continue
        documents = min(corpus.train, section.get("documents") or corpus.train)
        one = _writing(scale, dataset, shape, documents, float(section["samples"]), SAMPLE)
        yield one.repeated(scale.count("seeds"), f"sample {dataset}")


def summarize(scale: Scale) -> Iterator[StagePlan]:
    for dataset, corpus in scale.corpora.items():
        shape = scale.shapes.get(f"mle {dataset}")
        limits = scale.section("summaries").get(dataset)
        if not isinstance(limits, Mapping) or shape is None:
            continue
        one = _writing(scale, dataset, shape, corpus.test, float(limits["beams"]), SEARCH)
        runs = scale.count("seeds") * scale.count("methods")
        yield one.repeated(runs, f"summarize {dataset}")


def _writing(
    scale: Scale,
    dataset: str,
    shape: Shape,
    documents: float,
    rows: float,
    choices: tuple[float, float],
) -> StagePlan:
    """Summaries of documents, `rows` of each at once."""
    corpus = scale.corpora[dataset]
    limits = scale.section("summaries").get(dataset, {})
    source = min(
        float(scale.section("train_mle").get("max_source_tokens") or 1022), corpus.document
    )
    longest = float(limits.get("longest") or 2 * corpus.summary)
    steps = min(longest + 1, RUNNING * (corpus.summary + 1))
    batch = float(limits.get("batch_size") or BATCH)
    loads = write(
        shape,
        texts=documents,
        source=source,
        rows=rows,
        target=steps,
        steps=steps,
        batch=batch,
        choices=choices[0] + choices[1] * min(batch, documents),
    )
    tokens = documents * (source + rows * steps)
    held = batch * (source + rows * steps)
    return StagePlan("", 1, documents, tokens, loads, held, batch * rows)
