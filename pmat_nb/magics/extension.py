"""Loading and unloading the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb import session as sessions

from .register import is_registered, register, unregister

if TYPE_CHECKING:
    from pmat_nb.session.inheriting import Legacy
    from pmat_nb.session.pools import PoolManager
    from pmat_nb.session.session import Session

__all__ = ["load", "unload"]

# Of the session that the last unload ended, for the next load.
_legacy: Legacy | None = None


def load(shell: Any) -> None:
    """Start a session for ``shell`` unless it has one, and register the magics.

    A broken settings file or a missing figure is said in one line; loading goes on.
    """
    global _legacy
    session = sessions.running()
    if session is not None and session.shell is shell:
        if not is_registered(shell):
            register(shell, session)
        return
    session = sessions.start(shell)
    register(shell, session)
    for problem in session.settings.problems:
        session.say(f"pmat_nb: {problem}")
    legacy, _legacy = _legacy, None
    if legacy is not None:
        session.faults.guard("what was set before")(legacy.hand_to)(session)
    session.greet()


def unload(shell: Any) -> None:
    """End the shell's session: hooks, threads and files are closed.

    The session of ``pmat-nb run`` is not the notebook's to end: only the magics go, and its
    cells are measured, limited and judged as before.
    """
    session = sessions.running()
    if session is not None and session.shell is shell:
        if session.part_if_made("headless") is not None:
            unregister(shell)
            return
        pools: PoolManager | None = session.part_if_made("pools")
        if pools is not None:
            pools.tell_of_loss()
        _leave(session, shell)
    sessions.stop(shell)
    unregister(shell)


def _leave(session: Session, shell: Any) -> None:
    global _legacy
    from pmat_nb.session.inheriting import Legacy

    _legacy = session.faults.guard("what is set")(Legacy)(session, shell)
