"""``pmat-nb completion``: shell scripts made from the declarations.

They are whole in themselves: no Python runs when Tab is pressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pmat_nb.settings import POOL_NAMES, Option, Verb

from .codes import Code

__all__ = ["command", "script"]

_BARE = ("flag", "toggle")


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Print the script."""
    print(script(str(options["shell"])))
    return Code.FINE


def script(shell: str) -> str:
    """The completion script for ``bash``, ``zsh`` or ``fish``."""
    from .main import verbs

    made = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    return "\n".join(made(tuple(verbs().values())))


def _names(option: Option) -> tuple[str, ...]:
    names: tuple[str, ...] = (f"--{option.name}",)
    if option.kind == "toggle":
        names += (f"--no-{option.name}",)
    return (*names, f"-{option.short}") if option.short else names


def _values(option: Option) -> tuple[str, ...]:
    """Words that may be the option's value; empty where they cannot be listed."""
    if option.kind == "switch":
        return ("on", "off")
    if option.completes == "pools" or option.completes == "targets":
        return POOL_NAMES
    if option.kind == "limit":
        return ("auto", "off")
    return (*option.choices, "off") if option.off else option.choices


def _named(verb: Verb) -> Iterator[Option]:
    yield from (option for option in verb.all_options() if not option.positional)


def _positional(verb: Verb) -> Iterator[Option]:
    yield from (option for option in verb.options if option.positional)


# --- bash -------------------------------------------------------------------------------


def _bash(known: tuple[Verb, ...]) -> Iterator[str]:
    yield "# bash completion of pmat-nb"
    yield "_pmat_nb() {"
    yield '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words'
    yield "    COMPREPLY=()"
    yield '    if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'        COMPREPLY=($(compgen -W "{" ".join(v.name for v in known)}" -- "$cur"))'
    yield "        return"
    yield "    fi"
    yield '    case "${COMP_WORDS[1]} $prev" in'
    for verb in known:
        yield from _bash_values(verb)
    yield "    esac"
    yield '    case "${COMP_WORDS[1]}" in'
    for verb in known:
        words = [name for option in _named(verb) for name in _names(option)]
        words += [value for option in _positional(verb) for value in _values(option)]
        yield f'        {verb.name}) words="{" ".join([*words, "--help"])}" ;;'
    yield "        *) return ;;"
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$cur"))'
    yield "}"
    yield "complete -o default -F _pmat_nb pmat-nb"


def _bash_values(verb: Verb) -> Iterator[str]:
    for option in _named(verb):
        if option.kind in _BARE:
            continue
        patterns = "|".join(f'"{verb.name} {name}"' for name in _names(option))
        if option.kind == "path":
            yield f'        {patterns}) COMPREPLY=($(compgen -f -- "$cur")); return ;;'
        elif values := _values(option):
            listed = " ".join(values)
            yield f'        {patterns}) COMPREPLY=($(compgen -W "{listed}" -- "$cur")); return ;;'
        elif option.optional is None:
            yield f"        {patterns}) return ;;"


# --- zsh --------------------------------------------------------------------------------


def _zsh(known: tuple[Verb, ...]) -> Iterator[str]:
    yield "#compdef pmat-nb"
    yield "_pmat_nb() {"
    yield "    local -a commands"
    yield "    commands=("
    for verb in known:
        yield f"        {_quoted(verb.name + ':' + verb.help)}"
    yield "    )"
    yield "    if (( CURRENT == 2 )); then _describe command commands; return; fi"
    yield "    local command=$words[2]"
    yield "    shift words; (( CURRENT-- ))"
    yield "    case $command in"
    for verb in known:
        specs = [_zsh_spec(name, option) for option in _named(verb) for name in _names(option)]
        specs += [_quoted(f"*:{o.metavar or o.name}:{_zsh_action(o)}") for o in _positional(verb)]
        yield f"        {verb.name}) _arguments {' '.join(specs)} ;;"
    yield "    esac"
    yield "}"
    yield 'if [ "$funcstack[1]" = "_pmat_nb" ]; then'
    yield '    _pmat_nb "$@"'
    yield "else"
    yield "    compdef _pmat_nb pmat-nb"
    yield "fi"


def _zsh_spec(name: str, option: Option) -> str:
    told = option.help.replace("[", "(").replace("]", ")").replace(":", ";")
    if option.kind in _BARE:
        return _quoted(f"{name}[{told}]")
    optional = ":" if option.optional is not None else ""
    metavar = (option.metavar or option.name.upper()).replace(":", " ")
    return _quoted(f"{name}[{told}]{optional}:{metavar}:{_zsh_action(option)}")


def _zsh_action(option: Option) -> str:
    if option.kind == "path":
        return "_files"
    values = _values(option)
    return f"({' '.join(values)})" if values else " "


# --- fish -------------------------------------------------------------------------------


def _fish(known: tuple[Verb, ...]) -> Iterator[str]:
    yield "# fish completion of pmat-nb"
    yield "complete -c pmat-nb -f"
    for verb in known:
        yield (
            f"complete -c pmat-nb -n __fish_use_subcommand -a {verb.name} -d {_quoted(verb.help)}"
        )
        when = _quoted(f"__fish_seen_subcommand_from {verb.name}")
        for option in _named(verb):
            yield from _fish_option(when, option)
        for option in _positional(verb):
            action = "-F" if option.kind == "path" else f"-a {_quoted(' '.join(_values(option)))}"
            yield f"complete -c pmat-nb -n {when} {action}"


def _fish_option(when: str, option: Option) -> Iterator[str]:
    for name in _names(option):
        spelled = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
        value = ""
        if option.kind == "path":
            value = " -r -F"
        elif option.kind not in _BARE and option.optional is None:
            value = " -x"
        if values := _values(option) if option.kind not in _BARE else ():
            value += f" -a {_quoted(' '.join(values))}"
        yield f"complete -c pmat-nb -n {when} {spelled}{value} -d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    """For all three shells: within single quotes nothing is special but the quote itself."""
    return "'" + text.replace("'", "’") + "'"
