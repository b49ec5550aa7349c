"""The reference pages of the site, from the declarations and docstrings of the package.

Nothing is copied by hand: the magics and the command line from the same table that their
parsers are made of, Python from docstrings (by autodoc).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pmat_nb
from pmat_nb.cli.codes import Code
from pmat_nb.cli.main import verbs
from pmat_nb.settings import VERBS, Option, Verb
from pmat_nb.settings import spelled as value_text

# Name, title, what it is: as the site's list of reference pages has them.
PAGES = (
    ("reference/magics.md", "Magics", "every magic with its options."),
    ("reference/commands.md", "Command line", "every command of `pmat-nb` with its options."),
    ("reference/python.md", "Python", "what `import pmat_nb` gives, and what that returns."),
)
# What is public beyond the names of the package: what its functions return.
RETURNED = (
    "pmat_nb.render.stats.Stats",
    "pmat_nb.render.cleanup.CleanupReport",
    "pmat_nb.render.leaks.LeakReport",
    "pmat_nb.session.leaking.LeakTracker",
    "pmat_nb.session.pools.PoolManager",
)
CODES = {
    Code.FINE: "fine",
    Code.CELL_FAILED: "a cell failed",
    Code.USAGE: "usage: an unknown option, a bad value, a file that is not what it should be",
    Code.GATE_FAILED: "a memory gate or level failed",
    Code.LIMIT_EXCEEDED: "a limit was exceeded",
    Code.NO_KERNEL: "no kernel found",
}
_MARKUP = str.maketrans({"|": "\\|", "<": "\\<", "*": "\\*", "[": "\\[", "_": "\\_"})


def plain(text: str) -> str:
    """``text`` such that Markdown shows it as it stands."""
    return text.translate(_MARKUP)


def spelled(option: Option) -> str:
    """How an option is written, with what it takes."""
    if option.positional:
        return f"{option.spelled}{' ...' if option.many else ''}"
    if option.kind == "flag":
        text = option.spelled
    elif option.kind == "toggle":
        text = f"{option.spelled}, --no-{option.name}"
    else:
        value = option.metavar or "|".join(option.choices) or option.name.upper()
        value = "on|off" if option.kind == "switch" else value
        value = "NAME VALUE" if option.pairs else value
        text = f"{option.spelled} [{value}]" if option.optional is not None else (
            f"{option.spelled} {value}"
        )  # fmt: skip
    return f"-{option.short}, {text}" if option.short else text


def meaning(option: Option) -> str:
    """What an option is, what it takes and what holds without it."""
    said = [plain(f"{option.help[:1].upper()}{option.help[1:]}.")]
    if option.choices and not option.positional:
        said.append(f"One of {', '.join(f'`{choice}`' for choice in option.choices)}.")
    if option.off:
        said.append("Also `off`.")
    if option.default is not None and option.kind not in ("flag", "switch", "toggle"):
        said.append(f"Default: `{value_text(option, option.default)}`.")
    return " ".join(said)


def options(verb: Verb) -> Iterator[str]:
    """A table of a verb's options; settings are told where they all are."""
    given = verb.all_options()
    if not given:
        yield "It takes no options.\n"
        return
    yield "| option | what it does |\n|---|---|"
    yield from (f"| `` {spelled(o).replace('|', chr(92) + '|')} `` | {meaning(o)} |" for o in given)
    yield ""


def section(verb: Verb, title: str, language: str, call: str) -> Iterator[str]:
    """About one magic or command: what it does, its options, its examples as ``call``."""
    yield f"## {title}\n"
    yield f"{plain(verb.help[:1].upper() + verb.help[1:])}.\n"
    yield from options(verb)
    if verb.examples:
        yield f"```{language}"
        yield from (f"{call} {example}".rstrip() for example in verb.examples)
        yield "```\n"


def magics() -> Iterator[str]:
    """The page on the magics."""
    yield "# Magics\n"
    yield (
        "After `%load_ext pmat_nb`. Each takes `-h` and completes with Tab. What a report\n"
        "magic returns displays itself and has `.to_frame()` and `.to_dict()`.\n"
    )
    for verb in VERBS:
        title = f"`%{verb.magic}`{f', `%%{verb.magic}`' if verb.cell else ''}"
        yield from section(verb, title, "ipython", f"%{verb.magic}")


def commands() -> Iterator[str]:
    """The page on the command line."""
    yield "# Command line\n"
    yield "`pmat-nb`, also `python -m pmat_nb`. Each command takes `-h`.\n"
    yield "| exit code | meaning |\n|---|---|"
    yield from (f"| {code.value} | {CODES[code]} |" for code in Code)
    yield ""
    for verb in verbs().values():
        call = f"pmat-nb {verb.name}"
        yield from section(verb, f"`{call}`", "console", f"$ {call}")


def python() -> Iterator[str]:
    """The page on the Python interface; autodoc fills it from the docstrings."""
    yield "# Python\n"
    yield "```python\nimport pmat_nb as pmat\n```\n"
    yield "## What the package gives\n\n```{eval-rst}"
    for name in pmat_nb.__all__:
        if name.startswith(("_", "load_", "unload_")) or name == "pools":
            continue
        is_error = name[:1].isupper()
        kind = "autoexception" if is_error else "autofunction"
        yield f".. {kind}:: pmat_nb.{name}"
        yield "   :members:\n" if is_error else ""
    yield ".. data:: pmat_nb.pools\n\n   The pools by name: a :class:`PoolManager`."
    yield "\n```\n\n## What its functions return\n\n```{eval-rst}"
    for name in RETURNED:
        yield f".. autoclass:: {name}()\n   :members:\n   :inherited-members:\n"
    yield "```\n"


_MADE: dict[str, Callable[[], Iterator[str]]] = {
    "reference/magics.md": magics,
    "reference/commands.md": commands,
    "reference/python.md": python,
}


def write_into(folder: Path, write: Callable[[Path, str], None]) -> Iterator[str]:
    """Write the pages under ``folder``; gives their names."""
    for name, lines in _MADE.items():
        write(folder / name, "\n".join(lines()))
        yield name
