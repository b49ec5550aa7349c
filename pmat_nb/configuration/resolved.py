"""Where settings come from, and which source wins.

Strongest first: a magic or call, the environment (``PMAT_MEMORY_MAX``, otherwise
``PMAT_MEMORY_`` and the key in capitals), ``pmat.toml`` found upwards from the
notebook's folder, the user's ``pmat.toml``, the machine's, the default. A broken
source is reported and passed over; it never stops the extension from loading.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pmat_nb.errors import UsageError
from pmat_nb.settings import SETTINGS, Option, Value, setting

from .responses import DEFAULTS, Level, Responses

__all__ = ["SettingRow", "Settings", "machine_file", "project_file", "read_toml"]

_ENV_NAMES = {"max_total": "PMAT_MEMORY_MAX"}
FILE_NAME = "pmat.toml"


class SettingRow(NamedTuple):
    """One line of ``%pmat_configure``: a setting, its value and who set it."""

    key: str
    value: Value
    source: str
    help: str


def project_file(folder: Path) -> Path | None:
    """The nearest ``pmat.toml`` in ``folder`` or above it, or None."""
    for candidate in (folder, *folder.parents):
        path = candidate / FILE_NAME
        if path.is_file():
            return path
    return None


def machine_file() -> Path:
    """The machine's settings, which an administrator writes."""
    return Path("/etc/pmat") / FILE_NAME


def read_toml(path: Path) -> dict[str, Value]:
    """The ``[memory]`` settings of a ``pmat.toml``; other tables are not ours.

    Raises:
        UsageError: not TOML, an unknown key or a bad value; with file and line.
    """
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text).get("memory", {})
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path}: cannot be read ({problem})") from None
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{path}: is not valid TOML: {problem}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: memory is {table!r}, not a table; write [memory] above its keys")
    values: dict[str, Value] = {}
    for key, value in table.items():
        where = f"{path}:{_line_of(text, key)}"
        try:
            option = setting(key)
            values[option.key] = option.parse(value, called=option.key)
        except UsageError as problem:
            raise UsageError(f"{where}: {problem}") from None
    return values


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.split("=", 1)[0].strip().strip("\"'") == key:
            return number
    return 1


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[Option, str, str]]:
    for option in SETTINGS:
        name = _ENV_NAMES.get(option.key, f"PMAT_MEMORY_{option.key.upper()}")
        if name in environ:
            yield option, name, environ[name]


class Settings:
    """The values in force, each with the source that set it.

    ``problems`` lists what was wrong with a source, in words; the source's other
    values still count.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        files: tuple[tuple[str, Path], ...] = (),
    ) -> None:
        self.problems: list[str] = []
        self._layers: list[tuple[str, dict[str, Value]]] = [("set in this session", {})]
        self._read_environment(os.environ if environ is None else environ)
        for source, path in files:
            self._read_file(source, path)

    def _read_environment(self, environ: Mapping[str, str]) -> None:
        for option, name, text in _from_environment(environ):
            try:
                self._layers.append((name, {option.key: option.parse(text, called=name)}))
            except UsageError as problem:
                self.problems.append(str(problem))

    def _read_file(self, source: str, path: Path) -> None:
        try:
            self._layers.append((f"{source} {path}", read_toml(path)))
        except UsageError as problem:
            self.problems.append(str(problem))

    def get(self, key: str) -> Value:
        """The value in force for ``key``."""
        return self.row(key).value

    def row(self, key: str) -> SettingRow:
        """``key`` with its value and its source."""
        option = setting(key)
        for source, values in self._layers:
            if option.key in values:
                return SettingRow(option.key, values[option.key], source, option.help)
        return SettingRow(option.key, option.default, "default", option.help)

    def rows(self) -> tuple[SettingRow, ...]:
        """Every setting, in the order of its declaration."""
        return tuple(self.row(option.key) for option in SETTINGS)

    def responses(self) -> Mapping[Level, Responses]:
        """What each pressure level does, with the source that said so."""
        return DEFAULTS

    def put(self, key: str, value: Value) -> None:
        """Set ``key`` to an already parsed ``value`` for this session."""
        self._layers[0][1][setting(key).key] = value

    def reset(self) -> None:
        """Forget what was set in this session."""
        self._layers[0][1].clear()
