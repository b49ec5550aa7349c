"""Reading the cells' syntax trees: what they bind, read and change."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pmat_nb.consumers.usage import MAX_SOURCE, CellNames, loop_variables, names_in, transformed

from .base import Cell

__all__ = [
    "Notebook",
    "changes_to",
    "inputs_of",
    "latest_inputs",
    "mentions",
    "number_of",
    "root_name",
    "tree_of",
]

_MAGIC = "%%"


def tree_of(source: str) -> ast.Module | None:
    """The tree of a cell as typed; of what stands under a cell magic; None: not Python."""
    while source.lstrip().startswith(_MAGIC):
        _, _, source = source.lstrip().partition("\n")
    if len(source) > MAX_SOURCE:
        return None
    for text in (source, None):
        try:
            return ast.parse(transformed(source) if text is None else text)
        except (SyntaxError, ValueError, RecursionError):
            continue
    return None


def mentions(source: str, name: str) -> bool:
    """Whether a cell mentions a name, or cannot be read and has its text in it."""
    return name in names_in(source).mentioned or (tree_of(source) is None and name in source)


def number_of(label: str | None) -> int | None:
    """7 of ``In[7]``."""
    digits = (label or "").removeprefix("In[").removesuffix("]")
    return int(digits) if digits.isdecimal() else None


class Notebook:
    """The cells of one listing, each read once and only when it is needed."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self._names: dict[int, CellNames] = {}
        self._trees: dict[int, ast.Module | None] = {}

    @property
    def latest(self) -> int:
        """The number of the last cell; 0 without any."""
        return self.cells[-1].number if self.cells else 0

    def cell(self, number: int | None) -> Cell | None:
        """The cell of that number."""
        return next((cell for cell in self.cells if cell.number == number), None)

    def after(self, number: int) -> list[Cell]:
        """The cells that ran later than the one of that number."""
        return [cell for cell in self.cells if cell.number > number]

    def names(self, cell: Cell) -> CellNames:
        """What a cell binds and mentions."""
        if cell.number not in self._names:
            self._names[cell.number] = names_in(cell.source)
        return self._names[cell.number]

    def tree(self, cell: Cell) -> ast.Module | None:
        """A cell's syntax tree, None where it is not Python."""
        if cell.number not in self._trees:
            self._trees[cell.number] = tree_of(cell.source)
        return self._trees[cell.number]

    def mentioning(self, name: str, after: int) -> Iterator[Cell]:
        """Cells with higher numbers that mention a name, or may: those that cannot be read."""
        for cell in self.after(after):
            tree = self.tree(cell)
            if name in self.names(cell).mentioned or (tree is None and name in cell.source):
                yield cell


def latest_inputs(shell: Any, above: int) -> Iterator[str]:
    """Sources of the cells with higher numbers, those that ran since a listing."""
    sources = getattr(getattr(shell, "history_manager", None), "input_hist_raw", ())
    for number, source in enumerate(sources):
        if number > above and source:
            yield source


def root_name(node: ast.AST) -> str | None:
    """``df`` of ``df.loc[3, "a"].x``; None where it is not a name that all hangs on."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changes_to(tree: ast.AST, name: str) -> bool:
    """Whether code may change in place what a name holds, as far as its form tells.

    Items or attributes that are set or deleted, ``+=``, ``inplace=True``, and calls of a
    method for their effect alone (``xs.append(1)`` as a statement).
    """
    return any(_changes(node, name) for node in ast.walk(tree))


def _changes(node: ast.AST, name: str) -> bool:
    match node:
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del())
        ):
            return root_name(node) == name
        case ast.AugAssign(target=target):
            return root_name(target) == name
        case ast.Expr(value=ast.Call(func=ast.Attribute() as called)):
            return root_name(called) == name
        case ast.Call(func=ast.Attribute() as called, keywords=keywords):
            return root_name(called) == name and any(
                one.arg == "inplace" and not _is_false(one.value) for one in keywords
            )
    return False


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


# --- what a cell needs -----------------------------------------------------------------


def inputs_of(tree: ast.Module) -> frozenset[str]:
    """Names that a cell reads before it binds them itself; those of builtins included.

    Statements are gone through in order, with both branches of a condition as if both
    were taken. What a function's body reads counts where it is defined.
    """
    needed: set[str] = set()
    _through(tree.body, set(), needed)
    return frozenset(needed)


def _through(body: Iterable[ast.stmt], bound: set[str], needed: set[str]) -> None:
    for statement in body:
        inner = [
            part
            for name in ("body", "orelse", "finalbody")
            for part in getattr(statement, name, ())
        ]
        if not inner or isinstance(statement, _SCOPES):
            _one(ast.unparse(statement), statement, bound, needed)
            continue
        for part in _headers(statement):
            needed |= set() if _is_target(part) else _read(part) - bound
        bound |= {
            name.id
            for part in _headers(statement)
            for name in ast.walk(part)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }
        _through(inner, bound, needed)
        for handler in getattr(statement, "handlers", ()):
            needed |= _read(handler.type) - bound if handler.type is not None else set()
            _through(handler.body, bound | {handler.name or ""}, needed)


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _headers(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a compound statement that are not its blocks."""
    for name, value in ast.iter_fields(statement):
        if name not in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from (one for one in _listed(value) if isinstance(one, ast.AST))


def _is_target(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _one(text: str, statement: ast.stmt, bound: set[str], needed: set[str]) -> None:
    names = names_in(text)
    read = set(names.mentioned - names.bound) | _read(statement)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        read.add(statement.target.id)
    if isinstance(statement, _SCOPES):
        # Its own name may be called from its own body.
        read -= names.bound
    needed |= read - bound
    bound |= names.bound


def _read(node: ast.AST) -> set[str]:
    """Global names that an expression or a simple statement reads."""
    import symtable

    try:
        table = symtable.symtable(ast.unparse(node), "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        # A part that is no code by itself: ``open(p) as file``.
        names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
        return {name.id for name in names if isinstance(name.ctx, ast.Load)}
    found: set[str] = set()
    waiting = [table]
    while waiting:
        current = waiting.pop()
        waiting += current.get_children()
        for symbol in current.get_symbols():
            if symbol.is_referenced() and (current is table or symbol.is_global()):
                found.add(symbol.get_name())
    return found - _comprehended(node)


def _comprehended(node: ast.AST) -> set[str]:
    """Loop variables of comprehensions, which Python 3.12 shows as the module's own."""
    return loop_variables(node) - names_in(ast.unparse(node)).mentioned
