"""Commands that protect a kernel: limits, and variables to disk."""

from __future__ import annotations

from typing import Any

from pmat_nb.errors import UsageError
from pmat_nb.magics.output import deliver
from pmat_nb.session.protection.asking import set_standing
from pmat_nb.session.protection.limits import CellLimit
from pmat_nb.session.session import Session
from pmat_nb.units import LimitSpec


def limit(
    session: Session,
    *,
    size: LimitSpec | None,
    format: str | None,
    output: str | None,
    **options: Any,
) -> Any:
    """``%pmat_limit``: set the standing limit, and show what is in force."""
    _refuse_cell_options(options)
    if size is not None:
        ceiling, warn_only = options["ceiling"] or "auto", options["warn_only"]
        set_standing(session, size, ceiling=ceiling, warn_only=warn_only)
    return deliver(session.reporter().limit_report(), format, output)


def _refuse_cell_options(options: dict[str, Any]) -> None:
    """A standing limit has no cell: an option about one must not be passed over in silence."""
    asked = {
        "--scope cell": options["scope"] == "cell",
        "--restore-names": options["restore_names"],
        "--keep-frames": options["keep_frames"],
    }
    for spelled, given in asked.items():
        if given:
            raise UsageError(
                f"%pmat_limit: {spelled} is about one cell; write it above that cell: "
                f"%%pmat_limit 2GB {spelled}"
            )


def save(
    session: Session,
    *,
    path: str | None,
    vars: str | None,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_save``."""
    from pmat_nb.session import keeping

    return deliver(keeping.save_variables(session, path, _names(vars)), format, output)


def restore(
    session: Session,
    *,
    path: str | None,
    vars: str | None,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_restore``."""
    from pmat_nb.session import keeping

    return deliver(keeping.restore_variables(session, path, _names(vars)), format, output)


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def limit_cell(
    session: Session, first_line: str, *, size: LimitSpec | None, **options: Any
) -> None:
    """``%%pmat_limit``: arm the cell that it heads."""
    if size is None:
        raise UsageError("%%pmat_limit: SIZE is missing; for example %%pmat_limit 2GB")
    if session.protector is not None:
        wanted = CellLimit(
            size,
            scope=options["scope"] or "cell",
            ceiling=options["ceiling"] or "auto",
            warn_only=options["warn_only"],
            restore_names=options["restore_names"],
            keep_frames=options["keep_frames"],
        )
        session.protector.arm_next(first_line, wanted)
