"""What a repeated cell names itself: what grows there grows before the user's eyes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from types import CodeType

__all__ = ["CellNames", "codes_of"]

_MAGICS = {"run_cell_magic", "run_line_magic"}
_NAME = re.compile(r"[^\W\d]\w*")
_OURS = re.compile(r"^([ \t]*)%pmat_\w+.*$", re.MULTILINE)


class CellNames:
    """The cell's own names with the objects at the time, once its code is known."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._wanted: frozenset[str] = frozenset()

    def learn(self, codes: Iterable[CodeType]) -> None:
        """The cell's compiled statements."""
        self._wanted = frozenset().union(*map(_names, codes))

    def learn_more(self, codes: Iterable[CodeType]) -> None:
        """Those of another cell, besides what is known."""
        self._wanted = self._wanted.union(*map(_names, codes))

    def __call__(self) -> Mapping[str, object]:
        """Those that are bound, for ``Tracker(names=...)``."""
        found = self._namespace
        return {name: found[name] for name in self._wanted if name in found}


def codes_of(source: str) -> tuple[CodeType, ...]:
    """A cell as typed, compiled; nothing for what is no Python. Magics of ours name nothing."""
    from pmat_nb.consumers.usage import transformed

    text = transformed(_OURS.sub(r"\1pass", source))
    try:
        tree = ast.parse(text)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return (compile(tree, "<cell>", "exec", flags, dont_inherit=True),)
    except (SyntaxError, ValueError, RecursionError):
        return ()


def _names(code: CodeType) -> frozenset[str]:
    from pmat_nb.consumers.leaks.retained import names_in_code

    found = names_in_code(code)
    if _MAGICS.isdisjoint(code.co_names):
        return found
    # `%%time` and the like: their body is a string here, code only for the magic.
    texts = [text for text in code.co_consts if isinstance(text, str)]
    return found.union(*map(_NAME.findall, texts))
