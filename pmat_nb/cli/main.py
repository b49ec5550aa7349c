"""The entry point: find the command, parse its words, call it, turn errors into exit codes.

A command's module is imported when it is called: ``pmat-nb --help`` reads declarations only.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from pmat_nb.errors import GateFailedError, NoKernelError, PmatError, UsageError
from pmat_nb.settings import VERBS, Verb
from pmat_nb.settings.cli_verbs import CLI_VERBS, KERNEL, MORE

from .codes import Code

__all__ = ["main", "verbs"]

_ABOUT = "The memory safety layer for Jupyter notebooks, from outside of them."
# What carries out each command that is not a kernel's own verb: module and function.
_MODULES: dict[str, str] = {
    "run": "run.command:command",
    "stats": "stats:command",
    "history": "history:command",
    "configure": "configure:command",
    "health": "health:command",
    "metrics": "metrics:command",
    "recover": "recover:command",
    "completion": "completion:command",
    # A layer of its own, beside this one.
    "mcp": ".mcp.command:command",
}
_KERNELS = "kernels:command"
# Verbs that only make sense for who sits at the notebook.
_NOT_HERE = frozenset({"status", "limit", "dashboard", "profile", "gate", "why", "save", "restore"})


def verbs() -> dict[str, Verb]:
    """Every command of the command line by name, in the order of the help."""
    remote = [
        verb._replace(options=(*verb.options, *MORE.get(verb.name, ()), *KERNEL), cell=False)
        for verb in VERBS
        if verb.name not in _NOT_HERE
    ]
    return {verb.name: verb for verb in (*CLI_VERBS, *remote)}


def main(words: Sequence[str] | None = None) -> int:
    """Run ``pmat-nb`` with these words (default: the process's); returns the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    try:
        return _run(given)
    except UsageError as problem:
        return _failed(problem, Code.USAGE)
    except NoKernelError as problem:
        return _failed(problem, Code.NO_KERNEL)
    except GateFailedError as problem:
        return _failed(problem, Code.GATE_FAILED)
    except PmatError as problem:
        return _failed(problem, Code.CELL_FAILED)
    except BrokenPipeError:
        # Whoever read has gone (``| head``): nothing more can be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Code.FINE
    except KeyboardInterrupt:
        return 130


def _run(words: list[str]) -> int:
    known = verbs()
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview(known))
        return Code.FINE if words else Code.USAGE
    if words[0] in ("-V", "--version"):
        from pmat_nb import __version__

        print(f"pmat-nb {__version__}")
        return Code.FINE
    name = words[0]
    if name not in known:
        _unknown(name, known)
    from pmat_nb.settings.parser import HelpShown, parse_words

    try:
        options = parse_words(known[name], words[1:], f"pmat-nb {name}")
    except HelpShown as shown:
        print(shown)
        return Code.FINE
    return _command(name)(known[name], options)


def _command(name: str) -> Callable[[Verb, dict[str, object]], int]:
    module, _, function = _MODULES.get(name, _KERNELS).partition(":")
    found: Callable[[Verb, dict[str, object]], int] = getattr(
        importlib.import_module(f".{module}", "pmat_nb.cli"), function
    )
    return found


def _overview(known: dict[str, Verb]) -> str:
    width = max(map(len, known))
    lines = [f"  {name:<{width}}  {verb.help}" for name, verb in known.items()]
    return "\n".join(
        [
            "usage: pmat-nb COMMAND [options]",
            "",
            _ABOUT,
            "",
            *lines,
            "",
            "pmat-nb COMMAND -h shows a command's options; pmat-nb --version the version.",
            "exit codes: 0 fine, 1 a cell failed, 2 usage, 3 a memory gate or level failed,",
            "4 a limit was exceeded, 5 no kernel found",
        ]
    )


def _unknown(name: str, known: dict[str, Verb]) -> NoReturn:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "pmat-nb -h lists what there is"
    raise UsageError(f"pmat-nb: there is no command {name!r}; {hint}")


def _failed(problem: Exception, code: Code) -> int:
    print(f"pmat-nb: {problem}" if code != Code.USAGE else problem, file=sys.stderr)
    return code
