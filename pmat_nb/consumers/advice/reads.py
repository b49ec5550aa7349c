"""``read_csv`` and ``read_parquet`` in cells that peaked: columns that no cell has used."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pmat_nb.units import MIB

from .base import Advice, Cell, Scene
from .cells import Notebook
from .column_uses import columns_used
from .peaks import excess_bytes, peaked
from .pooled import amount

__all__ = ["ColumnReads"]

_LEAST_BYTES = MIB
_SELECTS = {"read_csv": "usecols", "read_parquet": "columns"}
# Options that leave each column what it is whether or not others are read.
_HARMLESS = frozenset(
    {"compression", "dayfirst", "decimal", "delimiter", "dtype", "dtype_backend", "encoding"}
    | {"engine", "low_memory", "memory_map", "na_values", "parse_dates", "sep", "thousands"}
)
_MOST_NAMED = 5


class _Read(NamedTuple):
    """``name = pd.read_csv(path, ...)`` as a cell has it."""

    name: str
    function: str
    call: ast.Call
    path: Path
    text: str


class ColumnReads:
    """The same read with the columns that were used; proven by reading again before it runs."""

    name = "columns that are read and not used"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """An advice for each frame whose cell peaked and some of whose columns are unused."""
        notebook = Notebook(scene.cells)
        for cell, _ in peaked(scene.cells):
            tree = notebook.tree(cell)
            for read in _reads(tree, scene.namespace) if tree is not None else ():
                if scene.out_of_time():
                    return
                size = scene.sizes.get(read.name)
                if size is not None and size.bound_in == f"In[{cell.number}]":
                    yield from _advice(scene, notebook, cell, read)


def _reads(tree: ast.Module, names: Mapping[str, Any]) -> Iterator[_Read]:
    pandas = sys.modules.get("pandas")
    for statement in tree.body:
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=module), attr=function)
                ) as call,
            ):
                path = _path(call, names)
                ours = function in _SELECTS and pandas is not None and names.get(module) is pandas
                if ours and path is not None and _plain_options(call):
                    yield _Read(name, function, call, path, ast.unparse(statement))


def _path(call: ast.Call, names: Mapping[str, Any]) -> Path | None:
    """The local file that is read; None where the first argument is something else."""
    match call.args:
        case [ast.Constant(value=str(text))]:
            found: object = text
        case [ast.Name(id=name)]:
            found = names.get(name)
        case _:
            return None
    if type(found) is not str and not isinstance(found, Path):
        return None
    local = "://" not in str(found) and Path(found).is_file()
    return Path(found) if local else None


def _plain_options(call: ast.Call) -> bool:
    return all(one.arg in _HARMLESS and _is_literal(one.value) for one in call.keywords)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _named_in_options(call: ast.Call, columns: Iterable[str]) -> set[str]:
    """Columns that ``parse_dates`` and ``dtype`` name: they must go on being read."""
    named = {
        node.value
        for one in call.keywords
        if one.arg in ("parse_dates", "dtype")
        for node in ast.walk(one.value)
        if isinstance(node, ast.Constant)
    }
    return {column for column in columns if column in named}


# --- one read --------------------------------------------------------------------------


def _advice(scene: Scene, notebook: Notebook, cell: Cell, read: _Read) -> Iterator[Advice]:
    frame: Any = scene.namespace.get(read.name)
    pandas: Any = sys.modules["pandas"]
    if type(frame) is not pandas.DataFrame or not _has_file_columns(frame, read):
        return
    columns = list(frame.columns)
    used = columns_used(read.name, columns, notebook, cell.number, str(read.path))
    if used is None:
        return
    kept = [c for c in columns if c in used | _named_in_options(read.call, columns)]
    unused = [c for c in columns if c not in kept]
    nbytes = _bytes_of(frame, unused, scene.out_of_time)
    if not kept or nbytes is None:
        return
    # A column that another variable shows may keep its neighbours.
    nbytes = min(nbytes, scene.sizes[read.name].retained_bytes)
    if nbytes < _LEAST_BYTES:
        return
    action = f"{read.name} = {ast.unparse(_selecting(read, kept))}"
    label, excess = f"In[{cell.number}]", amount(excess_bytes(cell) or 0)
    yield Advice(
        kind="column-selected read",
        what=f"{read.name}: read {len(kept)} of its {len(columns)} columns: those that are used",
        why=f"{label} peaked {excess} above what it began and ended with; no cell since has "
        f"used {_listed(unused)}",
        action=action,
        estimated_bytes=nbytes,
        basis="the bytes of these columns now",
        risk="reload",
        where=label,
        check=partial(_still_the_same, scene.shell, read, kept, columns),
        undo=read.text,
        undo_note=f"undoing reads all columns of {read.path.name} again",
        about=tuple((read.name, column) for column in unused),
    )


def _listed(columns: list[str]) -> str:
    more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
    return ", ".join(columns[:_MOST_NAMED]) + more


def _selecting(read: _Read, columns: list[str]) -> ast.Call:
    keyword = ast.keyword(_SELECTS[read.function], ast.parse(repr(columns), mode="eval").body)
    return ast.Call(read.call.func, read.call.args, [*read.call.keywords, keyword])


def _has_file_columns(frame: Any, read: _Read) -> bool:
    """Whether the frame has the columns of the file as it is now, and no others."""
    columns = list(frame.columns)
    if not all(type(column) is str for column in columns) or len(set(columns)) < len(columns):
        return False
    return _file_columns(read) == columns


def _file_columns(read: _Read) -> list[str] | None:
    """The names in the file's header or schema; nothing else of it is read."""
    if read.function == "read_csv":
        call = ast.Call(read.call.func, read.call.args, _for_header(read.call))
        return list(_evaluated(call, read).columns)
    parquet: Any = sys.modules.get("pyarrow.parquet")
    return None if parquet is None else list(parquet.read_schema(read.path).names)


def _for_header(call: ast.Call) -> list[ast.keyword]:
    wanted = ("compression", "delimiter", "encoding", "sep")
    kept = [one for one in call.keywords if one.arg in wanted]
    return [*kept, ast.keyword("nrows", ast.Constant(0))]


def _evaluated(call: ast.Call, read: _Read) -> Any:
    """What a read gives: pandas' own function on the same file."""
    pandas: Any = sys.modules["pandas"]
    options = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    return getattr(pandas, read.function)(read.path, **options)


def _bytes_of(frame: Any, columns: list[str], out_of_time: Callable[[], bool]) -> int | None:
    """Bytes of columns now; of texts held as objects each object once."""
    total = 0
    for column in columns:
        if out_of_time():
            return None
        values = frame[column]
        total += int(values.memory_usage(index=False, deep=False))
        if values.dtype == object:
            total += sum({id(value): sys.getsizeof(value) for value in values.array}.values())
    return total


# --- proving ---------------------------------------------------------------------------


def _still_the_same(shell: Any, read: _Read, kept: list[str], columns: list[str]) -> str:
    """Read the file as the action would, and compare with what the frame holds now."""
    frame: Any = shell.user_ns.get(read.name)
    pandas: Any = sys.modules["pandas"]
    if type(frame) is not pandas.DataFrame or list(frame.columns) != columns:
        return f"{read.name} is not the frame it was"
    if not read.path.is_file():
        return f"{read.path.name} is gone"
    again = _evaluated(_selecting(read, kept), read)
    if not frame[kept].equals(again):
        return f"{read.path.name} does not give what {read.name} holds"
    return ""
