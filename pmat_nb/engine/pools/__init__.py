"""Pools that are managed: budgets that grow, entries that are evicted or swapped out.

`growth` decides how a budget grows, `policies` which entry goes first, `account` keeps
the figures, `ghosts` remembers what went, `store` holds one cache's entries, `pool`
divides one budget among its stores, and `spill` writes entries to disk. Nothing here
measures the kernel: sizes, clocks and reports of failures are passed in.
"""

from __future__ import annotations

__all__: list[str] = []
