"""A tool's question to a kernel, by the command line's own way of asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from pmat_nb.cli.finding import Running, choose, loaded_kernels
from pmat_nb.cli.kernels import figures

__all__ = ["ask", "find", "result"]

_WAIT_LONGER = "a larger timeout_s waits longer"
_Model = TypeVar("_Model", bound=BaseModel)


def find(which: str | None) -> Running:
    """The kernel that the argument ``kernel`` names; without it the only one.

    Raises:
        NoKernelError: none has loaded the extension, or none is called so.
        UsageError: several could be meant; they are listed.
    """
    return choose(which, loaded_kernels(), "kernel")


def ask(name: str, kernel: Running, timeout_s: float | None, **options: Any) -> dict[str, Any]:
    """The figures of the verb ``name``, with those of :class:`.results.Answer`."""
    asked = {**options, "timeout": timeout_s}
    found, answered = figures(name, asked, kernel, hint=_WAIT_LONGER)
    return {**found, "kernel": kernel.name, "pid": kernel.pid, "answered": answered}


def result(model: type[_Model], found: Mapping[str, Any]) -> _Model:
    """``found`` with the fields that the tool publishes and no others."""
    return model.model_validate(found)
