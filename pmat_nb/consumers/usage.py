"""Which cell bound a name last, and how long ago a cell mentioned it.

Read from the cells' source, off the hot path: nothing is traced. Names bound in other
ways (``exec``, ``%run``, a thread, ``globals()[...]``) have no ``bound_in``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["CellNames", "UsageLog", "loop_variables", "names_in", "transformed"]

# More names than anyone keeps apart; the least recently seen go first.
MAX_NAMES = 50_000
MAX_SOURCE = 1_000_000
# Escapes stand only in strings, where there are no names. Parsing them again would
# repeat the warning about a wrong one, and silencing warnings is for all threads.
_ESCAPES = re.compile(r"\\N\{[^}\n]*\}|\\[^\n'\"]")


@dataclass(frozen=True, slots=True)
class CellNames:
    """Names that a cell binds in the namespace, and all that it mentions there."""

    bound: frozenset[str] = frozenset()
    mentioned: frozenset[str] = frozenset()


def names_in(source: str) -> CellNames:
    """The global names of a cell, as typed or as IPython transformed it.

    Functions count where they are defined: a global that a function's body uses is
    mentioned by the cell with the ``def``. Under a cell magic the body counts, if it
    is Python. Source that cannot be parsed has no names.

    >>> sorted(names_in("y = f(x)").mentioned)
    ['f', 'x', 'y']
    >>> names_in("y = f(x)").bound
    frozenset({'y'})
    """
    while source.lstrip().startswith("%%"):
        _, _, source = source.lstrip().partition("\n")
    if len(source) > MAX_SOURCE:
        return CellNames()
    for text in (source, None):
        try:
            return _read(transformed(source) if text is None else text)
        except (SyntaxError, ValueError, RecursionError):
            continue
    return CellNames()


def _read(source: str) -> CellNames:
    import symtable

    source = _ESCAPES.sub("x", source)
    bound: set[str] = set()
    used: set[str] = set()
    waiting = [symtable.symtable(source, "<cell>", "exec")]
    top = waiting[0]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        for symbol in table.get_symbols():
            if table is top or symbol.is_global():
                if symbol.is_assigned() or symbol.is_imported():
                    bound.add(symbol.get_name())
                if symbol.is_referenced():
                    used.add(symbol.get_name())
    if " for " in source or "run_line_magic" in source:
        tree = ast.parse(source)
        inner = _within_comprehensions(tree)
        bound, used = bound - inner | _assigned_in_expressions(tree), used - inner
        for line in _magic_lines(tree):
            names = names_in(line)
            bound |= names.bound
            used |= names.mentioned
    return CellNames(frozenset(bound), frozenset(bound | used))


def loop_variables(tree: ast.AST) -> set[str]:
    """What the comprehensions below ``tree`` bind."""
    return {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name)
    }


def _within_comprehensions(tree: ast.Module) -> set[str]:
    """Names that are loop variables of comprehensions and nothing else.

    Python 3.12 inlines comprehensions, and its symbol tables then show their variables
    as those of the module.
    """
    targets = loop_variables(tree)
    return targets - _names_outside(tree) if targets else targets


def _assigned_in_expressions(tree: ast.Module) -> set[str]:
    """Targets of ``:=`` outside functions: they leave the comprehension they stand in."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.NamedExpr):
            found.add(node.target.id)
        waiting += [c for c in ast.iter_child_nodes(node) if not isinstance(c, functions)]
    return found


def _names_outside(node: ast.AST) -> set[str]:
    """Names in a tree, comprehensions' own variables left out."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        found |= _names_outside(child)
    match node:
        case ast.Name(id=name):
            found.add(name)
        case ast.alias(name=name, asname=alias):
            found.add(alias or name.partition(".")[0])
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            found.add(node.name)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            for part in node.generators:
                found -= _names_outside(part.target)
            found |= _names_outside(node.generators[0].iter)
    return found


def _magic_lines(tree: ast.Module) -> Iterator[str]:
    """The arguments of transformed line magics: ``%time y = f(x)`` binds and mentions."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"), args=[_, ast.Constant(value=str(line))]
            ):
                yield line


def transformed(source: str) -> str:
    """The source as IPython turns it into Python, by a transformer of our own.

    Not the shell's: its transformers may do more than transform.
    """
    module: Any = sys.modules.get("IPython.core.inputtransformer2")
    if module is None:
        return source
    try:
        return str(module.TransformerManager().transform_cell(source))
    except Exception:
        # Source that IPython itself refuses, in whatever way, has no names.
        return source


class UsageLog:
    """The last binding and the last mention of each name, by cell number."""

    def __init__(self) -> None:
        self._bound: dict[str, int] = {}
        self._mentioned: dict[str, int] = {}
        self._latest = 0

    def record(self, execution_count: int, source: str) -> None:
        """Take in a cell that was run, in the order of running."""
        names = names_in(source)
        self._latest = max(self._latest, execution_count)
        for table, found in ((self._bound, names.bound), (self._mentioned, names.mentioned)):
            for name in found:
                # Taken out first, so that the oldest mention stays in front.
                table.pop(name, None)
                table[name] = execution_count
            while len(table) > MAX_NAMES:
                del table[next(iter(table))]

    def bound_in(self, name: str) -> str | None:
        """``In[12]``: the last recorded cell that bound the name; None if none did."""
        number = self._bound.get(name)
        return None if number is None else f"In[{number}]"

    def cells_since_use(self, name: str) -> int | None:
        """Cells since the name was last mentioned: 0 in the latest one; None if never."""
        number = self._mentioned.get(name)
        return None if number is None else self._latest - number
