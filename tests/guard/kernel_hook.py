"""The least that a kernel needs to run cells under a guard; a cell of the tests runs it.

`limit_next(megabytes)` arms the next cell, as a cell magic does. `reports` keeps what
the guard said of each.
"""

import asyncio
import threading

from IPython import get_ipython

from pmat_nb.engine.guard import Guard, runs_under
from pmat_nb.errors import MemoryLimitExceeded

shell = get_ipython()
guard = Guard()
guard.start()
reports = []
_next = {}
_armed = {}


def limit_next(megabytes, **options):
    _next.update(limit_bytes=int(megabytes * 1024**2), **options)


def _cancel_hook(code):
    if not shell.should_run_async(code, transformed_cell=shell.transform_cell(code)):
        return None
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    return lambda: loop.call_soon_threadsafe(task.cancel)


def _before(info):
    if _next and not _armed:
        options = dict(_next)
        _next.clear()
        _armed["token"] = guard.arm(
            **options,
            in_scope=runs_under(shell.user_global_ns),
            cancel=_cancel_hook(info.raw_cell),
        )


def _after(_result):
    token = _armed.pop("token", None)
    if token is not None:
        reports.append(guard.disarm(token))


def _translate(shell, kind, error, traceback, tb_offset=None):
    token = _armed.get("token")
    if token is not None:
        token.active = False
        decided = token.pending or guard.ceiling_caused(error, token)
        if decided and not isinstance(error, MemoryLimitExceeded):
            error = token.error(guard._clock_ns())
            kind, traceback = type(error), None
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)


shell.set_custom_exc((MemoryError, asyncio.CancelledError), _translate)
shell.events.register("pre_run_cell", _before)
shell.events.register("post_run_cell", _after)
main_thread = threading.main_thread().ident
