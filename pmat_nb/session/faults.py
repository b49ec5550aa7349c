"""Our own failures: reported once, feature switched off, the user's cell goes on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Faults"]


class Faults:
    """Remembers which features failed and says so once each.

    ``say`` shows one line to the user. Debugging gets the exceptions in ``seen``.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.seen: dict[str, BaseException] = {}

    def off(self, feature: str) -> bool:
        """Whether ``feature`` has failed in this session."""
        return feature in self.seen

    def report(self, feature: str, problem: BaseException) -> None:
        """Switch ``feature`` off, and say so if it is the first time."""
        if feature in self.seen:
            return
        # Without the traceback: it would pin the frames' locals, the very memory we watch.
        self.seen[feature] = problem.with_traceback(None)
        text = f"pmat_nb: {feature} is switched off: {type(problem).__name__}: {problem}"
        try:
            self._say(text)
        except Exception:
            self.seen.setdefault("notices", problem)

    def guard(self, feature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a callback so that its failure is reported and not repeated.

        A refused allocation is no fault of the feature: it is passed over silently.
        """

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                if feature in self.seen:
                    return None
                try:
                    return function(*args, **kwargs)
                except MemoryError:
                    return None
                except Exception as problem:
                    self.report(feature, problem)
                    return None

            return guarded

        return decorate
