"""Metrics: each module scores lists of (document, summary) and returns a list in the same order."""
