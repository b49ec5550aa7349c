"""Write the tables of docs/configuration.md from the declarations in the package.

``python scripts/configuration_reference.py`` replaces what lies between each pair of
``<!-- NAME -->`` and ``<!-- end -->``; a test runs it with ``--check``, which writes
nothing and ends with 1 where the page is behind.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pmat_nb.configuration.environment import variable
from pmat_nb.configuration.profiles import PROFILES
from pmat_nb.configuration.responses import ACTIONS, DEFAULTS
from pmat_nb.render.configuration import response_text
from pmat_nb.settings import GROUPS, VERBS, Option, setting, spelled

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
SECTION = re.compile(r"(<!-- ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def options() -> Iterator[str]:
    """A table per group: how a setting is spelled everywhere, and what it means."""
    for group, members in GROUPS:
        yield f"### {group[:1].upper()}{group[1:]}\n"
        yield "| key | TOML | default | takes | what it is |"
        yield "|---|---|---|---|---|"
        for option in members:
            acts = " Needs trust in a project's file." if option.acts else ""
            yield (
                f"| `{option.key}` | `[{option.table}]` `{option.toml_key}` "
                f"| `{spelled(option, option.default)}` | {takes(option)} "
                f"| {sentence(option.help)}{acts} |"
            )
        yield ""


def takes(option: Option) -> str:
    """What values an option takes, in words."""
    words = {
        "switch": "`on`, `off`",
        "toggle": "`on`, `off`",
        "count": "a number",
        "size": "a size: `512MB`",
        "limit": "`8GB`, `80%`, `+2GB`, `auto`, `off`",
        "duration": "a time: `90s`, `2min`",
        "fraction": "`0.8` or `80%`",
    }
    text = words.get(option.kind) or ", ".join(f"`{choice}`" for choice in option.choices)
    return f"{text}, `off`" if option.off else text


def sentence(text: str) -> str:
    """``text`` as a sentence that stands in a table."""
    return f"{text[:1].upper()}{text[1:]}.".replace("|", "\\|")


def variables() -> Iterator[str]:
    """The environment variables, in one paragraph."""
    yield ", ".join(f"`{variable(option)}`" for _, members in GROUPS for option in members) + "."


def profiles() -> Iterator[str]:
    """A table per profile: its values with their reasons."""
    for name, profile in PROFILES.items():
        yield f"### `{name}`\n\n{sentence(profile.purpose)}\n"
        yield "| setting | value | why |"
        yield "|---|---|---|"
        for key, (text, reason) in profile.settings.items():
            value = spelled(setting(key), setting(key).parse(text))
            yield f"| `{key}` | `{value}` | {sentence(reason)} |"
        yield ""


def actions() -> Iterator[str]:
    """What each action does, and which level does which by default."""
    yield "| action | what it does |\n|---|---|"
    yield from (f"| `{name}` | {sentence(text)} |" for name, text in ACTIONS.items())
    yield "\n| level | by default |\n|---|---|"
    yield from (f"| {level} | {response_text(found)} |" for level, found in DEFAULTS.items())


def commands() -> Iterator[str]:
    """The options of %pmat_configure that are not settings."""
    configure = next(verb for verb in VERBS if verb.name == "configure")
    known = {option.name for _, members in GROUPS for option in members}
    yield "| option | what it does |\n|---|---|"
    for option in configure.options:
        if option.name not in known:
            yield f"| `--{option.name}` | {sentence(option.help)} |"


SECTIONS: dict[str, Callable[[], Iterator[str]]] = {
    "options": options,
    "variables": variables,
    "profiles": profiles,
    "actions": actions,
    "commands": commands,
}


def page(text: str) -> str:
    """``text`` with every section as the package declares it now."""

    def section(found: re.Match[str]) -> str:
        body = "\n".join(SECTIONS[found[2]]()).rstrip()
        return f"{found[1]}{body}\n{found[3]}"

    return SECTION.sub(section, text)


def main() -> int:
    """Write the page, or with ``--check`` say whether it is in step."""
    text = PAGE.read_text(encoding="utf-8")
    made = page(text)
    if "--check" in sys.argv[1:]:
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
