"""The memory safety layer for Jupyter notebooks.

In a notebook: ``%load_ext pmat_nb``, then ``%pmat``. In Python::

    import pmat_nb as pmat
    pmat.stats()

Importing this package imports none of pandas, numpy, matplotlib or ipywidgets: a tool
that watches memory is judged first by its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    import ast
    import os
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    import numpy as np

    from pmat_nb.engine.guard import limit_block
    from pmat_nb.errors import MemoryLimitExceeded, PmatError, UsageError
    from pmat_nb.render.cleanup import CleanupReport
    from pmat_nb.render.stats import Stats
    from pmat_nb.session.leaking import LeakTracker
    from pmat_nb.session.pools import PoolManager

    F = TypeVar("F", bound=Callable[..., Any])
    T = TypeVar("T")
    pools: PoolManager

__version__ = "0.1.0"

__all__ = [
    "MemoryLimitExceeded",
    "PmatError",
    "UsageError",
    "__version__",
    "cache",
    "cleanup",
    "intern",
    "limit",
    "load_ipython_extension",
    "parse",
    "pools",
    "register",
    "scratch",
    "stats",
    "track_leaks",
    "unload_ipython_extension",
]


def stats(*, detailed: bool = False) -> Stats:
    """Where this process's memory is now, as ``%pmat_stats`` shows it.

    Works in a plain script too: then the variables are those of ``__main__``.
    """
    from pmat_nb.session import current

    found: Stats = current().reporter().stats(detailed=detailed)
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
        aggressive: also warm caches, ``Out[]``, the last error, every figure, all garbage.
        compact: also what allocators have free and equal strings; with ``analysis`` or
            ``all`` among the targets also small views of large arrays.

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
    from pmat_nb.session.protection.asking import block

    return block(current(), size, scope=scope, ceiling=ceiling, warn_only=warn_only)


@overload
def cache(function: F, /) -> F: ...
@overload
def cache(
    *,
    name: str | None = None,
    ttl: str | float | None = None,
    policy: str | None = None,
    max_bytes: str | int | None = None,
    key: Callable[..., Any] | None = None,
) -> Callable[[F], F]: ...
def cache(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    ttl: str | float | None = None,
    policy: str | None = None,
    max_bytes: str | int | None = None,
    key: Callable[..., Any] | None = None,
) -> Any:
    """Keep a function's results within the budget of the pool ``cache``.

    Arguments may be arrays and frames: they are told apart by content, by type too (``1``,
    ``1.0`` and ``True`` differ). Calls with equal arguments at the same time compute once;
    exceptions are not kept; the same object is returned every time, as by
    ``functools.cache``. The function gets ``.info()``, ``.clear()`` and ``.evict(*args)``.

    Args:
        function: the function, method or ``async def``; ``@cache`` alone will do. ``self``
            is an argument as any other: told by content, or by ``key``.
        name: how reports and cleanups call it (``cache:NAME``).
        ttl: how long a result is fresh: ``"1h"``, seconds; None: as ``cache-ttl`` says.
        policy: ``lru``, ``lfu``, ``fifo``, ``ttl``, ``random``, ``adaptive``; None: as
            ``cache-policy`` says.
        max_bytes: a budget of its own within the pool: ``"200MB"``, bytes.
        key: what tells calls apart, for arguments that cannot be told by content; called
            with the call's arguments.

    Raises:
        UsageError: a bad value; in a call, an argument that cannot be told apart.
    """
    from pmat_nb.session.caching import decorate

    asked: dict[str, Any] = {
        "name": name,
        "ttl": ttl,
        "policy": policy,
        "max_bytes": max_bytes,
        "key": key,
    }
    if function is not None:
        return decorate(function, **asked)
    return lambda wrapped: decorate(wrapped, **asked)


def register(
    consumer: T,
    pool: str = "cache",
    *,
    name: str | None = None,
    clear: Callable[[], object] | None = None,
) -> T:
    """Have a cache of your own sized and cleaned up with a pool; ``consumer`` comes back.

    Either an object with ``name`` and ``held()``, which yields ``(name, object)`` pairs
    (and ``steps(wish)`` if it can give back; ``pmat_nb.consumers.base``), or any object
    with ``name=`` and ``clear=``, a function that empties it.

    Raises:
        UsageError: it says what is missing, or that the name is taken.
    """
    from pmat_nb.session import current

    return current().pools.register(consumer, pool, name=name, clear=clear)


def scratch(
    shape: int | tuple[int, ...],
    dtype: Any = "float64",
    *,
    zero: bool = False,
    debug: bool = False,
) -> AbstractContextManager[np.ndarray[Any, Any]]:
    """Working memory for a ``with`` block, taken from buffers that are used again.

    The array is aligned to 64 bytes and holds whatever was there before, unless ``zero``.
    After the block it is read-only and must not be used: its memory goes to the next
    block. ``debug`` looks for such use, at the cost of a pass over the buffer.

    Raises:
        UsageError: a negative shape, or a dtype that holds objects.
    """
    from pmat_nb.session import current

    return current().pools.buffers.scratch(shape, dtype, zero=zero, debug=debug)


def intern(obj: T) -> T:
    """``obj`` with equal strings in it made one object; a string becomes the one kept.

    Lists, dict values, object arrays and object columns are changed in place, without a
    change of any value, dtype or order; a string that anything else refers to stays the
    object that it is. Categoricals, Arrow strings and subclasses are left alone.
    """
    from pmat_nb.session import current

    return current().pools.strings.intern(obj)


def parse(source: str | os.PathLike[str]) -> ast.Module:
    """The syntax tree of Python source or of a file, parsed once per content.

    The same tree is handed out each time: ``copy.deepcopy`` it before you change it.

    Raises:
        UsageError: the file cannot be read.
        SyntaxError: as from ``ast.parse``.
    """
    from pmat_nb.session import current

    return current().pools.trees.parse(source)


def track_leaks(*, warmup: int = 3) -> LeakTracker:
    """Whether a loop leaks, and where: ``mark()`` each iteration, then ``report()``.

    ::

        with pmat.track_leaks() as tracker:
            for i in range(40):
                step(i)
                tracker.mark()
        tracker.report()

    Counters tell whether something grows; a few iterations run under ``tracemalloc``
    (two to ten times slower) tell where. ``report().leaking`` is a bool, ``to_frame()``
    has a row per line of code.

    Args:
        warmup: iterations at the start that are not judged.
    """
    import sys

    from pmat_nb.session import current
    from pmat_nb.session.leaking import LeakTracker

    return LeakTracker(current(), sys._getframe(1), warmup=warmup)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext pmat_nb``: start the session and register the magics; idempotent."""
    from pmat_nb.magics.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext pmat_nb``: stop everything and take the magics out again."""
    from pmat_nb.magics.extension import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    if name == "pools":
        from pmat_nb.session import current

        return current().pools
    if name in ("MemoryLimitExceeded", "PmatError", "UsageError"):
        from pmat_nb import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'pmat_nb' has no attribute {name!r}")
