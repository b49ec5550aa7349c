"""Ends this kernel when the process that runs its notebook has ended.

Jupyter's own watch looks for a parent whose id is 1, which a container or a service manager
may give orphans in another way; and a killed runner cannot tell its kernels to end.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["end_with"]

_POLL_S = 0.1


def _hold_back_jupyter() -> None:
    """Jupyter's own watch would end this process at once, in the middle of what is done before.

    It compares the parent's id, once a second, with the one that it began with.
    """
    application: Any = sys.modules.get("ipykernel.kernelapp")
    if application is not None and application.IPKernelApp.initialized():
        poller = application.IPKernelApp.instance().poller
        if getattr(poller, "parent_pid", 0):
            poller.parent_pid = os.getppid()


def end_with(pid: int, before: Callable[[], None]) -> None:
    """Once the process ``pid`` has ended, call ``before`` and end this one.

    Only where ``pid`` is this process's parent: a kernel that something else started, on
    another machine perhaps, is not the runner's to end.
    """
    if os.name == "nt" or os.getppid() != pid:
        return

    def follow() -> None:
        while os.getppid() == pid:
            time.sleep(_POLL_S)
        _hold_back_jupyter()
        try:
            before()
        finally:
            os._exit(1)

    threading.Thread(target=follow, name="pmat_nb runner watch", daemon=True).start()
