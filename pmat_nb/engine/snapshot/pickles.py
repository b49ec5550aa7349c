"""The pickler and unpickler of snapshots, on top of cloudpickle's.

What differs from cloudpickle:

- large buffers leave the stream and are handed over without a copy;
- a function of the notebook does not take its globals along: it is bound to the
  namespace it is restored into, as it was bound to the one it came from;
- a live class of this kernel is not changed by a restore unless it was asked for
  by name, and then only once everything has been read;
- what would silently come back as something else is refused (open files,
  memoryviews).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import Any, Protocol

from cloudpickle import CloudPickler
from cloudpickle import cloudpickle as _cloud

from . import rebuild
from .reducers import Reducer, reducer_for

__all__ = ["OUT_OF_BAND_BYTES", "Restoration", "Sink", "SnapshotPickler", "SnapshotUnpickler"]

# Smaller buffers travel inside the stream: a segment of their own costs more than
# the copy.
OUT_OF_BAND_BYTES = 64 * 1024

Pieces = Iterable[memoryview]


class Sink(Protocol):
    """Where a pickler puts its stream and its buffers."""

    def write(self, data: bytes | memoryview) -> int:
        """Take some of the stream."""

    def write_buffer(self, pieces: Pieces) -> None:
        """Take one out-of-band buffer."""


class SnapshotPickler(CloudPickler):  # type: ignore[misc] # it has no types
    """Pickles variables into ``sink``; one ``dump`` each, with one memo.

    ``needs`` collects the names of the globals that functions of ``namespace``
    refer to.
    """

    def __init__(self, sink: Sink, namespace: dict[str, Any]) -> None:
        # A method of our own would be a cycle, and keep the memo until the next gc.
        self._buffers = _Buffers(sink)
        super().__init__(sink, protocol=5, buffer_callback=self._buffers)
        self._namespace = namespace
        self._namespace_ref = _NamespaceRef()
        self._reducers: dict[type, Reducer | None] = {}
        self.needs: set[str] = set()
        # Stands for storage that several objects share but wrap anew each time.
        self.canonical: dict[int, Any] = {}

    def reducer_override(self, obj: Any) -> Any:
        """How ``obj`` is taken apart; NotImplemented leaves it to pickle."""
        kind = type(obj)
        if kind is FunctionType and obj.__globals__ is self._namespace:
            return self._reduce_function(obj)
        try:
            reducer = self._reducers[kind]
        except KeyError:
            reducer = self._reducers[kind] = reducer_for(kind)
        if reducer is not None:
            reduced = reducer(self, obj)
            if reduced is not NotImplemented:
                return reduced
        return super().reducer_override(obj)

    def streamed(self, pieces: Pieces) -> pickle.PickleBuffer:
        """A buffer whose bytes are produced piece by piece while it is written."""
        return self._buffers.streamed(pieces)

    def _reduce_function(self, function: FunctionType) -> Any:
        reduced = super().reducer_override(function)
        if not isinstance(reduced, tuple):
            return reduced
        make, (code, _, *rest), state, *others = reduced
        attributes, slots = state
        self.needs.update(slots["__globals__"])
        # The notebook's helpers and data are variables of their own.
        bare = attributes, {**slots, "__globals__": {}}
        return make, (code, self._namespace_ref, *rest), bare, *others


class _Buffers:
    """Takes each buffer that pickle meets; true leaves it to the stream."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._streamed: dict[int, tuple[pickle.PickleBuffer, Pieces]] = {}

    def streamed(self, pieces: Pieces) -> pickle.PickleBuffer:
        buffer = pickle.PickleBuffer(bytearray())
        self._streamed[id(buffer)] = buffer, pieces
        return buffer

    def __call__(self, buffer: pickle.PickleBuffer) -> bool:
        streamed = self._streamed.pop(id(buffer), None)
        if streamed is not None:
            self._sink.write_buffer(streamed[1])
            return False
        with buffer.raw() as view:
            if view.nbytes < OUT_OF_BAND_BYTES:
                return True
            self._sink.write_buffer((view,))
        return False


class SnapshotUnpickler(pickle.Unpickler):
    """Reads the dumps of one group."""

    def __init__(self, stream: Any, buffers: Iterator[Any], restoration: Restoration) -> None:
        super().__init__(stream, buffers=buffers)
        self._restoration = restoration

    def find_class(self, module: str, name: str) -> Any:
        """The global ``module.name``, or what stands in for it here."""
        stand_in = self._restoration.stand_in(module, name)
        return stand_in or super().find_class(module, name)


class Restoration:
    """What one restore shares between its groups: the namespace and the classes."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._made: set[type] = set()
        self._live: dict[type, Any] = {}

    def stand_in(self, module: str, name: str) -> Callable[..., Any] | None:
        """What replaces the global ``module.name`` in this restore."""
        if module.partition(".")[0] == "cloudpickle":
            method = _STAND_INS.get(name)
            return getattr(self, method) if method else None
        if module == rebuild.__name__ and name == "namespace":
            return lambda: self._namespace
        return None

    def settle(self, values: Iterable[Any]) -> None:
        """Put live classes that are among ``values`` back to their saved state."""
        wanted = {id(value) for value in values}
        for live, state in self._live.items():
            if id(live) in wanted and state is not None:
                _cloud_function("_class_setstate")(live, state)

    def _make_function(self, code: Any, space: Any, *rest: Any) -> Any:
        if space is self._namespace:
            return FunctionType(code, space, *rest)
        return _cloud_function("_make_function")(code, space, *rest)

    def _set_function_state(self, function: FunctionType, state: Any) -> None:
        apply = _cloud_function("_function_setstate")
        if function.__globals__ is not self._namespace:
            apply(function, state)
            return
        # cloudpickle plants its own __builtins__ in the globals it is given.
        missing = object()
        builtins = self._namespace.get("__builtins__", missing)
        apply(function, state)
        if builtins is missing:
            self._namespace.pop("__builtins__", None)
        else:
            self._namespace["__builtins__"] = builtins

    def _make_class(self, *args: Any) -> type:
        return self._tracked("_make_skeleton_class", args)

    def _make_enum(self, *args: Any) -> type:
        return self._tracked("_make_skeleton_enum", args)

    def _tracked(self, maker: str, args: tuple[Any, ...]) -> type:
        """Make a class; one that this process already has under its id is live."""
        known = set(_cloud._DYNAMIC_CLASS_TRACKER_BY_CLASS)
        made: type = _cloud_function(maker)(*args)
        if made in known and made not in self._made:
            self._live.setdefault(made, None)
        else:
            self._made.add(made)
        return made

    def _set_class_state(self, made: type, state: Any) -> type:
        if made in self._live:
            self._live[made] = state
        else:
            _cloud_function("_class_setstate")(made, state)
        return made


_STAND_INS = {
    "_make_function": "_make_function",
    "_function_setstate": "_set_function_state",
    "_make_skeleton_class": "_make_class",
    "_make_skeleton_enum": "_make_enum",
    "_class_setstate": "_set_class_state",
}


class _NamespaceRef:
    """Stands for the notebook's namespace in a pickle stream."""

    def __reduce__(self) -> Any:
        return rebuild.namespace, ()


def _cloud_function(name: str) -> Callable[..., Any]:
    """A function of cloudpickle; before 3.0 some lived in a second module."""
    try:
        found = getattr(_cloud, name)
    except AttributeError:
        from cloudpickle import cloudpickle_fast

        found = getattr(cloudpickle_fast, name)
    result: Callable[..., Any] = found
    return result
