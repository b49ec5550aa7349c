"""The targets of a cleanup: pools, single things in them, or ``all``. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from pmat_nb.engine.stats_records import POOL_NAMES
from pmat_nb.errors import UsageError

__all__ = ["DEFAULT_TARGETS", "parse_targets", "pools_of"]

DEFAULT_TARGETS = ("cache", "temp")


def parse_targets(given: str | Iterable[str] | None, addresses: Collection[str]) -> tuple[str, ...]:
    """The targets in what was typed or passed, each once; the default for None.

    ``addresses`` are the single things that there are now (``cache:Out``). A part of a
    pool by its bare name is no target: ``Out`` is ``cache:Out``.

    Raises:
        UsageError: a target that is unknown, or none at all.
    """
    if given is None:
        return DEFAULT_TARGETS
    parts = given.split(",") if isinstance(given, str) else list(given)
    names = [_known(str(part).strip(), addresses) for part in parts if str(part).strip()]
    if not names:
        raise UsageError("--target: nothing is named; for example --target cache,temp")
    return tuple(dict.fromkeys(names))


def _known(name: str, addresses: Collection[str]) -> str:
    lowered = name.lower()
    if lowered in (*POOL_NAMES, "all"):
        return lowered
    if name in addresses:
        return name
    bare = [one for one in sorted(addresses) if one.partition(":")[2].lower() == lowered]
    known = [*POOL_NAMES, "all", *sorted(addresses)]
    near = bare or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    pool, _, rest = name.partition(":")
    what = "holds nothing now" if rest and pool in POOL_NAMES else "is no target"
    hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known[:6])}"
    raise UsageError(f"--target: {name!r} {what}{hint}")


def pools_of(targets: Iterable[str], *, aggressive: bool, compact: bool) -> tuple[str, ...]:
    """The pools to ask, in the order to clean them.

    Whole pools and those of single targets. Parsers' caches go with the caches when that is
    aggressive; compacting is for strings, whatever else is named. Views are variables of the
    user's: only the target ``analysis`` (or ``all``) has them looked at.
    """
    named = {target.partition(":")[0] for target in targets}
    if "all" in named:
        named = set(POOL_NAMES)
    if aggressive and "cache" in targets:
        named.add("ast")
    if compact:
        named.add("string")
    # What is displayed and pinned goes first: then views may have no other holder left.
    order = ("cache", "temp", "ast", "string", "analysis")
    return tuple(pool for pool in order if pool in named)
