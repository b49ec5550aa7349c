"""What a stopped cell's frames hold, and whose they are."""

from __future__ import annotations

import weakref
from types import ModuleType
from typing import Any

import pytest

from pmat_nb.session.protection.release import clear_our_frames

LOOK = "def look(values):\n    found = list(values)\n    raise MemoryError"


@pytest.mark.parametrize(
    ("module", "lives"), [("pmat_nb.engine.leaks.census", False), ("mine", True)]
)
def test_only_our_own_frames_are_cleared(module: str, lives: bool) -> None:
    names: dict[str, Any] = {"__name__": module}
    exec(LOOK, names)
    thing = ModuleType("thing")
    held = weakref.ref(thing)
    with pytest.raises(MemoryError) as raised:
        names["look"]([thing])
    del thing
    assert held() is not None
    outer = RuntimeError("from a chain")
    outer.__context__ = raised.value
    clear_our_frames(outer)
    assert (held() is not None) is lives
