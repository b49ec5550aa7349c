"""What a kernel answers to another process of its user (``pmat-nb``), by Jupyter's messages.

The request is a verb with its words, as in a magic's line; the answer is the report as text or
as a file's content. It leaves nothing behind: no name, no history, no output. What only reads
figures is answered at any time, on a subshell while a cell runs; what walks the user's
objects or changes them waits until no cell runs, on the thread that runs cells.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pmat_nb import session as sessions
from pmat_nb.errors import PmatError, UsageError
from pmat_nb.render.report import Report
from pmat_nb.settings import verb

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["Answer", "answer"]

_PICTURES = (".png", ".svg", ".pdf")
_DPI = 150


class Answer:
    """A JSON object on its way to who asked; nothing that a user's formatters change."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"application/json": self._said}


def answer(request: str) -> Answer:
    """Carry out ``request``: an object with ``verb``, ``words``, ``format``, ``width``,
    ``ending`` (of the file that it goes to, None for a terminal) and ``until`` (seconds since
    the epoch, after which nobody waits any more).

    The answer has ``text`` or, with an ending, ``file``; or ``error`` and ``kind``; or
    ``waiting``: why there is none (``idle``: ask the main shell; ``busy``; ``late``).
    """
    try:
        _give_back_output()
        return Answer(_answer(json.loads(request)))
    except PmatError as problem:
        return Answer({"error": str(problem), "kind": type(problem).__name__})
    except Exception as problem:  # an error of ours is told outside, not in the notebook
        return Answer({"error": f"{type(problem).__name__}: {problem}", "kind": "Exception"})


def _give_back_output() -> None:
    """Have the output of other threads belong to the user's cell again.

    ipykernel took this request for what all output without a place of its own belongs to.
    """
    session = sessions.running()
    if session is None or session.cell_request is None:
        return
    shell: Any = session.shell
    own = shell.get_parent()
    shell.set_parent(session.cell_request)
    if hasattr(shell, "set_thread_parent"):
        shell.set_thread_parent(own)  # what this request itself prints is nobody's


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    session = sessions.running()
    if session is None:
        raise PmatError("this kernel has not loaded pmat_nb, or has unloaded it")
    if time.time() > asked["until"]:
        return {"waiting": "late"}
    busy = session.meter.busy
    if not busy and threading.current_thread() is not threading.main_thread():
        return {"waiting": "idle"}
    if not busy:
        return _shown(_carry_out(session, asked), asked)
    report = _while_busy(session, asked)
    if report is not None:
        return _shown(report, asked)
    return _between_cells(session, asked)


def _between_cells(session: Session, asked: dict[str, Any]) -> dict[str, Any]:
    """Have it done on the main thread once no cell runs; wait for that on this thread."""
    done = threading.Event()
    said: list[dict[str, Any]] = []

    def run() -> None:
        if time.time() > asked["until"]:
            return
        try:
            said.append(_shown(_carry_out(session, asked), asked))
        except PmatError as problem:
            said.append({"error": str(problem), "kind": type(problem).__name__})
        except Exception as problem:
            said.append({"error": f"{type(problem).__name__}: {problem}", "kind": "Exception"})
        finally:
            done.set()

    session.between_cells.post(f"pmat-nb {asked['verb']} {asked['until']}", run)
    done.wait(max(0.0, asked["until"] - time.time()))
    return said[0] if said else {"waiting": "busy"}


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    from pmat_nb.settings.parser import parse_words

    declared = verb(asked["verb"])
    return parse_words(declared, asked["words"], f"pmat-nb {declared.name}")


def _carry_out(session: Session, asked: dict[str, Any]) -> Any:
    """What the magic returns: a report, or a figure."""
    from .verbs import COMMANDS

    return COMMANDS[asked["verb"]](session, **_options(asked))


def _while_busy(session: Session, asked: dict[str, Any]) -> Any:
    """What may be had on another thread while a cell runs; None for all that has to wait."""
    read = _READS.get(asked["verb"])
    return None if read is None else read(session, _options(asked))


def _stats(session: Session, options: dict[str, Any]) -> Report | None:
    """Figures of now with the sizes of the last sizing: objects that change are not walked."""
    from pmat_nb.render.stats import Stats

    if options["leak_report"] is not None or options["check_leaks"]:
        return None
    report = Stats(session.reporter().record(), detailed=options["detailed"])
    return report if options["by"] is None else report.by(options["by"])


def _vars(session: Session, options: dict[str, Any]) -> Report | None:
    from pmat_nb.render.variables import Variables

    record = session.reporter().record()
    if options["exact"] or record.sizing is None:
        return None
    return Variables(
        record.variables,
        more=record.more_variables,
        rss_bytes=record.rss_bytes,
        sizing=record.sizing,
        top=options["top"],
    )


def _pools(session: Session, options: dict[str, Any]) -> Report | None:
    from pmat_nb.render.pools import Pools

    asked = {name for name, value in options.items() if value not in (None, False)}
    if asked - {"detailed", "cache_stats"}:
        return None
    told, record = bool(asked), session.reporter().record()
    if record.sizing is None:
        return None
    return Pools(
        record,
        infos=session.pools.infos() if told else (),
        history=session.pools.history(),
        detailed=options["detailed"],
        cache_stats=options["cache_stats"],
    )


def _pressure(session: Session, options: dict[str, Any]) -> Report | None:
    from pmat_nb.render.pressure import PressureReport

    if any(value not in (None, False) for value in options.values()):
        return None
    return PressureReport(session.pressure.record())


def _configure(session: Session, options: dict[str, Any]) -> Any:
    """Settings may be changed at any time: it is what a dashboard does on a subshell too."""
    from .commands.manage import configure

    return configure(session, **options)


_READS: dict[str, Callable[[Session, dict[str, Any]], Any]] = {
    "stats": _stats,
    "vars": _vars,
    "pools": _pools,
    "pressure": _pressure,
    "configure": _configure,
}


def _shown(found: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """A report or figure in the form that was asked for."""
    from pmat_nb.render.output import as_text, content

    ending = asked["ending"]
    if found is None:
        return {"text": ""}
    if not isinstance(found, Report):
        return {"file": _encoded(_picture(found, ending))}
    if ending is None:
        return {"text": as_text(found, asked["format"], asked["width"])}
    return {"file": _encoded(content(found, asked["format"], ending))}


def _picture(figure: Any, ending: str | None) -> bytes:
    if ending not in _PICTURES:
        raise UsageError(
            f"pmat-nb: a picture goes to a file that ends in {', '.join(_PICTURES[:-1])} or "
            f"{_PICTURES[-1]}; for example -o memory.png"
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending[1:], dpi=_DPI, bbox_inches="tight")
    return buffer.getvalue()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
