"""The memory safety layer for Jupyter notebooks.

In a notebook: ``%load_ext pmat_nb``, then ``%pmat``. In Python::

    import pmat_nb as pmat
    pmat.stats()

Importing this package imports none of pandas, numpy, matplotlib or ipywidgets: a tool
that watches memory is judged first by its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pmat_nb.engine.guard import limit_block
    from pmat_nb.errors import MemoryLimitExceeded, PmatError, UsageError
    from pmat_nb.render.cleanup import CleanupReport
    from pmat_nb.render.stats import Stats

__version__ = "0.1.0"

__all__ = [
    "MemoryLimitExceeded",
    "PmatError",
    "UsageError",
    "__version__",
    "cleanup",
    "limit",
    "load_ipython_extension",
    "stats",
    "unload_ipython_extension",
]


def stats(*, detailed: bool = False) -> Stats:
    """Where this process's memory is now, as ``%pmat_stats`` shows it.

    Works in a plain script too: then the variables are those of ``__main__``.
    """
    from pmat_nb.session import current

    found: Stats = current().stats(detailed=detailed)
    return found


def cleanup(
    targets: str | Iterable[str] = ("cache", "temp"),
    aggressive: bool = False,
    compact: bool = False,
) -> CleanupReport:
    """Give back what may go, as ``%pmat_cleanup`` does; no variable is ever deleted.

    Args:
        targets: pools (``cache``, ``temp``, ``string``, ``ast``, ``analysis``, ``all``) or
            single things in them (``cache:Out``).
        aggressive: also warm caches, ``Out[]``, every figure, all generations of garbage.
        compact: also what allocators have free, equal strings, small views of large arrays.

    Raises:
        UsageError: a target that is unknown.
    """
    from pmat_nb.session import current

    return current().cleaner.clean(targets, aggressive=aggressive, compact=compact)


def limit(
    size: str | int,
    *,
    scope: Literal["cell", "total"] = "cell",
    ceiling: Literal["auto", "on", "off"] = "auto",
    warn_only: bool = False,
) -> limit_block:
    """Limit what a ``with`` block may add to memory, in notebooks, scripts and tests.

    Args:
        size: bytes, or text such as ``"2GB"``, ``"80%"`` (of what is free), ``"+2GB"``.
        scope: ``total`` limits the whole process tree instead of what the block adds.
        ceiling: refuse a single allocation that is too large before it gets a page.
        warn_only: let the block go on; its ``report`` says whether it went over.

    Raises:
        MemoryLimitExceeded: from the block, when it goes over.
        UsageError: a size that does not parse or cannot hold.
        UnavailableError: on platforms without a guard (all but Linux).
    """
    from pmat_nb.session import current

    return current().limit_block(size, scope=scope, ceiling=ceiling, warn_only=warn_only)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext pmat_nb``: start the session and register the magics; idempotent."""
    from pmat_nb.magics.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext pmat_nb``: stop everything and take the magics out again."""
    from pmat_nb.magics.extension import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    if name in ("MemoryLimitExceeded", "PmatError", "UsageError"):
        from pmat_nb import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'pmat_nb' has no attribute {name!r}")
