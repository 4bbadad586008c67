"""Losses, the selection of S+ and S-, and the one training loop."""
