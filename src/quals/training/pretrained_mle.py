"""How does a pretrained model become the MLE summarizer? Fine-tuned, or it stands in.

Document -> summary, end; no `<s>` (paper.md 1a). A public summarizer that stands in is stored as it
is, but for the forced tokens of its configuration, which are those of another frame.
"""

from quals.corpus import read_articles
from quals.decoding.summarizer import Summarizer
from quals.models import checkpoint
from quals.training.loop import Stopwatch, seed_everything
from quals.training.mle import MleJob, summary_examples
from quals.training.pretrained import fitting, likelihood_loss
from quals.training.record import write_record
from quals.training.tuning import tune


def train_pretrained_mle(job: MleJob) -> None:
    """Train the model in `job.init`, save, and measure the loss on the validation split."""
    seed_everything(job.seed)
    watch = Stopwatch()
    title = f"train_mle {job.dataset} {job.seed}"
    start = checkpoint.load(job.init)
    limit = job.settings.max_source_tokens
    settings = (job.settings.finetuning or {})[job.dataset]
    losses: list[float] = []
    if settings is not None:
        articles = read_articles(job.corpus, "train")
        start, losses = tune(
            job.init,
            start,
            fitting(summary_examples(articles, start, limit)),
            likelihood_loss(settings.label_smoothing),
            settings,
            seed=job.seed,
            title=title,
            running=job.running,
        )
    if not job.running.leads:
        return
    checkpoint.save(start.model, start.tokenizer, job.out)
    held_out = read_articles(job.corpus, "validation")
    likelihoods = Summarizer(start, job.limits, limit).likelihood(
        [a.document for a in held_out], [a.summary for a in held_out]
    )
    write_record(
        job.metrics,
        stage=title,
        seed=job.seed,
        model=start.model,
        losses=losses,
        metrics={"validation_loss": -sum(likelihoods) / len(likelihoods)},
        watch=watch,
        data=None if settings is not None else "a public summarizer stands in, not trained here",
    )
