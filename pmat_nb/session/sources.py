"""Where a session's settings come from: its environment, files, shell and state folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmat_nb.configuration import Settings, machine_file, project_file
from pmat_nb.errors import UsageError
from pmat_nb.settings import setting

if TYPE_CHECKING:
    from .session import Session

__all__ = ["make_settings", "settings_files"]


def make_settings(session: Session) -> Settings:
    """The settings of ``session``, from every source there is."""
    from pmat_nb.configuration.trust import TrustList

    settings = Settings(
        files=settings_files(session),
        trust=TrustList(_state_folder),
        usable_bytes=lambda: _usable_bytes(session),
    )
    _read_traits(settings, session.shell)
    return settings


def settings_files(session: Session) -> tuple[tuple[str, Path], ...]:
    """The files there are, by kind; the project's is the nearest upwards.

    Upwards from the folder that the kernel was in at load: a cell that changes the
    folder does not change the project.
    """
    from pmat_nb.engine.paths import settings_file

    folder = session.folder
    project = None if folder is None else project_file(Path(folder))
    candidates = (("project", project), ("user", settings_file()), ("machine", machine_file()))
    return tuple((kind, path) for kind, path in candidates if path is not None and path.is_file())


def _state_folder() -> Path | None:
    from pmat_nb.engine.paths import state_dir

    return state_dir().path


def _usable_bytes(session: Session) -> int | None:
    room = session.faults.guard("usable memory")(session.room)()
    return None if room is None else int(room.usable_bytes)


def _read_traits(settings: Settings, shell: Any) -> None:
    """What ``ipython_kernel_config.py`` says (``c.PmatNb.cache_pool = "2GB"``)."""
    section = getattr(shell, "config", {}).get("PmatNb", {})
    values = {}
    for name in section:
        try:
            option = setting(name)
            values[option.key] = option.parse(section[name], called=name)
        except UsageError as problem:
            settings.problems.append(f"ipython config, c.PmatNb.{name}: {problem}")
    try:
        settings.put_traits(values)
    except UsageError as problem:
        settings.problems.append(f"ipython config: {problem}")
