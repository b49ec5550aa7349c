"""The settings as traits, so that ``%config PmatNb.cache_pool = "2GB"`` works.

``c.PmatNb.cache_pool = "2GB"`` in ``ipython_kernel_config.py`` is read by the session
itself, before its first limit is resolved; the object here shows and changes values.
"""

from __future__ import annotations

from typing import Any

from traitlets import TraitError, TraitType
from traitlets.config import Configurable

from pmat_nb.errors import UsageError
from pmat_nb.session.session import Session
from pmat_nb.settings import SETTINGS, Option, spelled

__all__ = ["register_traits", "unregister_traits"]

_NAME = "PmatNb"
_DOC = "The settings of pmat_nb; %pmat_configure shows them with their sources."


class _Setting(TraitType[Any, Any]):
    """One setting: reads as the value in force, whoever set it; None takes its value back."""

    allow_none = True
    default_value = None

    def __init__(self, option: Option) -> None:
        self._option = option
        super().__init__(None, allow_none=True, help=option.help)
        self.tag(config=True)

    def default_value_repr(self) -> str:
        return repr(spelled(self._option, self._option.default))

    def get(self, obj: Any, cls: Any = None) -> str:
        return spelled(self._option, obj.session.settings.get(self._option.key))

    def set(self, obj: Any, value: Any) -> None:
        option = self._option
        try:
            parsed = None if value is None else option.parse(value, called=f"{_NAME}.{option.key}")
            obj.session.settings.put_traits({option.key: parsed})
        except UsageError as problem:
            raise TraitError(str(problem)) from None
        obj.session.settings_changed()


def register_traits(shell: Any, session: Session) -> None:
    """Make the settings known to ``%config`` in ``shell``."""
    traits = {option.key: _Setting(option) for option in SETTINGS}
    made = type(_NAME, (Configurable,), {"__doc__": _DOC, **traits})()
    made.session = session
    shell.configurables.append(made)


def unregister_traits(shell: Any) -> None:
    """Take them out again; harmless when they are not there."""
    known = shell.configurables
    known[:] = [one for one in known if type(one).__name__ != _NAME]
