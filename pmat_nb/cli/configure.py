"""``pmat-nb configure``: of a kernel that runs, or the user's settings for all that will."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pmat_nb.configuration import Settings, machine_file, project_file
from pmat_nb.configuration.places import FILE_NAME
from pmat_nb.errors import UnavailableError, UsageError
from pmat_nb.render.configuration import Configuration
from pmat_nb.settings import SETTINGS, Value, Verb

from . import kernels
from .codes import Code
from .printing import deliver

__all__ = ["command"]


def command(verb: Verb, options: dict[str, Any]) -> int:
    """With ``--kernel`` ask that kernel; otherwise write the file, and show what holds."""
    if options["kernel"] is not None:
        return kernels.command(verb, options)
    keys = {option.key for option in verb.options} & {option.key for option in SETTINGS}
    values = {key: options[key] for key in keys if options[key] is not None}
    notes = _act(options, values)
    settings = _settings()
    notes += [f"pmat_nb: {problem}" for problem in settings.problems]
    report = Configuration(settings.rows(), settings.responses(), settings.profile(), notes)
    deliver(report, options["format"], options["output"])
    return Code.FINE


def _act(options: dict[str, Any], values: dict[str, Value]) -> list[str]:
    if options["reset"]:
        raise UsageError(
            "--reset is about what was set in a kernel: pmat-nb configure --reset --kernel WHICH; "
            "pmat-nb recover sets your settings file aside"
        )
    if options["trust"]:
        return [_trust()]
    if not values:
        if options["save"] is not None:
            raise UsageError(
                f"--save {options['save']}: nothing to save; for example pmat-nb configure "
                "--cache-pool 2GB"
            )
        return []
    return [_save(options["save"] or "user", values)]


def _save(where: str, values: dict[str, Value]) -> str:
    """Write the values, unless they could not hold; says where they are now."""
    from pmat_nb.configuration.saving import save_values

    # Bounds of the machine, and levels that must rise, are checked before a file is touched.
    settings = _settings()
    settings.put_all(values)
    path = _user_file() if where == "user" else _project_file() or Path.cwd() / FILE_NAME
    before, after = save_values(path, values)
    if where == "project":
        settings.carry_trust(path, before, after)
    who = "your settings, for every kernel from its next start" if where == "user" else "project"
    return f"saved to {path} ({who}): {', '.join(sorted(values))}"


def _trust() -> str:
    path = _project_file()
    if path is None:
        raise UsageError(f"--trust: there is no {FILE_NAME} in {Path.cwd()} or above it")
    _settings().trust_file(path)
    return f"trusted as it is now: {path}"


def _user_file() -> Path:
    from pmat_nb.engine.paths import settings_file

    path = settings_file()
    if path is None:
        raise UnavailableError(
            "there is no home folder; set XDG_CONFIG_HOME or HOME to a folder you can write to"
        )
    return path


def _project_file() -> Path | None:
    return project_file(Path.cwd())


def _settings() -> Settings:
    """What a kernel that starts in this folder would have, but for IPython's own files."""
    from pmat_nb.configuration.trust import TrustList
    from pmat_nb.engine.paths import settings_file, state_dir

    candidates = (
        ("project", _project_file()),
        ("user", settings_file()),
        ("machine", machine_file()),
    )
    files = tuple((kind, path) for kind, path in candidates if path is not None and path.is_file())
    return Settings(
        files=files, trust=TrustList(lambda: state_dir().path), usable_bytes=_usable_bytes
    )


def _usable_bytes() -> int | None:
    from pmat_nb.engine.limits import usable
    from pmat_nb.engine.probe import Probe

    probe = Probe()
    try:
        room = usable(probe, tree_bytes=0)
        return None if room is None else room.usable_bytes
    finally:
        probe.close()
