"""What was asked for, in bytes, or refused with the figures and what would work."""

from __future__ import annotations

import sys
from typing import Literal, NamedTuple

from pmat_nb.engine.limits import Usable
from pmat_nb.errors import UsageError
from pmat_nb.units import GIB, MIB, LimitSpec

__all__ = [
    "CellLimit",
    "NextLimit",
    "Standing",
    "ceiling_wanted",
    "cell_bytes",
    "standing_bytes",
    "standing_in_force",
]

# They end the process when an allocation fails; only the guard can stop them.
_ABORTING_LIBRARIES = ("polars",)


class CellLimit(NamedTuple):
    """A limit as typed above a cell, or in ``pmat_nb.limit()``."""

    spec: LimitSpec
    scope: Literal["cell", "total"] = "cell"
    ceiling: Literal["auto", "on", "off"] = "auto"
    warn_only: bool = False
    restore_names: bool = False
    keep_frames: bool = False


class NextLimit(NamedTuple):
    """A limit that waits for the cell that begins with ``first_line``."""

    first_line: str
    limit: CellLimit
    size_bytes: int | None


class Standing(NamedTuple):
    """The kernel's own limit in bytes of its tree; None where there is none.

    ``beyond_auto_bytes`` is what was asked for where the automatic limit is the tighter one
    and holds instead; ``capped``: it is the machine's cap, below what anybody asked for.
    """

    limit_bytes: int | None
    beyond_auto_bytes: int | None
    capped: bool


def ceiling_wanted(ceiling: str) -> bool:
    """Whether a ceiling may be set: not by itself once an aborting library is loaded."""
    if ceiling != "auto":
        return ceiling == "on"
    return not any(name in sys.modules for name in _ABORTING_LIBRARIES)


def cell_bytes(limit: CellLimit, room: Usable | None, tree_bytes: int, *, magic: str) -> int | None:
    """The bytes that ``limit`` stands for in its scope; None for ``off``.

    A fraction is of what is usable: of all of it for the scope ``total``, of what is
    still free for a cell.

    Raises:
        UsageError: the limit cannot hold, with the figures and the command that would.
    """
    spec, total = limit.spec, limit.scope == "total"
    if spec.kind == "off":
        return None
    if room is None:
        if spec.kind in ("auto", "fraction"):
            raise UsageError(
                f"{magic}: what is usable cannot be read here; name a size: {magic} 2GB"
            )
        return int(spec.value) + (tree_bytes if total and spec.kind == "relative" else 0)
    free = max(0, room.usable_bytes - tree_bytes)
    if spec.kind == "auto":
        size = room.auto_bytes if total else room.auto_bytes - tree_bytes
    elif spec.kind == "fraction":
        size = int(spec.value * (room.usable_bytes if total else free))
    elif spec.kind == "relative":
        size = int(spec.value) + (tree_bytes if total else 0)
    else:
        size = int(spec.value)
    _check_total(size if total else size + tree_bytes, room, tree_bytes, limit, magic)
    return size


def standing_bytes(spec: LimitSpec, room: Usable | None, tree_bytes: int) -> int | None:
    """The kernel's own limit in bytes of its tree; None where there is none."""
    if room is None:
        return None if spec.kind != "absolute" else int(spec.value)
    if spec.kind == "auto":
        return room.auto_bytes
    return spec.resolve(usable_bytes=room.usable_bytes, in_use_bytes=tree_bytes)


def standing_in_force(
    spec: LimitSpec, cap: LimitSpec | None, room: Usable | None, tree_bytes: int
) -> Standing:
    """The tightest of what is asked for, the machine's cap and the automatic limit."""
    wanted = standing_bytes(spec, room, tree_bytes)
    # A share and a size can only be compared here.
    most = None if cap is None else standing_bytes(cap, room, tree_bytes)
    capped = most is not None and (wanted is None or most < wanted)
    if capped:
        wanted = most
    if wanted is not None and room is not None and wanted > room.auto_bytes:
        return Standing(room.auto_bytes, wanted, capped)
    return Standing(wanted, None, capped)


def _check_total(total: int, room: Usable, tree_bytes: int, limit: CellLimit, magic: str) -> None:
    from pmat_nb.render.format import brief
    from pmat_nb.render.format import limit as shown

    if total <= tree_bytes:
        roomy = tree_bytes + 2 * GIB
        works = roomy if roomy < room.usable_bytes else (tree_bytes + room.usable_bytes) // 2
        raise UsageError(
            f"{magic}: the kernel holds {brief(tree_bytes)} already, so {shown(max(0, total))} "
            f"in all is too little; for example {_command(magic, works, total=True)}"
        )
    if total > room.bound.limit_bytes:
        in_all = limit.scope == "total"
        most = room.auto_bytes if in_all else room.auto_bytes - tree_bytes
        raise UsageError(
            f"{magic}: {shown(total)} in all is more than the {shown(room.usable_bytes)} "
            f"usable ({room.bound.source}), of which {brief(tree_bytes)} are in use; the most "
            f"that works is {_command(magic, max(most, MIB), total=in_all)}"
        )


def _command(magic: str, size: int, *, total: bool) -> str:
    """What to write instead, as it may be typed."""
    if magic.endswith("()"):
        scope = ', scope="total"' if total else ""
        return f'{magic[:-2]}("{_typed(size)}"{scope})'
    return f"{magic} {_typed(size)}{' --scope total' if total else ''}"


def _typed(size: int) -> str:
    """A size as it may be typed again, rounded down."""
    if size >= 10 * GIB:
        return f"{size // GIB}GB"
    if size >= GIB:
        return f"{size * 10 // GIB / 10:g}GB"
    return f"{max(1, size // MIB)}MB"
