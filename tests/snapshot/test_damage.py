"""A file that is not exactly what was saved is refused before anything is unpickled."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmat_nb.engine import snapshot
from pmat_nb.engine.snapshot import manifest
from pmat_nb.engine.snapshot.signing import key_id, sign
from pmat_nb.errors import StateFileError, UsageError

from .support import Folder

UNPICKLED: list[str] = []


class Canary:
    """Tells when it is unpickled."""

    def __reduce__(self) -> Any:
        return sing, ()


def sing() -> None:
    UNPICKLED.append("sang")


def saved(folder: Folder) -> bytes:
    values = {"canary": Canary(), "array": np.arange(200_000), "list": [1, 2]}
    assert folder.save(values, durable=False).skipped == ()
    return folder.path.read_bytes()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, bytes]:
    folder = Folder(tmp_path_factory.mktemp("original"))
    return folder, saved(folder)


def refused(folder: Folder, content: bytes, match: str | None = None) -> None:
    into = {"list": "mine"}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "state.pmat"
        path.write_bytes(content)
        UNPICKLED.clear()
        with pytest.raises(StateFileError, match=match):
            snapshot.restore(path, into=into, key_path=folder.key)
    assert not UNPICKLED
    assert into == {"list": "mine"}


def test_the_canary_sings_when_all_is_well(original: tuple[Folder, bytes]) -> None:
    UNPICKLED.clear()
    original[0].restore()
    assert UNPICKLED == ["sang"]


@given(data=st.data())
@settings(max_examples=60)
def test_any_changed_byte(original: tuple[Folder, bytes], data: st.DataObject) -> None:
    folder, content = original
    position = data.draw(st.integers(0, 400) | st.integers(0, len(content) - 1))
    from_end = data.draw(st.booleans())
    position = len(content) - 1 - position if from_end else position
    changed = bytearray(content)
    changed[position] ^= data.draw(st.integers(1, 255))
    refused(folder, bytes(changed))


@given(data=st.data())
@settings(max_examples=60)
def test_any_length_but_its_own(original: tuple[Folder, bytes], data: st.DataObject) -> None:
    folder, content = original
    cut = data.draw(st.integers(0, 400) | st.integers(0, len(content) - 1))
    from_end = data.draw(st.booleans())
    refused(folder, content[: len(content) - 1 - cut if from_end else cut])
    refused(folder, content + data.draw(st.binary(min_size=1)))


def test_messages_say_what_is_wrong(original: tuple[Folder, bytes], tmp_path: Path) -> None:
    folder, content = original
    refused(folder, b"", "is not a saved state of pmat_nb")
    refused(folder, b"hello, world, this is text", "is not a saved state of pmat_nb")
    refused(folder, content[:-1], "incomplete")
    refused(folder, content[:8] + b"\x07" + content[9:], "format version 7")
    refused(folder, content[:1000] + b"!" + content[1001:], "bytes of array are not those")
    other = Folder(tmp_path)
    other.save({})
    refused(other, content, "signed with another key")


def resigned(folder: Folder, content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The state with its manifest changed, and a signature to match."""
    footer = manifest.Footer.decode(content[-manifest.Footer.SIZE :])
    assert footer is not None
    facts = json.loads(content[footer.offset : footer.offset + footer.length])
    change(facts)
    data = json.dumps(facts).encode()
    key = folder.key.read_bytes()
    header = content[: manifest.HEADER.size]
    unsigned = manifest.Footer(footer.offset, len(data), key_id(key), b"")
    signature = sign(key, unsigned.signed_part(header, data))
    end = manifest.Footer(footer.offset, len(data), key_id(key), signature)
    return content[: footer.offset] + data + end.encode()


@pytest.mark.parametrize("python", ["cpython 3.10", "cpython 4.1", "pypy 3.11"])
def test_another_python_is_refused(original: tuple[Folder, bytes], python: str) -> None:
    folder, content = original
    changed = resigned(folder, content, lambda facts: facts.update(python=python))
    refused(folder, changed, f"saved by {python}, this kernel is cpython 3")
    path = folder.folder / "other.pmat"
    path.write_bytes(changed)
    assert snapshot.inspect(path, key_path=folder.key).python == python


def test_groups_beyond_the_end_of_the_file(original: tuple[Folder, bytes]) -> None:
    folder, content = original

    def beyond(facts: dict[str, Any]) -> None:
        facts["groups"][-1]["offset"] = 2 * len(content)

    refused(folder, resigned(folder, content, beyond), "ends too early")


def test_a_forged_length_allocates_nothing_before_the_signature(
    original: tuple[Folder, bytes],
) -> None:
    folder, content = original
    forged = bytearray(content)
    footer = len(content) - manifest.Footer.SIZE
    struct.pack_into("<QQ", forged, footer, 0, 2**62)
    refused(folder, bytes(forged), "incomplete")


def test_a_damaged_neighbour_does_not_matter(original: tuple[Folder, bytes]) -> None:
    folder, content = original
    path = folder.folder / "damaged.pmat"
    path.write_bytes(content[:1000] + b"!" + content[1001:])
    into: dict[str, Any] = {}
    snapshot.restore(path, ["list"], into=into, key_path=folder.key)
    assert into == {"list": [1, 2]}
    with pytest.raises(StateFileError):
        snapshot.restore(path, ["array"], into=into, key_path=folder.key)


def test_unknown_names(folder: Folder) -> None:
    import threading

    folder.save({"model": 1, "lock": threading.Lock()})
    with pytest.raises(UsageError, match=r"'modle' is not in .*; for example 'model'"):
        folder.restore(["modle"])
    with pytest.raises(UsageError, match=r"'lock' was not saved in .*cannot pickle"):
        folder.restore(["lock"])
    assert folder.restore([]) == {}
    assert folder.restore("model") == {"model": 1}


def test_inspect_reads_the_manifest_only(folder: Folder) -> None:
    saved(folder)
    UNPICKLED.clear()
    origin = {"notebook": "tour.ipynb", "cell": 3}
    folder.save({"canary": Canary(), "bad": (i for i in ())}, origin=origin, now=lambda: 5.0)
    found = snapshot.inspect(folder.path, key_path=folder.key)
    assert not UNPICKLED
    assert [item.name for item in found.variables] == ["canary"]
    assert found.skipped == (("bad", "TypeError: cannot pickle 'generator' object"),)
    assert (found.origin, found.saved_at) == (origin, 5.0)
    assert found.total_bytes == folder.path.stat().st_size
    with pytest.raises(UsageError, match="origin"):
        folder.save({}, origin={"x": object()})


@pytest.mark.parametrize("target", ["missing", "folder", "fifo", "nul"])
def test_what_is_no_file(folder: Folder, target: str) -> None:
    folder.save({})
    path = folder.folder / (target if target != "nul" else "a\0b")
    if target == "folder":
        path.mkdir()
    elif target == "fifo":
        os.mkfifo(path)
    with pytest.raises(StateFileError):
        snapshot.inspect(path, key_path=folder.key)
    if target != "missing":
        with pytest.raises(StateFileError):
            snapshot.save({}, path, key_path=folder.key)
