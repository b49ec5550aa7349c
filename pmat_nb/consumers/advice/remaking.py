"""Whether the cell that made a variable could make it again, by its syntax tree."""

from __future__ import annotations

import ast
import builtins
import dis
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from pmat_nb.engine.safe import has_base, is_exactly

from .base import Cell
from .cells import Notebook, changes_to, inputs_of, number_of

__all__ = ["Remaking", "remaking"]

# Magics that do nothing but run the line they are given.
_TRANSPARENT = frozenset({"time"})
_MOST_NAMED = 4
_CODE = (BuiltinFunctionType, FunctionType, ModuleType)
_READS = ("open", "load", "get", "urlopen", "loadtxt", "genfromtxt", "fetch", "connect", "imread")
_DRAWS = ("random", "rng", "default_rng", "shuffle", "sample", "randn", "rand", "randint")


class Remaking(NamedTuple):
    """How a variable came to be: ``words`` say so, ``cells`` would compute it again.

    ``cells`` is empty where that cannot be said; ``words`` then say why. ``reads``: what
    they compute it from is, or may be, outside the kernel.
    """

    words: str
    cells: tuple[str, ...] = ()
    reads: bool = False


def remaking(
    name: str, bound_in: str | None, notebook: Notebook, names: Mapping[str, Any]
) -> Remaking:
    """What the cells tell about computing a variable again.

    Source: the cells as typed. A value that a function changed behind a name cannot be
    seen; that is why it is said what was looked at.
    """
    cell = notebook.cell(number_of(bound_in))
    if cell is None:
        return Remaking("no cell of this session made it")
    label = f"In[{cell.number}]"
    changing, unread = _changing(name, cell, notebook)
    if unread:
        return Remaking(f"{label} made it; In[{unread}] cannot be read and may have changed it")
    makers = (cell, *changing)
    inputs: set[str] = set()
    for maker in makers:
        found, why = _inputs(name, maker, cell, notebook, names)
        if why:
            return Remaking(f"In[{maker.number}] made it; {why}")
        inputs |= found
    labels = tuple(f"In[{maker.number}]" for maker in makers)
    words = frozenset(word for maker in makers for word in _called(maker.source))
    reads = any(word in _READS or word.startswith("read_") for word in words)
    return Remaking(_told(labels, sorted(inputs), words, reads), labels, reads)


def _told(labels: tuple[str, ...], inputs: list[str], words: frozenset[str], reads: bool) -> str:
    verb = "computes" if len(labels) == 1 else "compute"
    listed = ", ".join(inputs[:_MOST_NAMED]) + (" and more" if len(inputs) > _MOST_NAMED else "")
    source = f" from {listed} (still there, not assigned to since)" if inputs else ""
    more = "; what it reads must still be there" if reads else ""
    more += "; it draws random numbers, so others may come" if words & set(_DRAWS) else ""
    return f"{' and '.join(labels)} {verb} it again{source}{more}"


def _called(source: str) -> Iterator[str]:
    """The last part of each name that a cell mentions: ``read_csv`` of ``pd.read_csv``."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _changing(name: str, cell: Cell, notebook: Notebook) -> tuple[list[Cell], int]:
    """Later cells that change the value in place; the number of one that cannot be read."""
    found = []
    for later in notebook.mentioning(name, cell.number):
        tree = notebook.tree(later)
        if tree is None:
            return [], later.number
        if changes_to(tree, name):
            found.append(later)
    return found, 0


def _inputs(
    name: str, maker: Cell, first: Cell, notebook: Notebook, names: Mapping[str, Any]
) -> tuple[set[str], str]:
    """The variables that a cell needs; and why it could not run again, empty if it could."""
    tree = notebook.tree(maker)
    if tree is None:
        return set(), "it cannot be read"
    if magic := _magic(tree):
        return set(), f"it runs {magic}"
    needed = set(inputs_of(tree)) - {"get_ipython"}
    if maker is not first:
        needed.discard(name)
    shown: set[str] = set()
    for one in sorted(needed):
        if one not in names:
            if not hasattr(builtins, one):
                return set(), f"its input {one} is gone"
            continue
        if type(names[one]) is ModuleType:
            # Importing it again, as later cells do, gives the same.
            continue
        if why := _since(one, maker, notebook, code=_is_code(names[one])):
            return set(), why
        if missing := _missing(names[one], names):
            return set(), f"its input {one} needs {missing}, which is gone"
        if not _is_code(names[one]):
            shown.add(one)
    return shown, ""


def _since(name: str, maker: Cell, notebook: Notebook, *, code: bool) -> str:
    """Why an input is no longer what it was when the cell ran.

    A function or class is the same after a call of its own: of ``code`` only new bindings
    count.
    """
    if name in notebook.names(maker).bound and not code:
        return f"it binds its own input {name}"
    tree = notebook.tree(maker)
    if tree is not None and not code and changes_to(tree, name):
        return f"it may have changed its own input {name}"
    for later in notebook.mentioning(name, maker.number):
        later_tree = notebook.tree(later)
        if later_tree is None or name in notebook.names(later).bound:
            return f"In[{later.number}] binds its input {name} again"
        if not code and changes_to(later_tree, name):
            return f"In[{later.number}] may have changed its input {name}"
    return ""


def _magic(tree: ast.Module) -> str:
    """A magic or shell command that does more than run the line it is given."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value=str(name)), *_]
            ):
                if name not in _TRANSPARENT:
                    return f"%{name}"
            case ast.Call(func=ast.Attribute(attr="system" | "getoutput" | "run_cell_magic") as f):
                if isinstance(f.value, ast.Call):
                    return "a command"
    return ""


def _is_code(value: object) -> bool:
    return has_base(value, type) or is_exactly(value, _CODE)


def _missing(value: object, names: Mapping[str, Any]) -> str:
    """A global that a function of the user's needs and that is gone; empty: none."""
    if type(value) is not FunctionType or value.__globals__ is not names:
        return ""
    for name in _globals_of(value.__code__):
        if name not in names and not hasattr(builtins, name):
            return name
    return ""


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)
