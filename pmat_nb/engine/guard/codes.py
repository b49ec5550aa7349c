"""Where in a code object an exception would be caught.

CPython 3.11+ keeps handlers in ``co_exceptiontable``: varints of six bits, five
fields an entry. An entry whose target begins with ``PUSH_EXC_INFO`` is an
``except``, ``finally`` or ``with``; the others only tidy up and raise again.
"""

from __future__ import annotations

import opcode
from types import CodeType

__all__ = ["block_handler", "handler_at", "raises_at"]

_PUSH = opcode.opmap.get("PUSH_EXC_INFO", -1)
_RAISES = {opcode.opmap.get("RAISE_VARARGS", -1), opcode.opmap.get("RERAISE", -1)}
_RERAISE = opcode.opmap.get("RERAISE", -1)
_Range = tuple[int, int, int]
_known: dict[CodeType, tuple[_Range, ...]] = {}


def _varints(table: bytes) -> list[int]:
    values: list[int] = []
    value, more = 0, False
    for byte in table:
        value = (value << 6 | byte & 63) if more else byte & 63
        more = bool(byte & 64)
        if not more:
            values.append(value)
    return values


def _ranges(code: CodeType) -> tuple[_Range, ...]:
    ranges = _known.get(code)
    if ranges is None:
        fields = _varints(code.co_exceptiontable)
        ranges = tuple(
            (fields[at] * 2, (fields[at] + fields[at + 1]) * 2, fields[at + 2] * 2)
            for at in range(0, len(fields) - 3, 4)
        )
        if len(_known) > 512:
            _known.clear()
        _known[code] = ranges
    return ranges


def handler_at(code: CodeType, offset: int) -> int | None:
    """Where ``code`` would handle an exception raised at this instruction, if at all.

    Inside a handler the first entry only leaves that handler and raises again; what
    counts is who takes it from there.
    """
    instructions = code.co_code
    for _ in range(20):  # as deep as blocks can be nested
        target = next((t for start, end, t in _ranges(code) if start <= offset < end), None)
        if target is None or instructions[target] == _PUSH:
            return target
        offset = target
        while offset < len(instructions) and instructions[offset] != _RERAISE:
            offset += 2
    return None


def block_handler(code: CodeType, offset: int) -> int | None:
    """The handler of the ``with`` block whose entering instruction is at ``offset``."""
    later = [(start, target) for start, _, target in _ranges(code) if start > offset]
    return min(later)[1] if later else None


def raises_at(code: CodeType, offset: int) -> bool:
    """Whether the instruction is a ``raise`` statement rather than a failing call."""
    return 0 <= offset < len(code.co_code) and code.co_code[offset] in _RAISES
