"""``pmat.parse``: syntax trees of files and sources, parsed once per content.

A tree is found again by the text it was parsed from, wherever that came from, so a file
that was saved unchanged, or copied, is not parsed again. What a path had before it
changed is stale; it goes when the path is parsed again, or at a cleanup.
"""

from __future__ import annotations

import ast
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pmat_nb.consumers.base import Held, Step, Waste, Wish
from pmat_nb.errors import UsageError

if TYPE_CHECKING:
    from pmat_nb.engine.pools.pool import Pool

__all__ = ["ParsePool"]


class _Origin(NamedTuple):
    """A file as it was when it was parsed, and the key of its tree."""

    key: bytes
    modified_ns: int
    nbytes: int


class ParsePool:
    """Parsed trees, within the budget of the pool ``ast``."""

    name = "parsed trees"
    pool = "ast"

    def __init__(self, budget: Pool) -> None:
        self._store = budget.store("parse")
        self._lock = budget.lock
        self._origins: dict[str, _Origin] = {}

    def parse(self, source: str | os.PathLike[str]) -> ast.Module:
        """The tree of Python source, or of the file at a path.

        A string with a line break is source; one without is a path if there is such a
        file, else source. The same tree is handed out each time: copy it before you
        change it (``copy.deepcopy``).

        Raises:
            UsageError: the file cannot be read, or is not text in its own encoding.
            SyntaxError: as from ``ast.parse``, with the file's name.
        """
        path = _path_of(source)
        if path is None:
            return self._parsed(str(source).encode("utf-8", "surrogatepass"), "<string>")[1]
        try:
            status = path.stat()
            data = path.read_bytes()
        except OSError as problem:
            raise UsageError(f"parse: {path} cannot be read ({problem.strerror})") from None
        key, tree = self._parsed(data, str(path))
        self._remember(str(path), _Origin(key, status.st_mtime_ns, status.st_size))
        return tree

    def _parsed(self, data: bytes, filename: str) -> tuple[bytes, ast.Module]:
        from pmat_nb.engine.pools.entry import MISS

        key = hashlib.blake2b(data, digest_size=16).digest()
        found = self._store.lookup(key)
        if found is not MISS:
            return key, found
        started = time.perf_counter()
        try:
            tree = ast.parse(data, filename)
        except ValueError as problem:  # null bytes
            raise UsageError(f"parse: {filename} is not Python source ({problem})") from None
        self._store.keep(key, tree, cost_s=time.perf_counter() - started)
        return key, tree

    def _remember(self, path: str, origin: _Origin) -> None:
        with self._lock:
            before = self._origins.get(path)
            self._origins[path] = origin
            if before is not None and before.key != origin.key:
                self._drop(before.key)

    def _drop(self, key: bytes) -> None:
        """Let go of a tree that no path leads to any more."""
        if not any(origin.key == key for origin in self._origins.values()):
            self._store.remove(key)

    def stale(self) -> list[str]:
        """Paths whose file has changed since, or is gone."""
        return [path for path, origin in list(self._origins.items()) if _is_stale(path, origin)]

    def drop_stale(self) -> int:
        """Let go of the trees of stale paths; the bytes given back."""
        with self._lock:
            before = self._store.used_bytes
            for path in self.stale():
                self._drop(self._origins.pop(path).key)
            return before - self._store.used_bytes

    def clear(self) -> int:
        """Let go of every tree; the bytes given back."""
        with self._lock:
            self._origins.clear()
            return self._store.clear()

    # --- as a consumer ------------------------------------------------------------

    def held(self) -> Iterator[Held]:
        """The trees in memory."""
        trees = tuple(e.value for e in list(self._store.entries.values()) if e.spilled is None)
        if trees:
            yield Held(self.name, trees, f"{len(trees):,} sources", "ast:parse")

    def waste(self, budget_s: float) -> Waste | None:
        """Trees of files that changed or are gone; one ``stat`` a file."""
        keys = {self._origins[path].key for path in self.stale() if path in self._origins}
        entries = self._store.entries
        unused = sum(entries[key].nbytes for key in keys if key in entries)
        seen = self._store.used_bytes
        return Waste(unused, seen, estimated=True, complete=True) if seen else None

    def steps(self, wish: Wish) -> Iterable[Step]:
        """Stale trees; all of them where warm caches may go, too."""
        if not self._store.entries:
            return
        if wish.aggressive:
            yield Step("ast:parse", "parsed trees", self._run_clear, self._store.used_bytes)
        elif self._origins:
            waste = self.waste(0.0)
            if waste is not None and waste.unused_bytes:
                yield Step(
                    "ast:parse", "trees of changed files", self._run_stale, waste.unused_bytes
                )

    def _run_clear(self) -> str:
        self.clear()
        return ""

    def _run_stale(self) -> str:
        self.drop_stale()
        return ""


def _path_of(source: str | os.PathLike[str]) -> Path | None:
    if not isinstance(source, str):
        return Path(source)
    if "\n" in source or not source.strip():
        return None
    try:
        return Path(source) if Path(source).is_file() else None
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return None


def _is_stale(path: str, origin: _Origin) -> bool:
    try:
        status = Path(path).stat()
    except OSError:
        return True
    return (status.st_mtime_ns, status.st_size) != (origin.modified_ns, origin.nbytes)
