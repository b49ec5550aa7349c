"""``@pmat.cache``: a function's results, kept in a store of a managed pool.

The wrapper is a plain function, so that it binds as a method and looks like what it
wraps. Calls with the same key at the same time compute once; the others wait. An
exception is passed on and not kept. The same object is returned every time, as with
``functools.cache``: who changes it changes what the next call gets.
"""

from __future__ import annotations

import functools
import inspect
import re
import threading
import time
from collections.abc import Callable, Hashable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NamedTuple, TypeVar

from pmat_nb.engine.pools.entry import MISS, CacheInfo
from pmat_nb.engine.pools.store import Store
from pmat_nb.errors import UsageError

from .costs import Stopwatch
from .keys import PLAIN, UnsupportedError, content_key, token_of

__all__ = ["Memo", "Spec", "memoize"]

F = TypeVar("F", bound=Callable[..., Any])
_ONCE = (GeneratorType, CoroutineType, AsyncGeneratorType)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Spec(NamedTuple):
    """What was asked of a cache; None: as the settings say."""

    name: str
    ttl_s: float | None = None
    policy: Any = None
    max_bytes: int | None = None
    key: Callable[..., Any] | None = None


class _Call:
    """A computation under way."""

    __slots__ = ("done", "owner", "value")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.owner = threading.get_ident()
        self.value: Any = MISS


class Memo:
    """A function with its cache.

    ``attach`` gives the store to use, or None while there is none (the session was
    ended): then the function is just called.
    """

    def __init__(
        self, function: Callable[..., Any], spec: Spec, attach: Callable[[Spec], Store | None]
    ) -> None:
        self.function = function
        self.spec = spec
        self.store: Store | None = None
        self._attach = attach
        self._signature = inspect.signature(function)
        self._method = _first_of_method(function, self._signature)
        self._running: dict[Hashable, _Call] = {}
        self._lock = threading.Lock()

    def ready(self) -> Store | None:
        """The store, attached anew where a session was ended and another begun."""
        store = self.store
        if store is None or store.closed:
            store = self.store = self._attach(self.spec)
        return store

    # -- keys ----------------------------------------------------------------------

    def key_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        """The key of a call; the time that it takes is counted.

        Raises:
            TypeError: the call does not fit the function, as the function would raise.
            UsageError: an argument that cannot be told apart; it names ``key=``.
        """
        started = time.perf_counter()
        try:
            return self._key_of(args, kwargs)
        except UnsupportedError as error:
            raise UsageError(self._refusal(str(error))) from None
        finally:
            if self.store is not None:
                self.store.note_hashing(time.perf_counter() - started)

    def _key_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        if self.spec.key is not None:
            return content_key([("what key= returned", self.spec.key(*args, **kwargs))])
        bound = self._signature.bind(*args, **kwargs)
        positional = [name for name, p in self._signature.parameters.items() if _is_positional(p)]
        named: list[tuple[str, Any]] = [
            (positional[at] if at < len(positional) else f"argument {at + 1}", value)
            for at, value in enumerate(bound.args)
        ]
        if self._method and named and isinstance(named[0][1], type):
            # The class of a class method: which one it is, as defined last.
            named[0] = (named[0][0], ("class", token_of(named[0][1])))
        if bound.kwargs:
            # No parameter is called that: f(1, b=2) is not f(1, "b", 2).
            named.append(("**", tuple(sorted(bound.kwargs))))
            named += [(name, bound.kwargs[name]) for name in sorted(bound.kwargs)]
        return content_key(named)

    def _refusal(self, what: str) -> str:
        """A message with a key function that tells the refused argument by a part of it."""
        given = list(self._signature.parameters) or ["x"]
        # `what` begins with the argument's name, and where in it.
        refused = re.split(r"\W", what, maxsplit=1)[0]
        at = given.index(refused) if refused in given else 0
        parts = [f"{one}.name" if number == at else one for number, one in enumerate(given)]
        key = f"({', '.join(parts)})" if len(parts) > 1 else parts[0]
        method = " (a dataclass is told by its fields)" if self._method == refused else ""
        return (
            f"@pmat.cache on {self.function.__name__}: {what} cannot be told apart by content"
            f"{method}; say what tells calls apart, for example "
            f"@pmat.cache(key=lambda {', '.join(given)}: {key})"
        )

    # -- calling -------------------------------------------------------------------

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The value for a call, computed if need be."""
        store = self.ready()
        if store is None:
            return self.function(*args, **kwargs)
        key = self.key_of(args, kwargs)
        value = store.lookup(key)
        return self.compute(key, args, kwargs) if value is MISS else value

    def compute(self, key: Hashable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The value of a call that was missed; waits where another thread computes it."""
        store = self.ready()
        if store is None:
            return self.function(*args, **kwargs)
        with Stopwatch() as watch:
            return self._computed(store, watch, key, args, kwargs)

    def _computed(
        self, store: Store, watch: Stopwatch, key: Hashable, args: Any, kwargs: Any
    ) -> Any:
        while True:
            with self._lock:
                running = self._running.get(key)
                if running is None:
                    mine = self._running[key] = _Call()
                    break
            if running.owner == threading.get_ident():
                return self.function(*args, **kwargs)  # it calls itself
            running.done.wait()
            if running.value is not MISS:
                return running.value
        try:
            # It may have come in between the lookup and now.
            mine.value = self._kept(store, key)
            if mine.value is MISS:
                mine.value = self.function(*args, **kwargs)
                self.keep(store, key, mine.value, watch.own_s())
            return mine.value
        finally:
            with self._lock:
                del self._running[key]
            mine.done.set()

    def _kept(self, store: Store, key: Hashable) -> Any:
        return store.lookup(key) if key in store else MISS

    def keep(self, store: Store, key: Hashable, value: Any, cost_s: float) -> None:
        """Hold a computed value, unless it can be used once only."""
        if not isinstance(value, _ONCE):
            store.keep(key, value, cost_s=cost_s)

    # -- what the wrapper offers ---------------------------------------------------

    def info(self) -> CacheInfo:
        """Hits, misses, bytes, entries, hit rate, seconds saved ... (`CacheInfo`)."""
        return self._store().info()

    def clear(self) -> int:
        """Let go of every result; the bytes given back."""
        return self._store().clear()

    def evict(self, *args: Any, **kwargs: Any) -> bool:
        """Let go of the result for these arguments; whether there was one."""
        return self._store().remove(self.key_of(args, kwargs))

    def _store(self) -> Store:
        store = self.ready()
        if store is None:
            raise UsageError(f"the cache {self.spec.name!r} has ended with the session")
        return store


