"""Argument parsers made from the option declarations: of magics and of the command line.

Not imported with the declarations, which need no argparse.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn

from pmat_nb.errors import UsageError
from pmat_nb.units import parse_size

from .option import Option, Verb

__all__ = ["HelpShown", "make_parser", "parse_line", "parse_words"]

_SIZES = "sizes: 512MB, 8G, 1.5GiB ...; powers of 1024, so 1 MB is 1,048,576 bytes, also in reports"
_PAIR = ("NAME", "VALUE")


class HelpShown(Exception):  # noqa: N818 - it carries an answer, not an error
    """``-h`` was asked for; the argument is the help text."""


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing and exiting."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; {self.prog} -h shows what works")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            raise UsageError(self._unknown(unknown[0], args))
        return known, unknown

    def _unknown(self, word: str, words: Sequence[str]) -> str:
        import difflib

        spelled = word.split("=", 1)[0]
        near = difflib.get_close_matches(spelled, list(self._option_string_actions), n=1)
        if not spelled.startswith("-"):
            if size := _size_in_two(word, words):
                return f"{self.prog}: write the size without a blank: {size}"
            if toggled := self._toggle_before(word, words):
                return f"{self.prog}: write {toggled}, without {word!r}"
            works = f"write --{word}" if self._has(word) else f"{self.prog} -h shows what works"
            return f"{self.prog}: {word!r} is one word too many; {works}"
        hint = f"did you mean {near[0]}?" if near else f"{self.prog} -h shows what works"
        return f"{self.prog}: there is no option {spelled}; {hint}"

    def _has(self, word: str) -> bool:
        """Whether a word is an option's name without its dashes."""
        return f"--{word}" in self._option_string_actions

    def _toggle_before(self, word: str, words: Sequence[str]) -> str:
        """``--no-save-state`` for ``--save-state off``; empty where no such option is before it."""
        option = _before(word, words)
        action = self._option_string_actions.get(option)
        if word not in ("on", "off") or not isinstance(action, argparse.BooleanOptionalAction):
            return ""
        return action.option_strings[word == "off"]


def _before(word: str, words: Sequence[str]) -> str:
    """The word before ``word``; empty where there is none."""
    at = list(words).index(word) if word in words else 0
    return words[at - 1] if at else ""


def _size_in_two(word: str, words: Sequence[str]) -> str:
    """``2GB`` where it was typed as ``2 GB``, else empty."""
    number = _before(word, words)
    try:
        parse_size(number + word)
    except UsageError:
        return ""
    return number + word if number[-1:].isdecimal() and word.isalpha() else ""


class _Help(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help=kwargs.get("help"))

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> NoReturn:
        raise HelpShown(parser.format_help())


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    text = option.help.replace("%", "%%")
    metavar = option.metavar or option.name.upper()
    if option.choices:
        metavar = "|".join(option.choices)
    if option.positional:
        count: str | None = None if option.needed else "?"
        if option.many:
            count = "+" if option.needed else "*"
        parser.add_argument(option.key, help=text, metavar=metavar, nargs=count)
        return
    names = [f"-{option.short}"] if option.short else []
    names.append(f"--{option.name}")
    if option.kind == "flag":
        parser.add_argument(*names, action="store_true", dest=option.key, help=text)
        return
    if option.kind == "toggle":
        parser.add_argument(
            *names, dest=option.key, help=text, action=argparse.BooleanOptionalAction
        )
        return
    extra: dict[str, Any] = {}
    if option.kind == "switch":
        metavar = "on|off"
    if option.optional is not None:
        extra = {"nargs": "?", "const": option.optional}
    if option.many:
        extra = {"nargs": "+"}
    if option.pairs:
        parser.add_argument(
            *names, dest=option.key, help=text, metavar=_PAIR, nargs=2, action="append"
        )
        return
    if option.off:
        metavar += "|off"
    parser.add_argument(*names, dest=option.key, help=text, metavar=metavar, **extra)


def make_parser(verb: Verb, prog: str) -> argparse.ArgumentParser:
    """The parser for ``verb`` as it is called by ``prog``."""
    examples = "\n".join(f"  {prog} {example}".rstrip() for example in verb.examples)
    sized = any(option.kind in ("size", "limit") for option in verb.options)
    closing = [f"examples:\n{examples}"] if examples else []
    closing += [_SIZES] if sized else []
    parser = _Parser(
        prog=prog,
        description=verb.help[:1].upper() + verb.help[1:] + ".",
        epilog="\n\n".join(closing) or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action=_Help, help="show this help")
    for option in verb.all_options():
        _add(parser, option)
    return parser


def parse_line(verb: Verb, line: str, prog: str) -> dict[str, Any]:
    """The options in ``line`` by key; those not given are None (flags: False).

    Raises:
        UsageError: an unknown option, a bad value or an unclosed quote.
        HelpShown: ``-h`` was among them.
    """
    try:
        words = shlex.split(line)
    except ValueError as problem:
        raise UsageError(f"{prog}: {problem} in {line!r}; close the quote") from None
    return parse_words(verb, words, prog)


def parse_words(verb: Verb, words: Sequence[str], prog: str) -> dict[str, Any]:
    """As :func:`parse_line`, of words that a shell has split already."""
    given = vars(make_parser(verb, prog).parse_args(words))
    return {option.key: _value(option, given[option.key], prog) for option in verb.all_options()}


def _apart(option: Option, words: list[str]) -> list[str]:
    """Numbers may have commas between them, beside blanks or instead: ``1,2`` and ``1, 2``."""
    if option.kind != "count":
        return words
    return [part for word in words for part in word.split(",") if part] or words


def _value(option: Option, given: Any, prog: str) -> Any:
    if option.pairs:
        return [(str(name), str(value)) for name, value in given or ()]
    if isinstance(given, list):
        return [option.parse(word) for word in _apart(option, given)]
    # Not argparse's type=: it would replace our messages with "invalid value".
    if not isinstance(given, str):
        return given
    # A word without a name of its own: what it is one of are all its choices.
    called = prog if option.positional and option.choices else ""
    return option.parse(given, called=called)
