"""Memory that arrives with imported libraries.

A meter at the head of ``sys.meta_path`` sees every first import. For the outermost
one it lends the module's loader an ``exec_module`` that reads RSS before and after,
and takes it back as soon as the module has run; nested imports go their normal way.
What the allocators merely have free afterwards is slack, not the library's.

It does not see modules that were imported before, nor memory that a library takes
later, when its functions run.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["ImportMeter"]

# Reading the allocators costs a millisecond: only worth it for libraries of some size.
_SLACK_MATTERS_BYTES = 1024 * 1024


def _is_behind_a_cell(name: str) -> bool:
    """Whether a thread of ours imports: what grows meanwhile is a cell's, not the module's."""
    ours = name.partition(".")[0] == __name__.partition(".")[0]
    return ours and threading.current_thread() is not threading.main_thread()


class ImportMeter:
    """Adds up the anonymous memory that grows while modules are imported.

    ``anonymous_bytes`` reads resident memory that no file backs; ``slack_bytes`` what
    the allocators have free. Both may return None, and then nothing is counted.
    ``arrived`` is called after each outermost import, and must not raise.
    """

    def __init__(
        self,
        anonymous_bytes: Callable[[], int | None],
        slack_bytes: Callable[[], int | None],
        arrived: Callable[[], object] = lambda: None,
    ) -> None:
        self._anonymous_bytes = anonymous_bytes
        self._slack_bytes = slack_bytes
        self._arrived = arrived
        self._slack_before: int | None = None
        self._inside = threading.local()
        self.total_bytes = 0
        self.modules: dict[str, int] = {}

    def install(self) -> None:
        """Start watching; harmless when already watching."""
        if self not in sys.meta_path:
            self._slack_before = self._slack_bytes()
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Stop watching; harmless when not watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find what the other finders find, and measure it if it is the outermost."""
        if getattr(self._inside, "busy", False) or _is_behind_a_cell(name):
            return None
        self._inside.busy = True
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self._inside.busy = False
        if spec is not None:
            self._lend(spec)
        return spec

    def _ask_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None

    def _lend(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        # Built-in and frozen modules share one loader class: nothing to lend to.
        if isinstance(loader, type) or "exec_module" in getattr(loader, "__dict__", ()):
            return
        run = getattr(loader, "exec_module", None)
        if run is None:
            return

        def exec_module(module: ModuleType) -> Any:
            del loader.exec_module
            return self._measured(spec.name, run, module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            return

    def _measured(self, name: str, run: Callable[[ModuleType], Any], module: ModuleType) -> Any:
        self._inside.busy = True
        before = self._anonymous_bytes()
        try:
            return run(module)
        finally:
            self._inside.busy = False
            self._count(name, before, self._anonymous_bytes())
            self._arrived()

    def _count(self, name: str, before: int | None, after: int | None) -> None:
        if before is None or after is None or after <= before:
            return
        growth = after - before
        if growth > _SLACK_MATTERS_BYTES:
            growth -= self._slack_growth()
        growth = max(0, growth)
        self.total_bytes += growth
        package = name.partition(".")[0]
        self.modules[package] = self.modules.get(package, 0) + growth

    def _slack_growth(self) -> int:
        slack = self._slack_bytes()
        before, self._slack_before = self._slack_before, slack
        if slack is None or before is None:
            return 0
        return max(0, slack - before)
