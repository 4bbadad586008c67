"""Scoring files of any size: input, chunks on disk, a cache, several processes."""
