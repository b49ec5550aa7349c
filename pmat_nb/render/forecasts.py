"""Forecasts in words: in how many more runs a cell reaches the limit, or why not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .blocks import Block, Line, Part
from .format import count, limit, signed, size

if TYPE_CHECKING:
    from pmat_nb.engine.history.forecast import Forecast

__all__ = ["forecast_blocks", "forecast_row", "forecast_text"]

_TRENDS = 5
_NO_TRENDS = 3


def forecast_text(found: Forecast) -> str:
    """``at this growth (+48.0 MB a run), In[12] reaches the limit in 14 more runs (9 to 31)``."""
    if not found.trend:
        return f"{found.label}: no trend: {found.reason}"
    growth = f"{signed(found.slope_bytes_per_run)} a run"
    if found.runs_to_limit is None or found.limit_bytes is None:
        because = found.reason or "no limit is known"
        return f"{found.label} grows by {growth}{_interval_of_growth(found)}; {because}"
    of = f"the limit ({limit(found.limit_bytes)})"
    if found.runs_to_limit == 0:
        return f"at this growth ({growth}), the next run of {found.label} passes {of}"
    runs = f"{count(found.runs_to_limit)} more run{'' if found.runs_to_limit == 1 else 's'}"
    return f"at this growth ({growth}), {found.label} reaches {of} in {runs}{_interval(found)}"


def _interval(found: Forecast) -> str:
    if found.runs_to_limit_low is None:
        return ""
    low = count(found.runs_to_limit_low)
    if found.runs_to_limit_high is None:
        return f" ({low} or more)"
    return f" ({low} to {count(found.runs_to_limit_high)})"


def _interval_of_growth(found: Forecast) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({size(found.low)} to {size(found.high)})"


def forecast_blocks(forecasts: Sequence[Forecast] | None) -> list[Block]:
    """A line per cell that grows; of those that do not, the first few. None: not asked."""
    if forecasts is None:
        return []
    if not forecasts:
        return [Line.of("no trend: no cell has run more than once")]
    growing = [found for found in forecasts if found.trend]
    others = [found for found in forecasts if not found.trend]
    lines: list[Block] = [Line.of(forecast_text(found)) for found in growing[:_TRENDS]]
    lines += [Line.of(Part(forecast_text(found), "muted")) for found in others[:_NO_TRENDS]]
    rest = len(growing[_TRENDS:]) + len(others[_NO_TRENDS:])
    if rest:
        lines.append(Line.of(Part(f"+{rest} more cells in .to_dict()", "muted")))
    return lines


def forecast_row(found: Forecast) -> dict[str, Any]:
    """The forecast's fields; an interval's end that is not finite is None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(found).items()
    }
