"""QUALS: factual consistency of summaries by question-answer generation, and ConSeq on top of it."""
