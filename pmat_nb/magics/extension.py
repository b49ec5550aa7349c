"""Loading and unloading the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb import session as sessions

from .register import is_registered, register, unregister

if TYPE_CHECKING:
    from pmat_nb.session.pools import PoolManager

__all__ = ["load", "unload"]


def load(shell: Any) -> None:
    """Start a session for ``shell`` unless it has one, and register the magics.

    A broken settings file or a missing figure is said in one line; loading goes on.
    """
    session = sessions.running()
    if session is not None and session.shell is shell:
        if not is_registered(shell):
            register(shell, session)
        return
    session = sessions.start(shell)
    register(shell, session)
    for problem in session.settings.problems:
        session.say(f"pmat_nb: {problem}")
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
    sessions.stop(shell)
    unregister(shell)
