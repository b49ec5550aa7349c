"""What each cell and each session cost, kept across kernels.

Scope: writing (``store``), reading every kernel's file as one history (``reader``),
keeping the folder small (``prune``), telling notebooks apart (``notebook``) and
forecasting from re-runs of a cell (``forecast``). Showing any of it is the
renderers' work. Modules are imported by name, so that loading the extension pays
for the writer alone.
"""
