"""What papermill loads while it is itself being imported: a name for our engine, no more."""

from __future__ import annotations

from typing import Any

__all__ = ["PmatEngine"]


class PmatEngine:
    """papermill's engine ``pmat_nb``; :mod:`.papermill_engine` does the work."""

    @classmethod
    def execute_notebook(cls, *args: Any, **kwargs: Any) -> Any:
        """As ``papermill.engines.Engine.execute_notebook``."""
        return _engine().execute_notebook(*args, **kwargs)

    @classmethod
    def nb_kernel_name(cls, *args: Any, **kwargs: Any) -> Any:
        """As ``papermill.engines.Engine.nb_kernel_name``."""
        return _engine().nb_kernel_name(*args, **kwargs)

    @classmethod
    def nb_language(cls, *args: Any, **kwargs: Any) -> Any:
        """As ``papermill.engines.Engine.nb_language``."""
        return _engine().nb_language(*args, **kwargs)


def _engine() -> Any:
    from .papermill_engine import MeasuringEngine

    return MeasuringEngine
