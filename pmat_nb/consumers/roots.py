"""Names for what keeps things alive in a kernel, for `engine.referrers`.

Built afresh for one search: everything is known by id, and nothing of the user's is
kept but the shell.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    GeneratorType,
    ModuleType,
)
from typing import Any

from pmat_nb.engine.frames import local_variables, module_of, traceback_frames
from pmat_nb.engine.referrers import Root
from pmat_nb.engine.safe import has_base, instance_dict, key_text, qualified_name, type_name

from .last_error import is_internal, last_tracebacks
from .shell import hidden_namespace, is_ipython_name, output_history, snapshot, trait
from .temp import open_figures

__all__ = ["KernelRoots"]

_NAMESPACE_OF = vars(ModuleType)["__dict__"].__get__
_ERROR_NAMES = ("last_exc", "last_value", "last_traceback", "last_type")
_CONTEXT_NODES = ("hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node")

Namer = Callable[[Any, object], Root | None]


class KernelRoots:
    """Where paths end: the user's names, IPython's holders, modules, figures, widgets ..."""

    def __init__(self, shell: Any, asked: str) -> None:
        """``asked`` is the name (or ``Out[11]``) that the question is about: no holder."""
        self._shell = shell
        self._asked = asked
        self._namespaces: dict[int, Namer] = {}
        self._objects: dict[int, Root] = {}
        self._figures = {id(figure): number for number, figure in open_figures().items()}
        self._pinned = _running_locals()
        self._name_tracebacks()
        self._name_modules()
        self._name_ipython()

    # -- the three questions of a search -----------------------------------------

    def pinned(self, value: object) -> Iterable[Root]:
        """Locals of running frames, in threads too, and frames of the last errors."""
        return self._pinned.get(id(value), ())

    def ignored(self, holder: object) -> bool:
        """Frames and coroutines of the kernel itself, and the insides of contexts."""
        frame = _frame_of(holder)
        return frame is not None and is_internal(module_of(frame))

    def ends(self, holder: object, chain: Sequence[object]) -> list[Root] | None:
        """The names of a holder that a path ends at; none for the asked name itself."""
        namer = self._namespaces.get(id(holder))
        if namer is not None:
            return list(self._named(holder, chain[0], namer))
        root = self._objects.get(id(holder)) or self._by_type(holder, chain)
        return None if root is None else [root]

    def _named(self, namespace: Any, held: object, namer: Namer) -> Iterator[Root]:
        for key, value in snapshot(namespace).items():
            if value is held or key is held:
                root = namer(key, value)
                if root is not None and root.text != self._asked:
                    yield root

    # -- by identity -------------------------------------------------------------

    def _name_tracebacks(self) -> None:
        """Frames of the last errors: going up through a deep stack is slow."""
        for place, traceback, _ in last_tracebacks(self._shell):
            for frame, _ in traceback_frames(traceback):
                self._pinned.setdefault(id(frame), []).append(Root(place, "traceback"))

    def _name_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            if has_base(module, ModuleType) and name != "__main__":
                self._namespaces[id(_NAMESPACE_OF(module))] = _module_namer(name)

    def _name_ipython(self) -> None:
        shell = self._shell
        self._namespaces[id(shell.user_ns)] = self._user_name
        self._namespaces[id(getattr(shell, "user_ns_hidden", None))] = _prefixed("user_ns_hidden")
        manager = getattr(shell, "history_manager", None)
        self._namespaces[id(getattr(manager, "outputs", None))] = _prefixed(
            "history_manager.outputs"
        )
        self._namespaces[id(output_history(shell))] = _prefixed("Out")
        for name, holder, kind in (
            ("get_ipython()", shell, "ipython"),
            ("displayhook", getattr(shell, "displayhook", None), "ipython"),
            ("history_manager", manager, "ipython"),
            ("InteractiveTB", getattr(shell, "InteractiveTB", None), "traceback"),
            ("last_execution_result", trait(shell, "last_execution_result"), "ipython"),
        ):
            self._name_object(name, holder, kind)

    def _name_object(self, name: str, holder: object, kind: str) -> None:
        """An object known by name: itself, its attributes and its traits."""
        if holder is None:
            return
        self._objects[id(holder)] = Root(name, kind, covers=0)
        attributes = instance_dict(holder)
        for table in (attributes, (attributes or {}).get("_trait_values")):
            if type(table) is dict:
                self._namespaces[id(table)] = _dotted(name, kind)

    def _user_name(self, key: Any, value: object) -> Root | None:
        if key == self._asked if type(key) is str else True:
            return None
        hidden = hidden_namespace(self._shell)
        own = is_ipython_name(key, value, hidden, output_history(self._shell))
        return Root(key, "ipython" if own else "variable")

    # -- by type -----------------------------------------------------------------

    def _by_type(self, holder: Any, chain: Sequence[object]) -> Root | None:
        if has_base(holder, type):
            return Root(f"class {qualified_name(holder)}", "class", covers=0)
        if has_base(holder, threading.Thread):
            name = (instance_dict(holder) or {}).get("_name")
            return Root(f"thread {name!s}", "thread", covers=0)
        if type(holder) is contextvars.Context:
            return _context_root(holder, chain)
        return self._task(holder) or self._figure(holder) or self._widget(holder)

    @staticmethod
    def _task(holder: object) -> Root | None:
        for module in ("_asyncio", "asyncio.tasks"):
            task: Any = getattr(sys.modules.get(module), "Task", None)
            if task is not None and has_base(holder, task):
                state = "finished" if task.done(holder) else "pending"
                return Root(f"{state} asyncio task {task.get_name(holder)}", "task", covers=0)
        return None

    def _figure(self, holder: object) -> Root | None:
        """An artist of a figure that pyplot keeps open."""
        artist = getattr(sys.modules.get("matplotlib.artist"), "Artist", None)
        if artist is None or not has_base(holder, artist):
            return None
        number = self._figures.get(id(holder))
        if number is not None:
            return Root(f"open figure {number}", "figure", covers=0)
        attributes = instance_dict(holder) or {}
        for name in ("figure", "_root_figure", "_parent_figure"):
            number = self._figures.get(id(attributes.get(name)))
            if number is not None:
                return Root(f"open figure {number} → {type_name(holder)}", "figure", covers=0)
        return None

    @staticmethod
    def _widget(holder: object) -> Root | None:
        module = sys.modules.get("ipywidgets.widgets.widget")
        if module is not None and has_base(holder, getattr(module, "Widget", None)):
            return Root(f"widget {type_name(holder)}", "widget", covers=0)
        return None


def _module_namer(module: str) -> Namer:
    def name(key: Any, value: object) -> Root:
        kind = "traceback" if module == "sys" and key in _ERROR_NAMES else "module"
        return Root(f"{module}.{key}" if type(key) is str else module, kind)

    return name


def _prefixed(text: str) -> Namer:
    return lambda key, value: Root(f"{text}[{key_text(key)}]", "ipython")


def _dotted(text: str, kind: str) -> Namer:
    def name(key: Any, value: object) -> Root:
        error = kind == "traceback" or str(key).startswith("error_")
        return Root(f"{text}.{key}", "traceback" if error else kind)

    return name


def _context_root(context: contextvars.Context, chain: Sequence[object]) -> Root | None:
    """The variable of a context that leads to the target."""
    for covers, value in enumerate(chain, start=1):
        if type_name(value) in _CONTEXT_NODES:
            continue
        for variable, current in context.items():
            if current is value or variable is value:
                return Root(f"context variable {variable.name}", "context", covers)
    return Root("a context", "context", covers=0)


def _frame_of(holder: object) -> FrameType | None:
    """The frame of a frame, generator or coroutine."""
    if type(holder) is FrameType:
        return holder
    if type(holder) is GeneratorType:
        return holder.gi_frame
    if type(holder) is CoroutineType:
        return holder.cr_frame
    if type(holder) is AsyncGeneratorType:
        found: FrameType | None = holder.ag_frame
        return found
    return None


def _running_locals() -> dict[int, list[Root]]:
    """Names of what running functions hold, by id; the kernel's own frames left out."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    found: dict[int, list[Root]] = {}
    for ident, top in sys._current_frames().items():
        own = ident == threading.get_ident()
        where = "" if own else f"thread {names.get(ident, ident)}: "
        frame: FrameType | None = top
        del top  # this very call's, maybe: a cycle
        while frame is not None:
            if not is_internal(module_of(frame)):
                words = f"{where}running {frame.f_code.co_name}() line {frame.f_lineno} local "
                for name, value in local_variables(frame).items():
                    found.setdefault(id(value), []).append(Root(words + name, "thread"))
            frame = frame.f_back
    return found
