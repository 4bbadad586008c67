"""A small world of news whose truth is known by construction."""
