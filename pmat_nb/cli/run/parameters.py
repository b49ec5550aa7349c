"""Parameters, by papermill's convention: a cell of assignments after the one tagged so.

Values of ``-p`` are read as papermill reads them: ``True``, ``False``, ``None``, whole
numbers, numbers, else text; those of ``-r`` are text as they stand.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterable
from typing import Any

from pmat_nb.errors import UsageError

__all__ = ["check_name", "inject", "parameters_of", "typed"]

_TAG, _INJECTED = "parameters", "injected-parameters"
_WORDS: dict[str, object] = {"True": True, "False": False, "None": None}


def typed(text: str) -> object:
    """The value that a word of the command line stands for.

    >>> typed("3"), typed("0.5"), typed("None"), typed("3 kg")
    (3, 0.5, None, '3 kg')
    """
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parameters_of(
    pairs: Iterable[tuple[str, str]], raw: Iterable[tuple[str, str]]
) -> dict[str, object]:
    """The parameters by name; the last one of a name holds.

    Raises:
        UsageError: a name that Python could not assign to.
    """
    found: dict[str, object] = {name: typed(value) for name, value in pairs}
    found |= dict(raw)
    for name in found:
        check_name(name, "-p")
    return found


def check_name(name: str, called: str) -> None:
    """UsageError where a notebook could not assign to ``name``."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{called}: {name!r} is no name of a variable; for example -p rows 1000")


def inject(notebook: Any, parameters: dict[str, object]) -> bool:
    """Put the parameters into ``notebook``; whether there was a cell for them.

    They replace an earlier run's, else follow the cell tagged ``parameters``, else come first.
    """
    import nbformat

    make: Any = nbformat.v4.new_code_cell
    cell = make(source=_source(parameters))
    cell.metadata["tags"] = [_INJECTED]
    if notebook.nbformat_minor < 5:
        cell.pop("id", None)
    injected, tagged = _tagged(notebook, _INJECTED), _tagged(notebook, _TAG)
    if injected is not None:
        notebook.cells[injected] = cell
    else:
        notebook.cells.insert(0 if tagged is None else tagged + 1, cell)
    return injected is not None or tagged is not None


def _tagged(notebook: Any, tag: str) -> int | None:
    for place, cell in enumerate(notebook.cells):
        if tag in cell.metadata.get("tags", ()):
            return place
    return None


def _source(parameters: dict[str, object]) -> str:
    lines = [f"{name} = {_literal(value)}" for name, value in parameters.items()]
    return "\n".join(["# Parameters", *lines])


def _literal(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
