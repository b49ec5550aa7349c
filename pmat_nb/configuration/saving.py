"""Writing settings into a ``pmat.toml``, whose comments, order and other tables stay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pmat_nb.errors import StateFileError, UsageError
from pmat_nb.settings import Option, Value, setting, spelled

from .files import FileContent
from .writing import write_atomically

__all__ = ["save_values"]

_BOM = "\ufeff"


def save_values(path: Path, values: Mapping[str, Value]) -> tuple[bytes, bytes]:
    """Write ``values`` by key into the file at ``path``; its content before and after.

    Raises:
        UsageError: the file is not TOML; it is left as it is.
        StateFileError: it cannot be written, or would not read back the same.
    """
    try:
        before = path.read_bytes() if path.exists() else b""
        text = before.decode("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise StateFileError(f"{path} cannot be read ({problem}); nothing was changed") from None
    # What the TOML library adds ends in LF; a file of CRLF lines should stay one.
    crlf, bom = "\r\n" in text, text.startswith(_BOM)
    made = _with_values(text.removeprefix(_BOM).replace("\r\n", "\n"), path, values)
    _check(made, path, values)
    after = (_BOM * bom + (made.replace("\n", "\r\n") if crlf else made)).encode()
    write_atomically(path, after)
    return before, after


def _with_values(text: str, path: Path, values: Mapping[str, Value]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        for key, value in values.items():
            option = setting(key)
            table = _table(document, option.table.split("."), path)
            dashed = option.name
            table[dashed if dashed in table else option.toml_key] = _plain(option, value)
        return tomlkit.dumps(document)
    except TOMLKitError as problem:
        raise UsageError(f"{path}: is not valid TOML: {problem}; nothing was changed") from None


def _table(document: Any, names: list[str], path: Path) -> Any:
    import tomlkit

    found = document
    for depth, name in enumerate(names, 1):
        if name not in found:
            found.add(name, tomlkit.table(is_super_table=depth < len(names)))
        found = found[name]
        if not hasattr(found, "keys"):
            dotted = ".".join(names[:depth])
            raise UsageError(f"{path}: {dotted} is {found!r}, not a table; nothing was changed")
    return found


def _plain(option: Option, value: Value) -> bool | int | str:
    if isinstance(value, bool):
        return value
    if option.kind == "count" and isinstance(value, int):
        return value
    return spelled(option, value)


def _check(text: str, path: Path, values: Mapping[str, Value]) -> None:
    content = FileContent(text, path)
    lost = [key for key, value in values.items() if content.values.get(key) != value]
    if lost:
        raise StateFileError(f"{path}: {', '.join(lost)} would not read back; nothing was changed")
