"""Which columns of a frame the cells have used, as far as their syntax trees show."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from .cells import Notebook

__all__ = ["columns_used"]

# What a frame tells of itself without any of its columns.
_ROWS = frozenset({"index"})


def columns_used(
    name: str, columns: Collection[str], notebook: Notebook, made_in: int, path: str = ""
) -> frozenset[str] | None:
    """The columns that cells from number ``made_in`` on use; None where that cannot be told.

    Forms that are understood: ``df["a"]``, ``df[["a", "b"]]``, ``df.a``, ``df.loc[rows, "a"]``,
    ``df[rows]["a"]``, ``df.groupby("a")["b"]``, ``len(df)``, ``df.index``. Any other mention
    is of the frame as a whole: shown, passed on, changed, given another name. So is one in
    a text, which may be code, but for the ``path`` of the file.
    """
    used: set[str] = set()
    for cell in notebook.cells:
        tree = notebook.tree(cell)
        if cell.number < made_in:
            # A function that was defined before may use the frame by its name.
            if name in notebook.names(cell).mentioned and _defines(tree, name):
                return None
            continue
        if tree is None:
            if re.search(rf"\b{re.escape(name)}\b", cell.source):
                return None
            continue
        found = _Uses(name, frozenset(columns), path).of(tree, cell.number == made_in)
        if found is None:
            return None
        used |= found
    return frozenset(used)


def _defines(tree: ast.Module | None, name: str) -> bool:
    """Whether a function or class in a tree mentions a name."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    return tree is None or any(
        isinstance(inner, ast.Name) and inner.id == name
        for node in ast.walk(tree)
        if isinstance(node, kinds)
        for inner in ast.walk(node)
    )


class _Uses:
    """Goes through a tree; every mention must be inside a form that is understood."""

    def __init__(self, name: str, columns: frozenset[str], path: str) -> None:
        self._name = name
        self._path = path
        self._columns = columns

    def of(self, tree: ast.Module, makes: bool) -> set[str] | None:
        """The columns used; None where the frame is used as a whole.

        ``makes``: the cell binds the name once itself, by reading.
        """
        used: set[str] = set()
        understood: set[int] = set()
        for node in ast.walk(tree):
            for columns, frame in self._forms(node):
                if not columns <= self._columns:
                    return None
                used |= columns
                understood.add(id(frame))
        mentions = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == self._name]
        bindings = [n for n in mentions if isinstance(n.ctx, ast.Store)]
        if len(bindings) > (1 if makes else 0) or self._in_a_text(tree):
            return None
        whole = [n for n in mentions if id(n) not in understood and n not in bindings]
        return None if whole else used

    def _in_a_text(self, tree: ast.Module) -> bool:
        """Code in a string: a query, a magic, ``eval``."""
        word = re.compile(rf"\b{re.escape(self._name)}\b")
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        return any(type(t) is str and t != self._path and word.search(t) for t in texts)

    def _forms(self, node: ast.AST) -> Iterator[tuple[set[str], ast.Name]]:
        """(columns, the frame's mention) where a node is a use of some columns only."""
        match node:
            case ast.Subscript(value=ast.Name() as frame, slice=key, ctx=ast.Load()):
                if self._is(frame) and (columns := _literal(key)) is not None:
                    yield columns, frame
            case ast.Attribute(value=ast.Name() as frame, attr=attribute, ctx=ast.Load()):
                if self._is(frame) and attribute in _ROWS:
                    yield set(), frame
                elif self._is(frame) and attribute in self._columns:
                    yield {attribute}, frame
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name() as frame]):
                if self._is(frame):
                    yield set(), frame
        yield from self._rows_and_columns(node)

    def _rows_and_columns(self, node: ast.AST) -> Iterator[tuple[set[str], ast.Name]]:
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name() as frame, attr="loc"),
                slice=ast.Tuple(elts=[_, key]),
                ctx=ast.Load(),
            ):
                columns = _literal(key)
            case ast.Subscript(
                value=ast.Subscript(value=ast.Name() as frame, ctx=ast.Load()),
                slice=key,
                ctx=ast.Load(),
            ):
                columns = _literal(key)
            case ast.Subscript(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name() as frame, attr="groupby"), args=[by]
                ),
                slice=key,
                ctx=ast.Load(),
            ):
                first, second = _literal(by), _literal(key)
                columns = None if first is None or second is None else first | second
            case _:
                return
        if self._is(frame) and columns is not None:
            yield columns, frame

    def _is(self, node: ast.Name) -> bool:
        return node.id == self._name


def _literal(node: ast.expr) -> set[str] | None:
    """``{"a"}`` of ``"a"``, ``{"a", "b"}`` of ``["a", "b"]``; None of anything else."""
    match node:
        case ast.Constant(value=str(column)):
            return {column}
        case ast.List(elts=elements):
            found = {e.value for e in elements if isinstance(e, ast.Constant)}
            if len(found) == len(elements) and all(type(one) is str for one in found):
                return {str(one) for one in found}
    return None
