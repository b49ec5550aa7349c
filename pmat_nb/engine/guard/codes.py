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


def _handled_ranges(code: CodeType) -> tuple[_Range, ...]:
    ranges = _known.get(code)
    if ranges is None:
        fields = _varints(code.co_exceptiontable)
        instructions = code.co_code
        ranges = tuple(
            (fields[at] * 2, (fields[at] + fields[at + 1]) * 2, fields[at + 2] * 2)
            for at in range(0, len(fields) - 3, 4)
            if instructions[fields[at + 2] * 2] == _PUSH
        )
        if len(_known) > 512:
            _known.clear()
        _known[code] = ranges
    return ranges


def handler_at(code: CodeType, offset: int) -> int | None:
    """Where ``code`` would handle an exception raised at this instruction, if at all."""
    for start, end, target in _handled_ranges(code):
        if start <= offset < end:
            return target
    return None


def block_handler(code: CodeType, offset: int) -> int | None:
    """The handler of the ``with`` block whose entering instruction is at ``offset``."""
    later = [(start, target) for start, _, target in _handled_ranges(code) if start > offset]
    return min(later)[1] if later else None


def raises_at(code: CodeType, offset: int) -> bool:
    """Whether the instruction is a ``raise`` statement rather than a failing call."""
    return 0 <= offset < len(code.co_code) and code.co_code[offset] in _RAISES
