"""How does a pretrained model become the MLE summarizer? Fine-tuned, or it stands in.

Document -> summary, end; no `<s>` (paper.md 1a). A public summarizer that stands in is stored as it
is, but for the forced tokens of its configuration, which are those of another frame.
"""

from quals.corpus import read_articles
from quals.models import checkpoint
from quals.training.mle import MleJob, keep, summary_examples
from quals.training.pretrained import fitting, likelihood_loss
from quals.training.record import begin
from quals.training.tuning import tune


def train_pretrained_mle(job: MleJob) -> None:
    """Train the model in `job.init`, save, and measure the loss on the validation split."""
    begun = begin(f"train_mle {job.dataset} {job.seed}", job.seed)
    start = checkpoint.load(job.init)
    settings = (job.settings.finetuning or {})[job.dataset]
    losses: list[float] = []
    if settings is not None:
        articles = read_articles(job.corpus, "train")
        start, losses = tune(
            job.init,
            start,
            fitting(summary_examples(articles, start, job.settings.max_source_tokens)),
            likelihood_loss(settings.label_smoothing),
            settings,
            seed=job.seed,
            title=begun.stage,
            running=job.running,
        )
    if job.running.leads:
        stands_in = "a public summarizer stands in, not trained here"
        keep(start, losses, job, begun, data=stands_in if settings is None else None)
