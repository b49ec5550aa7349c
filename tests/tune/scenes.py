"""A scene of plain names, and what the tests say of tables before and after."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pmat_nb.consumers.advice.base import Advice, Finder, Scene

NEVER = lambda: False  # noqa: E731


def scene_of(names: dict[str, Any], *, lossy: bool = False, out_of_time: Any = NEVER) -> Scene:
    """A scene whose shell has these names, and nothing measured."""
    shell: Any = SimpleNamespace(
        user_ns=names, user_ns_hidden={}, history_manager=None, displayhook=None
    )
    stats: Any = SimpleNamespace(variables=(), pools=(), allocators=(), gc=None)
    return Scene(shell, stats, {}, (), lossy, out_of_time)


def found_by(finder: Finder, scene: Scene) -> list[Advice]:
    return list(finder.find(scene))


def run(scene: Scene, code: str) -> None:
    exec(compile(code, "<test>", "exec"), scene.namespace)
    scene.namespace.pop("__builtins__", None)
