"""Tokenizers and networks behind one small interface; the only place that loads weights."""
