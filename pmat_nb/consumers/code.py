"""Source text and code that the kernel keeps: cells, ``linecache``, the completer's trees."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from .base import Held, Step, Waste, Wish
from .shell import trait, user_namespace

__all__ = ["CompiledCells", "InputHistory", "LineCache", "ParserCaches"]


class CompiledCells:
    """Code objects of functions from cells, and IPython's map of cells (pool ``ast``)."""

    name = "compiled cells"
    pool = "ast"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """One entry."""
        # A plain script has variables, but no compiler of cells.
        names = getattr(getattr(self._shell, "compile", None), "_filename_map", None)
        codes = tuple(
            value.__code__
            for value in user_namespace(self._shell).values()
            if type(value) is FunctionType and value.__module__ == "__main__"
        )
        roots = (names, *codes) if names else codes
        if roots:
            detail = f"{len(names):,} cells" if names else ""
            yield Held("compiled cells", roots, detail, "ast:cells")


class LineCache:
    """Source lines kept by ``linecache``, cells included (pool ``ast``)."""

    name = "linecache"
    pool = "ast"

    def held(self) -> Iterator[Held]:
        """Its entries; those not read yet hold no text and are left out."""
        cache = self._cache()
        lines = tuple(entry for entry in cache.values() if len(entry) == 4)
        if lines:
            size = sys.getsizeof(cache)
            detail = f"{len(lines):,} files and cells"
            yield Held("linecache", lines, detail, "ast:linecache", extra_bytes=size)

    def waste(self, budget_s: float) -> Waste | None:
        """Entries of files that have changed since, or are gone; cells never go stale.

        One ``stat`` a file (a few microseconds), so ``budget_s`` is not needed.
        """
        seen = stale = 0
        for _, entry in self._entries():
            text = _text_bytes(entry)
            seen += text
            stale += text if entry[1] is not None and _is_stale(entry) else 0
        return Waste(stale, seen, estimated=False, complete=True) if seen else None

    def steps(self, wish: Wish) -> Iterator[Step]:
        """Lines of files that have changed or are gone; when aggressive of all files.

        Cells, and code that was made without a file, stay: a traceback shows their lines.
        """
        doomed = self._doomed(wish.aggressive)
        if doomed:
            kind = "source lines" if wish.aggressive else "source lines that are stale"
            used = sum(_text_bytes(entry) for _, entry in doomed)
            what = f"{kind} (files: {len(doomed):,})"
            yield Step("ast:linecache", what, lambda: self._forget(wish.aggressive), used)

    def _doomed(self, every: bool) -> list[tuple[Any, tuple[Any, ...]]]:
        return [
            (filename, entry)
            for filename, entry in self._entries()
            if entry[1] is not None and (every or _is_stale(entry))
        ]

    def _forget(self, every: bool) -> str:
        for filename, _ in self._doomed(every):
            self._cache_itself().pop(filename, None)
        return ""

    def _entries(self) -> Iterator[tuple[Any, Any]]:
        """Those that were read, cells left out."""
        # IPython 7 gives its cells a time, though there is no file to compare with.
        cells = getattr(sys.modules.get("linecache"), "_ipython_cache", {})
        for filename, entry in self._cache().items():
            if len(entry) == 4 and filename not in cells:
                yield filename, entry

    @staticmethod
    def _cache_itself() -> dict[Any, Any]:
        cache = getattr(sys.modules.get("linecache"), "cache", None)
        return cache if type(cache) is dict else {}

    def _cache(self) -> dict[Any, Any]:
        return self._cache_itself().copy()


def _text_bytes(entry: tuple[Any, ...]) -> int:
    return sum(map(sys.getsizeof, entry[2]))


def _is_stale(entry: tuple[int, float, list[str], str]) -> bool:
    size, modified, _, path = entry
    try:
        status = os.stat(path)  # noqa: PTH116 - as it stands: Path("") is the folder
    except OSError:
        return True
    return size != status.st_size or modified != status.st_mtime


class InputHistory:
    """The text of all cells run (pool ``ast``)."""

    name = "input history"
    pool = "ast"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """The raw and the transformed inputs."""
        manager = getattr(self._shell, "history_manager", None)
        tables = (trait(manager, "input_hist_parsed"), trait(manager, "input_hist_raw"))
        roots = tuple(table for table in tables if table)
        if roots:
            yield Held("input history", roots, f"{len(roots[0]) - 1:,} cells", "ast:history")


class ParserCaches:
    """Trees that the completer's parser remembers: parso and jedi (pool ``ast``)."""

    name = "parser caches"
    pool = "ast"

    def held(self) -> Iterator[Held]:
        """Nothing before the first completion loads the parser."""
        trees = getattr(sys.modules.get("parso.cache"), "parser_cache", None)
        timed = getattr(sys.modules.get("jedi.cache"), "_time_caches", None)
        roots = tuple(table for table in (trees, timed) if table)
        if roots:
            files = sum(len(table) for table in (trees or {}).values())
            yield Held("completer's parser", roots, f"{files:,} files", "ast:parser")

    def steps(self, wish: Wish) -> Iterator[Step]:
        """All of it; the next completion parses what it needs again."""
        if self._filled():
            yield Step("ast:parser", "the completer's parsed files", self._forget)

    @staticmethod
    def _filled() -> list[dict[Any, Any]]:
        timed = getattr(sys.modules.get("jedi.cache"), "_time_caches", None) or {}
        trees = getattr(sys.modules.get("parso.cache"), "parser_cache", None)
        # jedi's functions hold their tables, which have to stay where they are.
        return [table for table in (*list(timed.values()), trees) if type(table) is dict and table]

    def _forget(self) -> str:
        for table in self._filled():
            table.clear()
        return ""
