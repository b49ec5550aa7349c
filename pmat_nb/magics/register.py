"""Puts the magics into a shell and takes them out again.

Every magic is the same three lines (parse, call, hand back) around one error
boundary: a bad line shows one ``UsageError`` line, our own failure one notice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pmat_nb.errors import GateFailedError, PmatError, UsageError
from pmat_nb.session.session import Session
from pmat_nb.settings import VERBS, Verb, verb
from pmat_nb.settings.parser import HelpShown, parse_line

from .cells import CellMagics, run_cell_magic
from .completion import complete
from .traits import register_traits, unregister_traits
from .verbs import COMMANDS

__all__ = ["is_registered", "register", "unregister", "usage_error"]


def register(shell: Any, session: Session) -> None:
    """Register every magic with ``shell``, and their completer."""
    completer = _completer(shell, session)
    for name, command in COMMANDS.items():
        declared = verb(name)
        line = _line_magic(declared, command, session)
        shell.register_magic_function(line, "line", declared.magic)
        shell.set_hook("complete_command", completer, str_key=f"%{declared.magic}")
        if declared.cell:
            shell.register_magic_function(_cell_magic(shell, declared), "cell", declared.magic)
            shell.set_hook("complete_command", completer, str_key=f"%%{declared.magic}")
    shell.input_transformers_cleanup.append(CellMagics(session))
    register_traits(shell, session)


def is_registered(shell: Any) -> bool:
    """Whether ``shell`` has the magics."""
    return any(isinstance(one, CellMagics) for one in shell.input_transformers_cleanup)


def unregister(shell: Any) -> None:
    """Take every magic out of ``shell``; what is not there is passed over."""
    for declared in VERBS:
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop(declared.magic, None)
    cleanup = shell.input_transformers_cleanup
    cleanup[:] = [one for one in cleanup if not isinstance(one, CellMagics)]
    unregister_traits(shell)


def _line_magic(
    declared: Verb, command: Callable[..., Any], session: Session
) -> Callable[[str], Any]:
    prog = f"%{declared.magic}"

    @functools.wraps(command)
    def magic(line: str = "") -> Any:
        try:
            return command(session, **parse_line(declared, line, prog))
        except HelpShown as shown:
            print(shown)
            return None
        except GateFailedError:
            raise  # in one line by itself, and by its own name for who catches it
        except PmatError as problem:
            raise usage_error(problem) from None

    magic.__name__ = declared.magic
    magic.__doc__ = f"{declared.help[:1].upper()}{declared.help[1:]}; {prog} -h lists the options."
    return magic


def _cell_magic(shell: Any, declared: Verb) -> Callable[[str, str], None]:
    """For help, completion and ``run_cell_magic``; typed cells never come here."""

    def magic(line: str, cell: str) -> None:
        try:
            parse_line(declared, line, f"%%{declared.magic}")
        except HelpShown as shown:
            print(shown)
            return
        run_cell_magic(shell, declared, line, cell)

    magic.__name__ = declared.magic
    magic.__doc__ = f"{declared.help[:1].upper()}{declared.help[1:]}."
    return magic


def usage_error(problem: PmatError) -> Exception:
    """``problem`` as the error that IPython shows in one line."""
    # IPython shows its own UsageError as one line, without a traceback.
    from IPython.core.error import UsageError as Shown

    prefix = "" if isinstance(problem, UsageError) else "pmat_nb: "
    return Shown(f"{prefix}{problem}")


def _completer(shell: Any, session: Session) -> Callable[..., list[str]]:
    names = {
        "pools": lambda: session.pools,
        "targets": lambda: session.cleaner.completions(),
    }

    def completions(_shell: Any, event: Any) -> list[str]:
        line, word = event.text_until_cursor, event.symbol
        found = session.faults.guard("completion")(complete)(line, word, shell.user_ns, names)
        return list(found or ())

    return completions
