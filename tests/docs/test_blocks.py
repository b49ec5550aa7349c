"""What stands in a block of the documentation works, or the page says why it is not tried."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from support.kernel import Kernel

from pmat_nb.configuration.files import read_content
from pmat_nb.errors import UsageError
from pmat_nb.settings import VERBS
from pmat_nb.settings.parser import HelpShown, parse_line, parse_words

from .blocks import PAGES, ROOT, Block, blocks_of, indented_code

pytestmark = pytest.mark.newest

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = {"python", "ipython"}
CHECKED = RUN | {"console", "toml"}
# What was printed, a sketch, a file of another program's: `text` is no code.
PLAIN = {"text"}
MAGICS = {verb.magic: verb for verb in VERBS}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BEFORE_ALL = """
%load_ext pmat_nb
import numpy as np, pandas as pd
import pmat_nb as pmat
"""


def named(blocks: list[Block]) -> list[object]:
    return [pytest.param(block, id=block.place) for block in blocks]


def of(*languages: str) -> list[Block]:
    return [b for b in BLOCKS if b.language in languages and "not run" not in b.notes]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_tried_or_says_why_not(page: Path) -> None:
    unsaid = [
        f"{block.place} ({block.language or 'no language'})"
        for block in blocks_of(page)
        if block.language not in CHECKED | PLAIN and not block.notes.get("not run")
    ]
    assert not unsaid, "give it a language that is tried, or <!-- not run: why --> above it"
    assert not indented_code(page), "code needs a fence with a language"


def test_plain_text_holds_no_code() -> None:
    """Output may name a magic; a block that begins with one is a cell."""
    cells = [b.place for b in BLOCKS if b.language == "text" and b.text.startswith(("%", "$ "))]
    assert not cells


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(b.page == p for b in of(*RUN))], ids=lambda page: page.name
)
def test_code_runs(page: Path, kernel: Kernel) -> None:
    """The blocks of a page, one after another, in a namespace of its own."""
    assert kernel.run("%reset -sf").ok
    assert kernel.run(BEFORE_ALL).ok
    for block in of(*RUN):
        if block.page != page:
            continue
        before = kernel.run(block.notes.get("before", ""))
        assert before.ok, f"{block.place}: before it: {before.error}"
        result = kernel.run(block.text)
        if "raises" in block.notes:
            assert result.error and result.error.ename == block.notes["raises"], block.place
        else:
            assert result.ok, f"{block.place}: {result.error and result.error.traceback}"


@pytest.mark.parametrize("block", named([b for b in BLOCKS if b.language == "ipython"]))
def test_magics_and_options_exist(block: Block) -> None:
    """Also in blocks that are not run."""
    for line in block.text.splitlines():
        found = re.match(r"%%?(pmat\w*)(.*)", line)
        if found:
            parse_line(MAGICS[found[1]], found[2].split("  #")[0], f"%{found[1]}")


@pytest.mark.parametrize("block", named([b for b in BLOCKS if b.language == "toml"]))
def test_settings_exist(block: Block, tmp_path: Path) -> None:
    if "not run" in block.notes:
        return
    path = tmp_path / "pmat.toml"
    path.write_text(block.text)
    content, _ = read_content(path)
    assert not content.problems, content.problems


@pytest.mark.parametrize("block", named(of("console")))
def test_commands_and_options_exist(block: Block) -> None:
    commands = [line[2:] for line in joined(block.text) if line.startswith("$ ")]
    assert commands, "a console block has lines that begin with `$ `"
    for command in commands:
        check_command(command.split("  #")[0].split(" # ")[0].strip())


def joined(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def check_command(command: str) -> None:
    """One line of a shell: its program is one that the project has, and takes these words."""
    for part in re.split(r"\s(?:\|\||&&|\||;)\s", command):
        words = shlex.split(re.sub(r"\s\d?>+\s?\S+", "", part))
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        program, *rest = words
        checks = {"pmat-nb": check_ours, "make": check_make, "pip": check_pip}
        if program in checks:
            checks[program](rest)
        else:
            assert program in KNOWN, f"{program}: not a command of ours; <!-- not run: why -->"


# Programs of others, whose options are their own.
KNOWN = {".ci/run", "pytest", "grep", "jupyter", "papermill", "curl", "docker", "git", "eval"}


def check_ours(words: list[str]) -> None:
    from pmat_nb.cli.main import verbs

    known = verbs()
    if words[0] in ("-h", "--help", "--version"):
        return
    try:
        parse_words(known[words[0]], words[1:], f"pmat-nb {words[0]}")
    except HelpShown:
        return
    except UsageError as problem:
        pytest.fail(str(problem))


def check_make(words: list[str]) -> None:
    rules = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {word for word in words if "=" not in word} <= rules, words


def check_pip(words: list[str]) -> None:
    assert words[0] == "install", words
    for word in words[1:]:
        extra = re.fullmatch(r"(?:pmat_nb|\.)\[([\w,]+)\]", word)
        if extra:
            assert set(extra[1].split(",")) <= PROJECT["optional-dependencies"].keys(), word


@pytest.mark.parametrize(
    "command",
    [
        "pmat-nb stats --nothing",
        "pmat-nb stats && pmat-nb pools --analyse cache",
        "make nothing",
        "pip install 'pmat_nb[nothing]'",
        "someprogram --option",
    ],
)
def test_mistakes_in_commands_are_seen(command: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_command(command)


def test_blocks_are_seen_with_what_is_said_of_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "a\n\n<!-- before: x = 1 -->\n<!-- raises: ValueError -->\n```python\nf(x)\n```\n\n"
        "- in a list\n  ```toml\n  [memory]\n  ```\n\n    indented\n"
    )
    first, second = blocks_of(page)
    assert first.notes == {"before": "x = 1", "raises": "ValueError"}
    assert (first.language, first.text, first.line) == ("python", "f(x)\n", 5)
    assert (second.language, second.text) == ("toml", "[memory]\n")
    assert indented_code(page) == [14]
