"""One session per kernel: it owns the probe, the meters and the reports.

The magics and the command line call a session's methods and display what they
return; everything that outlives a single call lives here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

__all__ = ["current", "has_session", "running", "start", "stop"]

_session: Session | None = None


def has_session(shell: Any) -> bool:
    """Whether a session runs for this very shell."""
    return _session is not None and _session.shell is shell


def start(shell: Any | None) -> Session:
    """Start the process's session, ending one that another shell had."""
    global _session
    from .session import Session

    if _session is not None:
        _session.close()
    _session = Session(shell)
    _session.open()
    return _session


def stop(shell: Any | None) -> None:
    """End the session of ``shell``; harmless when there is none."""
    global _session
    if _session is not None and _session.shell is shell:
        _session.close()
        _session = None


def running() -> Session | None:
    """The session if one runs; none is started."""
    return _session


def current() -> Session:
    """The running session; one for a plain script where no extension was loaded."""
    return start(None) if _session is None else _session
