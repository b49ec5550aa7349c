"""Leaks, as far as IPython and libraries come in: their pools, and what retains what."""
