"""Under what the cases run: one line for each cell magic of the project."""

from __future__ import annotations

from typing import Any

from .runner import Magic

LOAD = "%load_ext pmat_nb"


def _is_leak_report(output: dict[str, Any]) -> bool:
    return "your code ran" in output.get("data", {}).get("text/plain", "")


def _is_profile(output: dict[str, Any]) -> bool:
    return output["output_type"] == "display_data" and "tracing was on" in output["data"].get(
        "text/plain", ""
    )


MAGICS = (
    Magic("loaded", load=(LOAD,)),
    Magic("unloaded", load=(LOAD, "%unload_ext pmat_nb")),
    Magic("limit", load=(LOAD,), prefix="%%pmat_limit 2GB", line_shift=1),
    Magic(
        "leaks",
        load=(LOAD,),
        prefix="%%pmat_leaks --repeat 1",
        line_shift=1,
        is_ours=_is_leak_report,
    ),
    Magic("profile", load=(LOAD,), prefix="%%pmat_profile", line_shift=1, is_ours=_is_profile),
    Magic("standing", load=(LOAD, "%pmat_limit 6GB")),
)
