"""Reading a ``pmat.toml``: our tables in it, every key checked, every mistake with its line.

Ours are ``[memory]``, ``[memory.pressure]``, ``[memory.pressure.responses.LEVEL]`` and
``[quality.gates.memory]``. Other tables belong to other tools and are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from pmat_nb.errors import UsageError
from pmat_nb.settings import SETTINGS, Option, Value

from .lines import Lines, line_of, lines_of
from .responses import FIELDS, LEVELS, Level, parse_field

__all__ = ["FileContent", "read_content", "read_toml"]

_RESPONSES = ("memory", "pressure", "responses")
_TABLES: Mapping[str, Mapping[str, Option]] = {
    table: {option.toml_key: option for option in SETTINGS if option.table == table}
    for table in ("memory", "memory.pressure", "quality.gates.memory")
}


class FileContent:
    """What a file says in our tables; ``problems`` has each mistake in words.

    A mistake costs the key that it is in; what else the file says still counts, so that
    a slip in one line does not lift a limit in another.
    """

    def __init__(self, text: str, path: Path) -> None:
        self.path = path
        self.values: dict[str, Value] = {}
        self.places: dict[str, str] = {}
        self.responses: dict[Level, dict[str, Any]] = {}
        self.problems: list[str] = []
        # Those among them that leave a memory gate unread.
        self.gate_problems: list[str] = []
        self._lines: Lines = lines_of(text)
        self._read(_parsed(text, path))

    def _read(self, document: Mapping[str, Any]) -> None:
        memory = self._table(document, ("memory",))
        pressure = self._table(memory, ("memory", "pressure"))
        self._settings(memory, "memory", skip=("pressure",))
        self._settings(pressure, "memory.pressure", skip=("responses",))
        self._responses(self._table(pressure, _RESPONSES))
        quality = document.get("quality")
        gates = quality.get("gates") if isinstance(quality, dict) else None
        if isinstance(gates, dict):
            path, others = ("quality", "gates", "memory"), len(self.problems)
            self._settings(self._table(gates, path), ".".join(path))
            self.gate_problems = self.problems[others:]

    def _table(self, parent: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
        found = parent.get(path[-1], {})
        if isinstance(found, dict):
            return found
        name = ".".join(path)
        self._problem(path, f"{name} is {found!r}, not a table; write [{name}] above its keys")
        return {}

    def _settings(self, found: Mapping[str, Any], table: str, skip: tuple[str, ...] = ()) -> None:
        options, path = _TABLES[table], tuple(table.split("."))
        for key, value in found.items():
            option = options.get(key.replace("-", "_"))
            if key in skip:
                continue
            if option is None:
                self._problem((*path, key), _unknown(key, table, (*options, *skip)))
                continue
            try:
                self.values[option.key] = _parse(option, value)
                self.places[option.key] = f"{self.path}:{line_of(self._lines, (*path, key))}"
            except UsageError as problem:
                self._problem((*path, key), str(problem))

    def _responses(self, found: Mapping[str, Any]) -> None:
        for name in found:
            path = (*_RESPONSES, name)
            if name.upper() not in LEVELS:
                self._problem(path, _unknown(name, ".".join(_RESPONSES), LEVELS))
                continue
            level = cast("Level", name.upper())
            for key, value in self._table(found, path).items():
                self._response(level, (*path, key), value)

    def _response(self, level: Level, path: tuple[str, ...], value: Any) -> None:
        key = path[-1]
        if key not in FIELDS:
            self._problem(path, _unknown(key, ".".join(path[:-1]), FIELDS))
            return
        try:
            self.responses.setdefault(level, {})[key] = parse_field(key, value)
        except UsageError as problem:
            self._problem(path, str(problem))

    def _problem(self, path: tuple[str, ...], text: str) -> None:
        self.problems.append(f"{self.path}:{line_of(self._lines, path)}: {text}")


def read_content(path: Path) -> tuple[FileContent, bytes]:
    """The settings in the file at ``path``, and its bytes as they were read.

    Raises:
        UsageError: it cannot be read, or is not TOML.
    """
    try:
        data = path.read_bytes()
        # TOML ends lines with LF or CRLF; a BOM is what some editors leave.
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path}: cannot be read ({problem})") from None
    return FileContent(text, path), data


def read_toml(path: Path) -> dict[str, Value]:
    """The settings in a ``pmat.toml`` by key.

    Raises:
        UsageError: not TOML, an unknown key or a bad value; with file and line.
    """
    content, _ = read_content(path)
    if content.problems:
        raise UsageError(content.problems[0])
    return content.values


def _parsed(text: str, path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{path}: is not valid TOML: {problem}") from None


def _parse(option: Option, value: Any) -> Value:
    """A TOML value; what would only by accident read as the option's type is refused."""
    switch = option.kind in ("flag", "switch", "toggle") or "on" in option.choices
    wrong = (
        (isinstance(value, bool) and not switch)
        or (isinstance(value, float) and option.kind in ("size", "limit", "count"))
        or (isinstance(value, (int, float)) and not isinstance(value, bool) and switch)
        or not isinstance(value, (str, int, float))
    )
    if wrong:
        raise UsageError(
            f"{option.toml_key}: {value!r} has the wrong type; for example "
            f"{option.toml_key} = {_EXAMPLES[option.kind]}"
        )
    return option.parse(value, called=option.toml_key)


_EXAMPLES = {
    "switch": "true",
    "toggle": "true",
    "choice": '"off"',
    "count": "200",
    "size": '"512MB"',
    "limit": '"8GB"',
    "duration": '"2min"',
    "fraction": "0.8",
}


def _unknown(key: str, table: str, known: Iterable[str]) -> str:
    words = f"[{table}] has no key {key!r}"
    plain = key.replace("-", "_")
    for other, options in _TABLES.items():
        if plain in options:
            return f"{words}; {plain} stands in [{other}]"
    # "low" and "LOW" are near for people.
    spelled = {name.lower(): name for name in known}
    import difflib

    near = difflib.get_close_matches(plain.lower(), spelled, n=1, cutoff=0.0)
    return f"{words}; did you mean {spelled[near[0]]}?"
