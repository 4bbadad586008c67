"""How many n-grams do two texts share? ROUGE-1, -2 and -L F1, scored by the package rouge-score."""

from statistics import fmean

from quals.params import Section

TYPES = ("rouge1", "rouge2", "rougeL")


class RougeSettings(Section):
    """Whether Porter stems are compared instead of words."""

    use_stemmer: bool


class _Stemmer:
    """A stemmer that stems each word form once: stemming is most of what the package does."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self._stemmer = PorterStemmer()
        self._stems: dict[str, str] = {}

    def stem(self, word: str) -> str:
        if word not in self._stems:
            self._stems[word] = self._stemmer.stem(word)
        return self._stems[word]


class _Tokenizer:
    """The package's tokens; a text is tokenised once until `forget` is called."""

    def __init__(self, *, use_stemmer: bool) -> None:
        from rouge_score.tokenize import tokenize

        self._tokenize = tokenize
        self._stemmer = _Stemmer() if use_stemmer else None
        self._tokens: dict[str, list[str]] = {}

    def tokenize(self, text: str) -> list[str]:
        if text not in self._tokens:
            self._tokens[text] = self._tokenize(text, self._stemmer)
        return self._tokens[text]

    def forget(self) -> None:
        self._tokens.clear()


class Rouge:
    """ROUGE F1 in [0, 1]; an empty text scores 0 (Lin 2004, without bootstrap).

    `use_stemmer` compares Porter stems. The package's own scorer does all scoring and is only
    spared repeated work.
    """

    def __init__(self, *, use_stemmer: bool) -> None:
        # Half a second that readers of this module's other users need not pay.
        from rouge_score.rouge_scorer import RougeScorer

        self._tokenizer = _Tokenizer(use_stemmer=use_stemmer)
        self._scorer = RougeScorer(TYPES, tokenizer=self._tokenizer)

    def score(self, references: list[str], summaries: list[str]) -> list[dict[str, float]]:
        """`rouge1`, `rouge2`, `rougeL` and `mean_rouge` of every summary against its reference.

        `mean_rouge` is the mean of the three, the selector of ROUGE-contrastive training. How the
        paper combined the three is not published; their sum would rank alike.
        """
        pairs = list(zip(references, summaries, strict=True))
        scores = {pair: self._score(*pair) for pair in dict.fromkeys(pairs)}
        self._tokenizer.forget()
        return [dict(scores[pair]) for pair in pairs]

    def _score(self, reference: str, summary: str) -> dict[str, float]:
        measured = self._scorer.score(reference, summary)
        values = {name: float(measured[name].fmeasure) for name in TYPES}
        return {**values, "mean_rouge": fmean(values.values())}
