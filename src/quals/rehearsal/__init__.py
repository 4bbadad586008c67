"""A scale rehearsed: all of its stages with its settings, on tiny models and invented articles."""
