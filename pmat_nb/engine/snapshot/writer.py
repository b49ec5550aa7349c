"""Saving: survey, write the groups, sign, put in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from pmat_nb.errors import MemoryLimitExceeded, UsageError

from .atomic import Replacement, check_target, remove_leftovers, translate
from .body import BodyWriter, FinishedGroup
from .manifest import (
    FORMAT_VERSION,
    HEADER,
    MAGIC,
    Footer,
    Manifest,
    SavedVariable,
    SaveReport,
    check_origin,
)
from .signing import fastest_hash, hash_pool, key_id, load_key, sign

if TYPE_CHECKING:
    from .pickles import SnapshotPickler

__all__ = ["python_version", "save"]


def save(
    variables: Mapping[str, object],
    path: Path,
    *,
    key_path: Path,
    origin: Mapping[str, object] | None = None,
    namespace: dict[str, Any] | None = None,
    durable: bool = True,
    allow_empty: bool = True,
    clock: Callable[[], float] = time.perf_counter,
    now: Callable[[], float] = time.time,
) -> SaveReport:
    """Write ``variables`` to ``path``, whole or not at all.

    A variable that cannot be saved is left out and reported with the reason; the
    others are not affected. Large arrays and frames are written from the memory
    they live in.

    Args:
        variables: names and values; values are not changed.
        path: a new file, or a saved state to replace. Never a symbolic link.
        key_path: the user's signing key; made if missing.
        origin: where the variables come from, for the one who restores (JSON values).
        namespace: the globals of the notebook's functions, ``__main__``'s by default.
        durable: wait until the file is on disk.
        allow_empty: write a file even if no variable can be saved.
        clock: seconds, for ``duration_s``.
        now: seconds since 1970, for ``saved_at``.

    Raises:
        StateFileError: the file or the key cannot be written; ``path`` is as before.
        UsageError: ``origin`` is not JSON, or nothing can be saved though something must.
    """
    start = clock()
    target = check_target(path)
    facts = check_origin(origin)
    key = load_key(key_path, create=True)
    space = vars(sys.modules["__main__"]) if namespace is None else namespace
    with translate(target), Replacement(target) as replacement, hash_pool() as pool:
        remove_leftovers(target.parent)
        replacement.file.write(HEADER.pack(MAGIC, FORMAT_VERSION))
        flush = replacement.start_sync if durable else None
        body = BodyWriter(replacement.file, replacement.temp, pool, fastest_hash(), flush)
        job = _Job(body, space)
        job.run(list(dict(variables).items()))
        if not (allow_empty or job.has_values):
            raise UsageError(job.why_empty())
        if durable:
            # Hashing goes on meanwhile.
            replacement.sync()
        manifest = job.manifest(facts, now())
        total_bytes = _seal(body, manifest, key)
        if durable:
            replacement.sync()
        replacement.commit(durable=durable)
    return SaveReport(target, manifest.variables, manifest.skipped, total_bytes, clock() - start)


def python_version() -> str:
    """What a snapshot can be read by again, such as ``cpython 3.11``."""
    return f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"


class _Job:
    """One save under way: what has been written and skipped so far."""

    def __init__(self, body: BodyWriter, namespace: dict[str, Any]) -> None:
        self._body, self._namespace = body, namespace
        self._order: dict[str, int] = {}
        self._saved: list[SavedVariable] = []
        self._skipped: list[tuple[str, str]] = []
        self._groups: list[tuple[tuple[str, ...], FinishedGroup]] = []

    def run(self, items: list[tuple[str, object]]) -> None:
        """Write every item that can be written."""
        from .survey import survey

        self._order = {name: index for index, (name, _) in enumerate(items)}
        values = []
        for name, value in items:
            if _is_importable(value):
                self._saved.append(SavedVariable(name, 0, "module", module=value.__name__))
            else:
                values.append((name, value))
        found = survey(values, self._namespace)
        self._skipped.extend(found.skipped)
        by_name = dict(values)
        for names in found.groups:
            self._write_group({name: by_name[name] for name in names})

    @property
    def has_values(self) -> bool:
        """Whether anything was written that is not just a module's name."""
        return any(item.module is None for item in self._saved)

    def why_empty(self) -> str:
        """Why there is nothing in the file."""
        if not self._skipped:
            return "nothing to save: there are no variables"
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self._skipped[:3])
        rest = len(self._skipped) - 3
        more = f" and {rest} more" if rest > 0 else ""
        return f"nothing was saved: {reasons}{more}"

    def manifest(self, origin: Mapping[str, object], saved_at: float) -> Manifest:
        """All about what was written; waits for the digests."""
        import cloudpickle

        order = self._order
        return Manifest(
            python=python_version(),
            cloudpickle=cloudpickle.__version__,
            saved_at=saved_at,
            hash=fastest_hash(),
            variables=tuple(sorted(self._saved, key=lambda item: order[item.name])),
            skipped=tuple(sorted(self._skipped, key=lambda item: order[item[0]])),
            groups=tuple(group.settle(names) for names, group in self._groups),
            origin=origin,
        )

    def _write_group(self, members: dict[str, object]) -> None:
        """Write one group; a member that fails now is dropped and the rest begun anew."""
        from .pickles import SnapshotPickler

        while members:
            pickler = SnapshotPickler(self._body, self._namespace)
            failed = self._dump_all(pickler, members)
            if failed is None:
                self._groups.append((tuple(members), self._body.finish_group()))
                return
            self._body.rewind()
            del members[failed]

    def _dump_all(self, pickler: SnapshotPickler, members: dict[str, object]) -> str | None:
        """The member that failed, None where all are written (and noted as saved)."""
        from .survey import reason_of

        saved = []
        for name, value in members.items():
            before = self._body.offset
            pickler.needs.clear()
            try:
                pickler.dump(value)
            except MemoryLimitExceeded:
                raise
            except (Exception, SystemExit) as error:
                if self._body.error is not None:
                    raise self._body.error from None
                self._skipped.append((name, reason_of(error)))
                return name
            others = tuple(other for other in members if other != name)
            written = self._body.offset - before
            needs = tuple(sorted(pickler.needs))
            saved.append(SavedVariable(name, written, type(value).__name__, others, needs))
        self._saved.extend(saved)
        return None


def _is_importable(value: object) -> TypeGuard[ModuleType]:
    return isinstance(value, ModuleType) and sys.modules.get(value.__name__) is value


def _seal(body: BodyWriter, manifest: Manifest, key: bytes) -> int:
    """Append manifest and footer; the file's final size."""
    data = manifest.encode()
    header = HEADER.pack(MAGIC, FORMAT_VERSION)
    unsigned = Footer(body.offset, len(data), key_id(key), b"")
    signature = sign(key, unsigned.signed_part(header, data))
    footer = Footer(unsigned.offset, unsigned.length, unsigned.key_id, signature)
    body.write(data + footer.encode())
    return body.offset
