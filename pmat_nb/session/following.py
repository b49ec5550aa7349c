"""Ends this kernel when the process that runs its notebook has ended.

Jupyter's own watch looks for a parent whose id is 1, which a container or a service manager
may give orphans in another way; and a killed runner cannot tell its kernels to end.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

__all__ = ["end_with"]

_POLL_S = 0.5


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
        try:
            before()
        finally:
            os._exit(1)

    threading.Thread(target=follow, name="pmat_nb runner watch", daemon=True).start()
