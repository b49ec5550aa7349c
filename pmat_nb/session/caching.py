"""``@pmat.cache``: reads what was asked for and gives the function its cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmat_nb.consumers.managed.memo import Spec, memoize
from pmat_nb.engine.pools.policies import NAMES
from pmat_nb.engine.pools.store import Store
from pmat_nb.errors import UsageError
from pmat_nb.units import parse_duration, parse_size

__all__ = ["decorate"]


def decorate(
    function: Callable[..., Any],
    *,
    name: str | None,
    ttl: str | float | None,
    policy: str | None,
    max_bytes: str | int | None,
    key: Callable[..., Any] | None,
) -> Callable[..., Any]:
    """``function`` with a cache in the pool ``cache``.

    Raises:
        UsageError: an argument that is none, or a function that cannot be cached.
    """
    spec = Spec(
        name=_name(function, name),
        ttl_s=None if ttl is None else parse_duration(ttl, option="ttl"),
        policy=_policy(policy),
        max_bytes=None if max_bytes is None else parse_size(max_bytes, option="max_bytes"),
        key=_key(key),
    )
    return memoize(function, spec, _Attachment())


class _Attachment:
    """Finds the session's store for a function when it is called.

    The first call starts a session where there is none (a plain script). One that was
    ended is not started again: the function is then called as if it had no cache.
    """

    def __init__(self) -> None:
        self._attached = False

    def __call__(self, spec: Spec) -> Store | None:
        from pmat_nb import session

        running = session.running()
        if running is None:
            if self._attached:
                return None
            running = session.current()
        self._attached = True
        return running.pools.attach(spec)


def _name(function: Any, name: str | None) -> str:
    if name is None:
        module = getattr(function, "__module__", None)
        own = getattr(function, "__qualname__", "function").replace("<locals>.", "")
        return own if module in (None, "__main__") else f"{module}.{own}"
    if not isinstance(name, str) or not name.strip() or "," in name:
        raise UsageError(f"name: {name!r} is no name for a cache; for example name='tdg'")
    return name


def _policy(policy: str | None) -> str | None:
    if policy is not None and policy not in NAMES:
        raise UsageError(
            f"policy: {policy!r} is not one of {', '.join(NAMES)}; for example policy='lru'"
        )
    return policy


def _key(key: Any) -> Callable[..., Any] | None:
    if key is not None and not callable(key):
        raise UsageError(
            f"key: {key!r} is not a function of the call's arguments; "
            f"for example key=lambda frame: frame.shape"
        )
    found: Callable[..., Any] | None = key
    return found
