"""Cell magics as input transformers: they arm the cell that they head, and step aside.

The cell then runs as it would without them: by IPython itself, once, with its own
value, errors, ``await`` and line numbers (the magic's line becomes an empty one).
"""

from __future__ import annotations

from typing import Any

from pmat_nb.errors import PmatError
from pmat_nb.session.session import Session
from pmat_nb.settings import VERBS, Verb
from pmat_nb.settings.parser import HelpShown, parse_line

from .verbs import CELL_COMMANDS

__all__ = ["CellMagics"]

_BY_MAGIC = {verb.magic: verb for verb in VERBS if verb.cell}


class CellMagics:
    """The transformer; IPython calls it with the lines of every cell."""

    # IPython leaves such transformers out when it only checks whether code is complete.
    has_side_effects = True

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, lines: list[str]) -> list[str]:
        """Arm what the first lines ask for, and take those lines out."""
        while lines and (found := _magic_of(lines[0])) is not None:
            verb, line = found
            try:
                self._arm(verb, lines[0], line)
            except HelpShown:
                # The registered magic shows it; without a body IPython would refuse the cell.
                return lines if len(lines) > 1 else [*lines, "\n"]
            lines = _without_first(self._session.shell, lines)
        return lines

    def _arm(self, verb: Verb, first_line: str, line: str) -> None:
        from .register import usage_error

        prog = f"%%{verb.magic}"
        try:
            options = parse_line(verb, line, prog)
            CELL_COMMANDS[verb.name](self._session, first_line, **options)
        except PmatError as problem:
            raise usage_error(problem) from None


def _magic_of(first: str) -> tuple[Verb, str] | None:
    if not first.startswith("%%"):
        return None
    name, _, line = first[2:].strip().partition(" ")
    verb = _BY_MAGIC.get(name)
    return None if verb is None else (verb, line)


def _without_first(shell: Any, lines: list[str]) -> list[str]:
    """The other lines as IPython would have cleaned them up had they come alone.

    An empty first line keeps their numbers. It would be in the way of another cell
    magic, which must come first, and of automagic, which wants a single line.
    """
    from IPython.core.inputtransformer2 import classic_prompt, ipython_prompt, leading_indent

    rest = lines[1:]
    while rest and not rest[0].strip():
        rest = rest[1:]
    skipped = len(lines) - len(rest)
    cleaners: tuple[Any, ...] = (leading_indent, classic_prompt, ipython_prompt)
    for clean in cleaners:
        rest = clean(rest)
    if not rest or rest[0].startswith("%%") or _is_automagic(shell, rest):
        return rest or ["\n"]
    return ["\n"] * skipped + rest


def _is_automagic(shell: Any, lines: list[str]) -> bool:
    words = lines[0].split() if len(lines) == 1 else []
    return bool(words) and shell.find_line_magic(words[0]) is not None


def run_cell_magic(shell: Any, verb: Verb, line: str, cell: str) -> None:
    """``get_ipython().run_cell_magic(...)``: run the cell as if it had been typed so."""
    result = shell.run_cell(f"%%{verb.magic} {line}\n{cell}", store_history=False)
    result.raise_error()
