"""Address space that libraries reserve at their first use is reserved before it is counted.

Arrow's mimalloc maps 1 GiB at its first allocation and fills it bit by bit. Under a ceiling
that is most of a limit's room, gone at once: until the guard has seen it and moved the
ceiling, an innocent array of 100 MB would be refused. So the first allocation is made here,
where the ceiling can be set above it. Nothing is resident of it that the first Arrow string
would not have brought.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

__all__ = ["make"]

_made: set[str] = set()


def make() -> None:
    """Have libraries that are loaded reserve what they would reserve later; once for each.

    Left to themselves where the process has a limit of its own that counts address space.
    """
    arrow: Any = sys.modules.get("pyarrow")
    # While it is being imported it has no functions yet.
    allocate = getattr(arrow, "allocate_buffer", None)
    if allocate is None or "pyarrow" in _made or _address_space_is_scarce():
        return
    _made.add("pyarrow")
    with contextlib.suppress(Exception):
        allocate(1)


def _address_space_is_scarce() -> bool:
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
