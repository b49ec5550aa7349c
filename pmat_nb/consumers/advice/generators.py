"""Lists that a cell makes only to hand them to a function that takes one item at a time."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .base import Advice, Cell, Scene
from .cells import Notebook
from .peaks import peaked
from .pooled import amount

__all__ = ["Generators", "rewritten"]

# They go through their argument once, to the end, and keep no list of it. str.join and
# tuple, list and sorted make a list of what they are given; any and all stop early.
_TO_THE_END = frozenset({"dict", "frozenset", "max", "min", "set", "sum"})
_STOP_EARLY = frozenset({"all", "any"})
# These depend on the frame or on what a generator does to StopIteration.
_NOT_THERE = frozenset({"dir", "eval", "exec", "globals", "locals", "next", "super", "vars"})
_MOST_SHOWN = 3


class Rewrite(NamedTuple):
    """A call as it stands in a cell, and one that makes no list."""

    line: int
    function: str
    before: str
    after: str


class Generators:
    """``sum([f(x) for x in xs])`` in cells that peaked."""

    name = "lists that could be generators"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """An advice for each cell that peaked and has such calls."""
        notebook = Notebook(scene.cells)
        for cell, excess in peaked(scene.cells):
            if scene.out_of_time():
                return
            tree = notebook.tree(cell)
            found = rewritten(tree, scene.namespace) if tree is not None else []
            if found:
                yield _advice(cell, excess, found)


def rewritten(tree: ast.AST, names: Mapping[str, Any]) -> list[Rewrite]:
    """Calls in a tree where a generator gives the same value with the same calls, in order.

    Only builtins that ``names`` has not rebound; no ``await``, no ``async for``, nothing
    that looks at its own frame. For ``any`` and ``all``, which would stop at the first item
    that decides, only items that are computed without a call of a function.
    """
    rebound = set(names).union(_bound(tree))
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=function), args=[ast.ListComp() as items, *rest]):
                if function not in rebound and _same(function, items, rest):
                    found.append(_rewrite(node, function, items))
    return found


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id


def _same(function: str, items: ast.ListComp, rest: list[ast.expr]) -> bool:
    if not hasattr(builtins, function) or _looks_at_its_frame(items):
        return False
    if function in _STOP_EARLY:
        return not rest and not _acts(items)
    # min and max of several arguments compare the lists themselves.
    return function in _TO_THE_END and (not rest or function == "sum")


def _looks_at_its_frame(items: ast.ListComp) -> bool:
    if any(part.is_async for part in items.generators):
        return True
    for node in ast.walk(items):
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return True
        if isinstance(node, ast.Name) and node.id in _NOT_THERE:
            return True
    return False


def _acts(items: ast.ListComp) -> bool:
    """Whether computing an item calls a function; the iterable itself is evaluated anyway."""
    parts = [items.elt, *(test for part in items.generators for test in part.ifs)]
    parts += [part.iter for part in items.generators[1:]]
    return any(isinstance(node, ast.Call) for part in parts for node in ast.walk(part))


def _rewrite(node: ast.Call, function: str, items: ast.ListComp) -> Rewrite:
    generator: ast.expr = ast.GeneratorExp(elt=items.elt, generators=items.generators)
    call = ast.Call(func=node.func, args=[generator, *node.args[1:]], keywords=node.keywords)
    return Rewrite(node.lineno, function, ast.unparse(node), _plain(ast.unparse(call)))


def _plain(text: str) -> str:
    """``sum((x for x in xs))`` as ``sum(x for x in xs)``, where unparse has both pairs."""
    name, opening, inner = text.partition("((")
    if not opening or not inner.endswith("))"):
        return text
    shorter = f"{name}({inner[:-1]}"
    try:
        same = ast.dump(ast.parse(shorter)) == ast.dump(ast.parse(text))
    except SyntaxError:
        return text
    return shorter if same else text


def _advice(cell: Cell, excess: int, found: list[Rewrite]) -> Advice:
    label = f"In[{cell.number}]"
    first = found[0]
    lines = ", ".join(str(one.line) for one in found[:_MOST_SHOWN])
    early = any(one.function in _STOP_EARLY for one in found)
    return Advice(
        kind="generator for a list",
        what=f"{label} makes a whole list for {first.function}()",
        why=f"{label} peaked {amount(excess)} above what it began and ended with; each list at "
        f"line {lines} is made in full, used once and dropped, which is a part of that"
        + ("; the items after the one that decides are not computed" if early else ""),
        action="\n".join(one.after for one in found[:_MOST_SHOWN]),
        estimated_bytes=None,
        basis="",
        risk="none",
        where=f"{label}, line {first.line}",
        check=str,
        applies=False,
        undo_note="it is your cell: change it where you like",
    )
