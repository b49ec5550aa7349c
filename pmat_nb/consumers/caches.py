"""Caches that a session fills as it runs: ``functools``, ``re``, matplotlib's fonts and text."""

from __future__ import annotations

import functools
import gc
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from pmat_nb.engine.safe import is_exactly

from .base import Held, Step, Wish
from .shell import user_namespace

__all__ = ["FunctoolsCaches", "MatplotlibCaches", "RegexCache", "cached_objects"]

_NO_AGES = "n/a: it does not say when an entry was last used; leave out --cache-age"
_WRAPPER: Any = type(functools.lru_cache(lambda: None))
_NAMESPACE_OF = vars(ModuleType)["__dict__"].__get__
_CLASS_NAMESPACE_OF = type.__dict__["__dict__"].__get__


def cached_objects(wrapper: Any) -> tuple[object, ...]:
    """Keys, values and the table of a ``functools.lru_cache`` wrapper.

    Read by way of the collector: the wrapper has no attribute for them, and calling
    it would run the user's function.
    """
    function = wrapper.__dict__.get("__wrapped__")
    return tuple(
        found
        for found in gc.get_referents(wrapper)
        if found is not function and found is not wrapper.__dict__ and type(found) is not type
    )


def _held(wrapper: Any, name: str, *, variable: bool) -> Held | None:
    info = _WRAPPER.cache_info(wrapper)
    if not info.currsize:
        return None
    detail = f"{info.currsize:,} entries, {info.hits:,} hits, {info.misses:,} misses"
    if variable:
        # The function itself: handing out its table would be one more holder of the results.
        return Held(name, (wrapper,), detail, f"cache:{name}", contents=True)
    return Held(name, cached_objects(wrapper), detail, f"cache:{name}")


