"""``%pmat_configure``: change settings, save them, trust a project's file, show them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmat_nb.configuration.places import FILE_NAME
from pmat_nb.errors import UnavailableError, UsageError

from .sources import settings_files

if TYPE_CHECKING:
    from pmat_nb.configuration import Settings
    from pmat_nb.render.configuration import Configuration

    from .session import Session

__all__ = ["configure", "read_files"]


def configure(
    session: Session, values: dict[str, Any], *, reset: bool, save: str | None, trust: bool
) -> Configuration:
    """Change settings by key; the report shows every setting with its source.

    ``reset`` forgets what was set in this session and reads the files anew, ``values``
    then count; ``save`` writes ``values``, or where there are none all that was set in this
    session, to ``project`` or ``user``.

    Raises:
        UsageError: a value that cannot hold, nothing to save or to trust; then nothing
            was changed.
        StateFileError: a file cannot be written; the values hold in this session.
    """
    from pmat_nb.render.configuration import Configuration

    settings = session.settings
    file = _project_file(session) if trust else None
    target = _target(session, save, values, reset=reset) if save is not None else None
    settings.put_all(values, reset=reset)
    notes: list[str] = []
    try:
        if reset:
            read_files(session)
        if target is not None:
            notes.append(_save(session, target, tuple(values), project=save == "project"))
        if file is not None:
            notes.append(_trust(session, file))
    finally:
        session.settings_changed()
    return Configuration(
        settings.rows(), settings.responses(), settings.profile(), (*notes, *_state(settings))
    )


def _project_file(session: Session) -> Path:
    for kind, path in settings_files(session):
        if kind == "project":
            return path
    raise UsageError(
        f"--trust: there is no pmat.toml in {_folder(session)} or above it; %pmat_configure --save "
        "project writes one"
    )


def _trust(session: Session, path: Path) -> str:
    """Trust the file as it is now, which is what counts from here on."""
    settings = session.settings
    settings.trust_file(path)
    read_files(session)
    return f"trusted as it is now: {path}"


def read_files(session: Session) -> None:
    """Read the files there are now, and say what is wrong with them."""
    told = len(session.settings.problems)
    session.settings.read_files(settings_files(session))
    for problem in session.settings.problems[told:]:
        session.say(f"pmat_nb: {problem}")


def _target(session: Session, save: str, values: dict[str, Any], *, reset: bool) -> Path:
    if not values and (reset or not session.settings.session_values()):
        raise UsageError(
            "--save: nothing was set in this session; for example %pmat_configure "
            f"--cache-pool 2GB --save {save}"
        )
    files = dict(settings_files(session))
    if save == "project":
        return files.get("project") or _folder(session) / FILE_NAME
    from pmat_nb.engine.paths import settings_file

    path = settings_file()
    if path is None:
        raise UnavailableError(
            "--save user: there is no home folder; set XDG_CONFIG_HOME or HOME to a folder "
            "you can write to"
        )
    return path


def _folder(session: Session) -> Path:
    if session.folder is None:
        raise UnavailableError("the folder that this kernel started in was deleted")
    return Path(session.folder)


def _save(session: Session, path: Path, keys: tuple[str, ...], *, project: bool) -> str:
    """Write ``keys``, or with none of them all that was set in this session."""
    from pmat_nb.configuration.saving import save_values

    settings = session.settings
    values = settings.session_values()
    if keys:
        values = {key: value for key, value in values.items() if key in keys}
    before, after = save_values(path, values)
    if project:
        # What this user writes into a file that is new or trusted needs no further word.
        settings.carry_trust(path, before, after)
    read_files(session)
    settings.forget_saved()
    return f"saved to {path}: {', '.join(values)}"


def _state(settings: Settings) -> list[str]:
    """Whether the project's file may act, in words."""
    layer = settings.layer("project")
    if layer is None:
        return []
    if layer.trusted:
        return [f"{layer.source}: trusted"]
    held = settings.withheld()
    if not held:
        return [f"{layer.source}: not trusted; nothing in it needs trust"]
    wait = "waits" if len(held) == 1 else "wait"
    return [f"{layer.source}: not trusted; {', '.join(held)} {wait} for %pmat_configure --trust"]
