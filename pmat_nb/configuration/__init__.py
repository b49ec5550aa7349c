"""Where settings come from, and which source wins.

Strongest first: a magic or call, the environment (``PMAT_MEMORY_MAX``, otherwise
``PMAT_MEMORY_`` and the key in capitals), ``pmat.toml`` found upwards from the
notebook's folder, traitlets, the user's ``pmat.toml``, the machine's, the default. A
broken source is reported and passed over; it never stops the extension from loading.
"""

from __future__ import annotations

from .layers import SettingRow
from .places import machine_file, project_file
from .resolved import Settings
from .responses import ACTIONS, Level, Responses

__all__ = [
    "ACTIONS",
    "Level",
    "Responses",
    "SettingRow",
    "Settings",
    "machine_file",
    "project_file",
]
