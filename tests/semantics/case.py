"""What a case of the suite is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One cell to compare, with what surrounds it.

    Attributes:
        name: names the test.
        cell: the cell that also runs under a magic.
        setup: a plain cell before it; its output is not compared.
        after: plain cells that run after it and are compared too.
        queued: plain cells that are queued before ``cell`` answers.
        interrupt: send SIGINT as soon as the cell has printed ``running``.
        timed: the output holds durations, so figures are not compared.
        counted: whether the cell takes an execution number of its own.
    """

    name: str
    cell: str
    setup: str = ""
    after: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    interrupt: bool = False
    timed: bool = False
    counted: bool = True
