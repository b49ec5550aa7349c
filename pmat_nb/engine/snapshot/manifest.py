"""The records of a snapshot, and the bytes of its header, manifest and footer."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pmat_nb.errors import UsageError

__all__ = [
    "CHUNK_BYTES",
    "FORMAT_VERSION",
    "HEADER",
    "MAGIC",
    "Footer",
    "Group",
    "Manifest",
    "RestoreReport",
    "SaveReport",
    "SavedVariable",
    "Snapshot",
]

MAGIC = b"PMATSNAP"
FORMAT_VERSION = 1
HEADER = struct.Struct("<8sI4x")
# A digest covers this much of a group; large enough to be fast, small enough that
# hashing keeps pace with writing.
CHUNK_BYTES = 8 * 1024**2

_FOOTER = struct.Struct("<QQ16s32s8s")
_END = b"PMATEND\n"


@dataclass(frozen=True, slots=True)
class SavedVariable:
    """One variable in a snapshot.

    ``stored_bytes`` are the bytes it added to the file; what it shares with an
    earlier variable of its group is counted there. ``shared_with`` names the other
    variables of the group. ``needs`` are the globals its functions refer to;
    ``module`` is what to import where the variable is a module.
    """

    name: str
    stored_bytes: int
    type: str
    shared_with: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    module: str | None = None


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What :func:`save` wrote, and what it could not, with the reasons.

    ``copied`` pairs a variable that was a view with the one whose memory it showed:
    what is restored has its own memory.
    """

    path: Path
    saved: tuple[SavedVariable, ...]
    skipped: tuple[tuple[str, str], ...]
    total_bytes: int
    duration_s: float
    copied: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What :func:`restore` put into the namespace.

    ``unbound`` pairs a restored variable with a global that its functions refer to
    and that neither the snapshot nor the namespace had.
    """

    path: Path
    restored: tuple[SavedVariable, ...]
    skipped: tuple[tuple[str, str], ...]
    unbound: tuple[tuple[str, str], ...]
    origin: Mapping[str, object]
    saved_at: float
    total_bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot file says about itself. ``saved_at`` is seconds since 1970."""

    path: Path
    variables: tuple[SavedVariable, ...]
    skipped: tuple[tuple[str, str], ...]
    origin: Mapping[str, object]
    saved_at: float
    python: str
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """One run of the body: ``names`` in dump order, ``segments`` in file order.

    A segment is ``(is_buffer, length)``; ``digests`` are those of each
    ``CHUNK_BYTES`` of the run, one after another, in hexadecimal.
    """

    names: tuple[str, ...]
    offset: int
    length: int
    segments: tuple[tuple[bool, int], ...]
    digests: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a snapshot but its values."""

    python: str
    cloudpickle: str
    saved_at: float
    hash: str
    variables: tuple[SavedVariable, ...]
    skipped: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    origin: Mapping[str, object] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As JSON, one line; names with lone surrogates survive the escape."""
        return json.dumps(asdict(self), separators=(",", ":")).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """The manifest in ``data``, whose signature the caller has checked."""
        raw = json.loads(data)
        raw["variables"] = tuple(_variable(item) for item in raw["variables"])
        raw["skipped"] = tuple((name, reason) for name, reason in raw["skipped"])
        raw["groups"] = tuple(_group(item) for item in raw["groups"])
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class Footer:
    """The last bytes of a snapshot: where the manifest is, and who signed it."""

    offset: int
    length: int
    key_id: bytes
    signature: bytes

    SIZE = _FOOTER.size

    def encode(self) -> bytes:
        """The footer's bytes."""
        return _FOOTER.pack(self.offset, self.length, self.key_id, self.signature, _END)

    @classmethod
    def decode(cls, data: bytes) -> Footer | None:
        """The footer in ``data``, None where the end of the file is missing."""
        *fields, end = _FOOTER.unpack(data)
        return cls(*fields) if end == _END else None

    def signed_part(self, header: bytes, manifest: bytes) -> bytes:
        """The bytes that the signature is over."""
        place = struct.pack("<QQ", self.offset, self.length)
        return b"".join((header, place, self.key_id, manifest))


def check_origin(origin: Mapping[str, object] | None) -> dict[str, object]:
    """A copy of ``origin``; :class:`UsageError` where JSON cannot hold it."""
    try:
        copy: dict[str, object] = json.loads(json.dumps(dict(origin or {})))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"origin: {error}; use strings and numbers, for example {{'cell': 'In[3]'}}"
        ) from error
    return copy


def _variable(item: dict[str, Any]) -> SavedVariable:
    return SavedVariable(**{**item, **_tuples(item, "shared_with", "needs")})


def _group(item: dict[str, Any]) -> Group:
    segments = tuple((bool(kind), int(length)) for kind, length in item["segments"])
    return Group(**{**item, **_tuples(item, "names"), "segments": segments})


def _tuples(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: tuple(item[key]) for key in keys}