def _is_positional(parameter: inspect.Parameter) -> bool:
    return parameter.kind in _POSITIONAL


def _first_of_method(function: Any, signature: inspect.Signature) -> str:
    """The name of ``self`` of a function that is defined in a class; else empty."""
    *outer, _ = function.__qualname__.split(".")
    if not outer or outer[-1] == "<locals>":
        return ""
    return next((name for name, p in signature.parameters.items() if _is_positional(p)), "")


def memoize(
    function: Callable[..., Any], spec: Spec, attach: Callable[[Spec], Store | None]
) -> Callable[..., Any]:
    """``function`` with a cache; the wrapper has ``info``, ``clear``, ``evict``.

    Raises:
        UsageError: not a function, or one whose results can be used once only.
    """
    if not callable(function) or isinstance(function, type):
        raise UsageError(f"@pmat.cache is for functions, not for {function!r}")
    if isinstance(function, (staticmethod, classmethod, property)):
        raise UsageError("@pmat.cache goes below @staticmethod, @classmethod or @property")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(
            f"@pmat.cache on {function.__name__}: a generator can be used only once; "
            f"return a list or a tuple instead"
        )
    memo = Memo(function, spec, attach)
    if inspect.iscoroutinefunction(function):
        from .awaited import async_wrapper

        wrapper = async_wrapper(memo)
    else:
        wrapper = _wrapper(memo)
    functools.update_wrapper(wrapper, function)
    made: Any = wrapper
    made.info, made.clear, made.evict = memo.info, memo.clear, memo.evict
    return wrapper


def _wrapper(memo: Memo) -> Callable[..., Any]:
    call, compute = memo.call, memo.compute
    # Arguments that are their own key need no digest; a method's first is none of them,
    # and a parameter may have a key function or gather keywords.
    direct = memo.spec.key is None and not memo._method
    plain, kind_of, miss = PLAIN, type, MISS

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if kwargs or not direct or (store := memo.store) is None:
            return call(args, kwargs)
        # One and two arguments by hand: tuple(map(...)) takes half as long as the hit.
        key: tuple[Any, ...]
        count = len(args)
        if count == 1:
            first = kind_of(args[0])
            if first not in plain:
                return call(args, kwargs)
            key = (first, args[0])
        elif count == 2:
            first, second = kind_of(args[0]), kind_of(args[1])
            if first not in plain or second not in plain:
                return call(args, kwargs)
            key = (first, second, args[0], args[1])
        else:
            kinds = tuple(map(kind_of, args))
            if not plain.issuperset(kinds):
                return call(args, kwargs)
            key = kinds + args
        value = store.lookup(key)
        return compute(key, args, kwargs) if value is miss else value

    return wrapper
