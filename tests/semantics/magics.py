"""Under what the cases run: one line for each cell magic of the project."""

from __future__ import annotations

from .runner import Magic

LOAD = "%load_ext pmat_nb"

MAGICS = (
    Magic("loaded", load=(LOAD,)),
    Magic("unloaded", load=(LOAD, "%unload_ext pmat_nb")),
    Magic("limit", load=(LOAD,), prefix="%%pmat_limit 2GB", line_shift=1),
    Magic("standing", load=(LOAD, "%pmat_limit 6GB")),
)
