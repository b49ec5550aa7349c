"""The base of everything pmat_nb shows: one set of facts, told in several forms.

A report wraps frozen records and lists :mod:`.blocks` once; text and HTML are drawn
from them. Everything a form needs, the drawing modules too, is imported when it is
drawn: this module is imported with the magics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pmat_nb.errors import UnavailableError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .blocks import Block

__all__ = ["FORMATS", "Report", "frame_of", "json_safe"]

FORMATS = ("table", "compact", "json", "frame")


class Report:
    """What a magic or a call returns: displays itself, and gives up its figures.

    Subclasses give :meth:`blocks`, :meth:`compact`, :meth:`to_dict`, :meth:`to_frame`
    and :meth:`plot`; bytes in the last three are ``int``, unknown is None.
    """

    title: ClassVar[str] = "pmat_nb"
    # Whether a page of reports shows the plot too.
    pictured: ClassVar[bool] = True

    def blocks(self) -> list[Block]:
        """The report's facts in reading order."""
        raise NotImplementedError

    def compact(self) -> str:
        """The report in one line."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The report's figures as plain, JSON-ready values."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """The report's rows as a DataFrame."""
        raise NotImplementedError

    def plot(self, *, theme: str | None = None) -> Figure:
        """A picture of the report; ``theme`` is ``light``, ``dark`` or the user's own style.

        Raises:
            UnavailableError: there is nothing in it to draw.
        """
        raise UnavailableError(f"{type(self).__name__} has no figures to draw; .to_frame() works")

    def text(self, format: str = "table", width: int | None = None) -> str:
        """The report as text: ``table`` or ``compact``, in lines of at most ``width``."""
        if format == "compact":
            return self.compact()
        from . import plain

        return plain.draw(self.blocks(), width or plain.line_width())

    def to_json(self, compact: bool = True) -> str:
        """:meth:`to_dict` as strict JSON; ``compact`` is one line without blanks."""
        import json

        figures = json_safe(self.to_dict())
        if compact:
            return json.dumps(figures, separators=(",", ":"), allow_nan=False)
        return json.dumps(figures, indent=2, allow_nan=False)

    def __repr__(self) -> str:
        return self.text()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"{type(self).__name__}(...)" if cycle else self.text())

    def _repr_html_(self) -> str:
        from . import html

        return html.fragment(self.blocks())


def json_safe(value: Any) -> Any:
    """``value`` with what JSON cannot say made None (NaN, infinity) or text."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def frame_of(rows: Iterable[Mapping[str, Any]], kinds: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a DataFrame with the columns and dtypes of ``kinds``, in its order.

    Bytes are ``Int64``, so that an unknown one does not turn its column into floats.
    """
    import pandas as pd

    listed = list(rows)
    return pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in listed], dtype=kind)
            for name, kind in kinds.items()
        }
    )