def _wrappers(namespace: dict[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """(name, wrapper) of functions and methods with a cache, bound in a namespace."""
    for name, value in namespace.items():
        kind = type(value)
        if kind is _WRAPPER:
            yield f"{prefix}{name}", value
        elif kind is type and value.__module__ == namespace.get("__name__"):
            for attribute, member in _CLASS_NAMESPACE_OF(value).items():
                inner = getattr(member, "__func__", None) if _is_method(member) else member
                if type(inner) is _WRAPPER:
                    yield f"{prefix}{name}.{attribute}", inner


def _is_method(member: object) -> bool:
    return is_exactly(member, (staticmethod, classmethod))


def _user_modules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Loaded modules that are neither the standard library's nor installed packages'."""
    paths = sysconfig.get_paths()
    installed = tuple({paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")})
    for name, module in list(sys.modules.items()):
        if name == "__main__" or name.partition(".")[0] == "pmat_nb":
            continue
        if type(module) is not ModuleType:
            continue
        namespace = _NAMESPACE_OF(module)
        file = namespace.get("__file__")
        if type(file) is str and not file.startswith(installed):
            yield name, namespace.copy()


class FunctoolsCaches:
    """``functools`` caches of the user's cells and modules (pool ``cache``)."""

    name = "functools caches"
    pool = "cache"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """One entry per cache that is not empty, addressed ``cache:NAME``."""
        variables = user_namespace(self._shell)
        for name, wrapper in self._candidates():
            found = _held(wrapper, name, variable=variables.get(name) is wrapper)
            if found is not None:
                yield found

    def steps(self, wish: Wish) -> Iterator[Step]:
        """When aggressive every cache that is not empty: its results can be had again.

        A singleton made by a cache (a connection, a model) goes only by its name.
        """
        for name, wrapper in self._candidates():
            entries = _entries(wrapper)
            if not entries:
                continue
            target, what = f"cache:{name}", f"functools cache {name} (entries: {entries:,})"
            if wish.cache_age_s is not None:
                yield Step.leave(target, what, _NO_AGES)
            elif not wish.named and _is_singleton(wrapper):
                yield Step.leave(target, what, f"made once, without arguments; --target {target}")
            elif wish.aggressive:
                yield Step(target, what, functools.partial(_clear, wrapper))
            else:
                yield Step.leave(target, what, f"warm; --aggressive or --target {target}")

    def lookups(self) -> Iterator[tuple[str, int, int, int]]:
        """Address, hits, misses and entries of every cache that is not empty."""
        for name, wrapper in self._candidates():
            info = _WRAPPER.cache_info(wrapper)
            if info.currsize:
                yield f"cache:{name}", info.hits, info.misses, info.currsize

    def _candidates(self) -> Iterator[tuple[str, Any]]:
        """Each cache once, under the first of its names."""
        seen: set[int] = set()
        for name, wrapper in self._everywhere():
            if id(wrapper) not in seen:
                seen.add(id(wrapper))
                yield name, wrapper

    def _everywhere(self) -> Iterator[tuple[str, Any]]:
        yield from _wrappers(user_namespace(self._shell), "")
        for name, namespace in _user_modules():
            yield from _wrappers(namespace, f"{name}.")


def _entries(wrapper: Any) -> int:
    # By way of the type: the user's function may have attributes of these names.
    return int(_WRAPPER.cache_info(wrapper).currsize)


def _is_singleton(wrapper: Any) -> bool:
    """Whether the only entry is that of a call without arguments."""
    if _entries(wrapper) != 1:
        return False
    tables = [found for found in cached_objects(wrapper) if type(found) is dict]
    return any(
        len(table) == 1 and type(key := next(iter(table))) is tuple and not key for table in tables
    )


def _clear(*wrappers: Any) -> str:
    for wrapper in wrappers:
        _WRAPPER.cache_clear(wrapper)
    return ""


class RegexCache:
    """Compiled patterns that ``re`` remembers (pool ``cache``)."""

    name = "re cache"
    pool = "cache"

    def held(self) -> Iterator[Held]:
        """Its tables; there are two since Python 3.12."""
        tables = self._tables()
        if tables:
            yield Held("re cache", tables, f"{max(map(len, tables)):,} patterns", "cache:re")

    def steps(self, wish: Wish) -> Iterator[Step]:
        """All patterns; those that somebody holds stay compiled."""
        tables = self._tables()
        if tables and wish.cache_age_s is not None:
            yield Step.leave("cache:re", "re cache", _NO_AGES)
        elif tables:
            what = f"re cache (patterns: {max(map(len, tables)):,})"
            yield Step("cache:re", what, self._purge)

    @staticmethod
    def _tables() -> tuple[dict[Any, Any], ...]:
        module = sys.modules.get("re")
        return tuple(
            table
            for table in (getattr(module, "_cache", None), getattr(module, "_cache2", None))
            if type(table) is dict and table
        )

    @staticmethod
    def _purge() -> str:
        re: Any = sys.modules["re"]
        re.purge()
        return ""


# Where matplotlib keeps them, over the versions since 3.8: (module, class or "").
_MATPLOTLIB_PLACES = (
    ("matplotlib.font_manager", ""),
    ("matplotlib.font_manager", "FontManager"),
    ("matplotlib.text", ""),
    ("matplotlib.mathtext", "MathTextParser"),
    ("matplotlib.path", "Path"),
)


class MatplotlibCaches:
    """Fonts and laid-out text that matplotlib remembers (pool ``cache``)."""

    name = "matplotlib caches"
    pool = "cache"

    def held(self) -> Iterator[Held]:
        """All of them as one entry; nothing before matplotlib is loaded."""
        roots: list[object] = []
        for wrapper in self._found():
            roots += cached_objects(wrapper)
        if roots:
            yield Held("matplotlib fonts and text", tuple(roots), address="cache:matplotlib")

    def steps(self, wish: Wish) -> Iterator[Step]:
        """All of them when aggressive: the next plot loads its fonts again."""
        full = [wrapper for wrapper in self._found() if _entries(wrapper)]
        what = "matplotlib fonts and text"
        if full and wish.cache_age_s is not None:
            yield Step.leave("cache:matplotlib", what, _NO_AGES)
        elif full and wish.aggressive:
            yield Step("cache:matplotlib", what, functools.partial(_clear, *full))
        elif full:
            yield Step.leave("cache:matplotlib", what, "warm; --aggressive empties them")

    def _found(self) -> Iterable[Any]:
        for module_name, class_name in _MATPLOTLIB_PLACES:
            place: Any = sys.modules.get(module_name)
            place = getattr(place, class_name, None) if class_name else place
            for value in list(getattr(place, "__dict__", {}).values()):
                inner = value.__func__ if _is_method(value) else value
                if type(inner) is _WRAPPER:
                    yield inner
                elif type(inner) is FunctionType and inner.__module__ == module_name:
                    yield from _closed_over(inner)


def _closed_over(function: FunctionType) -> Iterator[Any]:
    """Caches that a wrapping function keeps in its closure."""
    for cell in function.__closure__ or ():
        try:
            if type(cell.cell_contents) is _WRAPPER:
                yield cell.cell_contents
        except ValueError:  # an empty cell
            continue
