"""The verbs of a notebook, asked of a kernel that runs.

A kernel that is busy answers what it can on a subshell; where it cannot answer at all, what it
said of itself last is shown, with its age, beside what its process holds now.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pmat_nb.errors import NoKernelError, PmatError, UsageError
from pmat_nb.render.plain import line_width
from pmat_nb.render.report import Report, json_safe
from pmat_nb.settings import Verb
from pmat_nb.settings import verb as declared_verb

from .codes import Code
from .finding import Running, choose, is_stopped, loaded_kernels
from .printing import deliver, deliver_content, show
from .words import words_of

__all__ = ["ask", "command", "figures"]

_PATIENCE_S = 30.0
# What takes long by its nature.
_LONG_S = {"recommend": 120.0}
_EXACT_S = 600.0
# Figures that can be shown without the kernel are not waited for any longer than this.
_READ_S = 3.0
_READS = ("stats", "vars", "pools", "pressure")
# With these, verbs that read change something.
_CHANGING = {
    "pools": ("reset", "optimize", "optimize_cache", "apply"),
    "pressure": ("low", "medium", "high", "auto_respond", "exit_kernel", "simulate"),
    "recommend": ("apply", "undo"),
}
_DATA_FILES = (".json", ".csv", ".parquet")


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Ask the kernel that is meant, and show or write its answer."""
    _check(verb, options)
    kernel = choose(options["kernel"], loaded_kernels())
    ask(verb.name, options, kernel)
    return Code.FINE


def _check(verb: Verb, options: Mapping[str, Any]) -> None:
    """From outside no code of the user's is run."""
    if verb.name != "leaks":
        return
    asked = [f"--{name}" for name in ("repeat", "native") if options.get(name)]
    asked += [what for what in [options.get("what")] if what not in (None, "report")]
    if asked:
        raise UsageError(
            f"pmat-nb leaks: {asked[0]} belongs in the notebook (%pmat_leaks {asked[0]}); from "
            "here: pmat-nb leaks, pmat-nb leaks report"
        )


def ask(name: str, options: Mapping[str, Any], kernel: Running) -> None:
    """Have ``kernel`` carry out the verb ``name``.

    Raises:
        UsageError: what the kernel says of the options.
        NoKernelError: it cannot answer now, and nothing else can.
    """
    options, output = _for_a_file(name, options)
    ending = None if output is None else Path(output).suffix.lower()
    said = _asked(name, options, kernel, options["format"] or "table", ending)
    if "file" in said and output is not None:
        deliver_content(base64.b64decode(said["file"]), output)
    elif "text" in said:
        show(said["text"])
    else:
        hint = f"pmat-nb {name} --timeout 300 waits longer"
        report = _without_it(name, options, kernel, said["waiting"], hint)
        deliver(report, options["format"], output)


def figures(
    name: str, options: Mapping[str, Any], kernel: Running, *, hint: str
) -> tuple[dict[str, Any], bool]:
    """What a verb's report has in ``to_dict``, and whether ``kernel`` itself answered.

    Options are ``name``'s and ``timeout``; those left out have their defaults. ``hint`` is what
    to do about a kernel that is busy. Raises as :func:`ask` does.
    """
    said = _asked(name, options, kernel, "json", None)
    if "text" in said:
        found: dict[str, Any] = json.loads(said["text"])
        return found, True
    report = _without_it(name, options, kernel, said["waiting"], hint)
    found = json_safe(report.to_dict())
    return found, False


def _asked(
    name: str, options: Mapping[str, Any], kernel: Running, form: str, ending: str | None
) -> dict[str, Any]:
    """What the kernel answers: ``text``, ``file``, or ``waiting``."""
    from .asking import KernelLine

    request = {
        "verb": name,
        "words": words_of(declared_verb(name), {**options, "watch": None, "analyze_log": None}),
        "format": form,
        "width": line_width(),
        "ending": ending,
    }
    with KernelLine(kernel.connection_file) as line:
        said = line.ask(request, _patience_s(name, options, kernel))
    if "error" in said:
        raise _error(said)
    return said


def _for_a_file(name: str, options: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The options, and where a file goes to; ``-`` is the terminal."""
    output = None if options["output"] == "-" else options["output"]
    report = options.get("leak_report")
    if name == "stats" and report not in (None, "-"):
        # The file is written here, not where the kernel is.
        output, ending = str(report), Path(str(report)).suffix.lower()
        if ending not in _DATA_FILES:
            raise UsageError(
                f"--leak-report: {output!r} does not end in .json, .csv or .parquet; for example "
                "--leak-report leaks.csv"
            )
        form = "json" if ending == ".json" else "frame"
        options = {**options, "leak_report": "-", "format": form}
    return options, output


def _patience_s(name: str, options: Mapping[str, Any], kernel: Running) -> float:
    if options.get("timeout") is not None:
        return float(options["timeout"])
    if options.get("exact"):
        return _EXACT_S
    if name in _READS and not _acts(options) and kernel.busy:
        return _READ_S
    return _LONG_S.get(name, _PATIENCE_S)


def _acts(options: Mapping[str, Any]) -> bool:
    """Whether more than reading was asked for."""
    passive = ("kernel", "timeout", "format", "output", "detailed", "by", "top", "all", "watch")
    return any(v not in (None, False) for key, v in options.items() if key not in passive)


def _changes(name: str, options: Mapping[str, Any]) -> bool:
    """Whether the verb, with these options, would have changed something."""
    if name in ("cleanup", "configure"):
        return True
    return any(options.get(option) not in (None, False) for option in _CHANGING.get(name, ()))


def _error(said: Mapping[str, Any]) -> PmatError:
    kinds: dict[str, type[PmatError]] = {"UsageError": UsageError, "NoKernelError": NoKernelError}
    return kinds.get(str(said.get("kind")), PmatError)(str(said["error"]))


def _without_it(
    name: str, options: Mapping[str, Any], kernel: Running, why: str, hint: str
) -> Report:
    """What can be told of a kernel that does not answer in time."""
    from .outside import state_of, view

    fresh = next((one for one in loaded_kernels() if one.pid == kernel.pid), None)
    if fresh is None:
        raise NoKernelError(f"kernel {kernel.name} has ended")
    report: Report | None = None
    if name in _READS and not _acts(options):
        report = view(name, options, fresh, stuck=why == "stuck")
    if report is None:
        if why == "stuck" and is_stopped(fresh):
            hint = f"kill -CONT {fresh.pid} lets it go on"
        state = state_of(fresh, stuck=why == "stuck")
        raise NoKernelError(_busy_text(fresh, state, hint, changes=_changes(name, options)))
    return report


def _busy_text(kernel: Running, state: str, hint: str, *, changes: bool) -> str:
    kept = "; nothing was changed" if changes else ""
    age_s = time.time() - kernel.sign.at if kernel.sign is not None else 0.0
    return (
        f"kernel {kernel.name} {state} and did not answer in time{kept}; {hint} "
        f"(it was last heard of {age_s:.0f} s ago)"
    )
