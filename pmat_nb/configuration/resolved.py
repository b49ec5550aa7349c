"""The settings in force, with the sources they come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, cast

from pmat_nb.errors import StateFileError, UsageError
from pmat_nb.settings import Value, setting

from .environment import read_environment
from .layers import Kind, Layer, SettingRow, file_layer
from .profile_layers import ProfileLayers
from .ranking import THRESHOLDS, Ranked, caps_of, rank

if TYPE_CHECKING:
    from .responses import Level, Responses
    from .trust import TrustList

__all__ = ["Settings"]

Files = Sequence[tuple[str, Path]]
Stamps = tuple[tuple[Path, int, int], ...]
# How problems name gates that are set in the environment, or in IPython's configuration.
_GATES = ("PMAT_MEMORY_GATE_", "c.PmatNb.gate_")
_FILES: tuple[Kind, ...] = ("project", "user", "machine")
# How strong a source is, strongest first.
_ORDER: tuple[Kind, ...] = ("session", "environment", "project", "traitlets", "user", "machine")


class Settings:
    """The values in force, each with the source that set it.

    Args:
        environ: the environment; this process's by default.
        files: ``(kind, path)`` of the files there are: ``project``, ``user``, ``machine``.
        trust: which project files may act; None trusts none.
        usable_bytes: what the profile ``auto`` goes by; asked only where it is named.

    ``problems`` lists what was wrong with a source and what does not count for want of
    trust, in words; the sources' other values still count. Safe to use from threads.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        files: Files = (),
        trust: TrustList | None = None,
        usable_bytes: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.problems: list[str] = []
        self._gate_problems: list[str] = []
        self._read: Stamps = ()
        self._trust = trust
        self._profiles = ProfileLayers(usable_bytes)
        self._lock = RLock()
        self._ranked: Ranked | None = None
        self._layers: dict[Kind, Layer] = {
            "session": Layer("session", "set in this session", {}),
            "traitlets": Layer("traitlets", "traitlets", {}),
        }
        layer, problems = read_environment(os.environ if environ is None else environ)
        self._layers["environment"] = layer
        self.problems += problems
        self.read_files(files)

    # --- questions --------------------------------------------------------------

    def get(self, key: str) -> Value:
        """The value in force for ``key``."""
        return self.row(key).value

    def row(self, key: str) -> SettingRow:
        """``key`` with its value and its source."""
        rows = self._ranking().rows
        return rows[key] if key in rows else rows[setting(key).key]

    def rows(self) -> tuple[SettingRow, ...]:
        """Every setting, in the order of its declaration."""
        return tuple(self._ranking().rows.values())

    def responses(self) -> Mapping[Level, Responses]:
        """What each pressure level does, with the source that said so."""
        return self._ranking().responses

    def cap(self, key: str) -> Value:
        """The machine's cap on ``key``, which nobody can raise; None where there is none."""
        found = caps_of(self._layers.values()).get(key)
        return None if found is None else found[0]

    def profile(self) -> str | None:
        """The profile in force in words (``low-memory (auto, 1.8 GB usable)``), or None."""
        layer = self._ranking().profile
        return None if layer is None else layer.source.removeprefix("profile ")

    def layer(self, kind: Kind) -> Layer | None:
        """What one source says, or None where there is none of it."""
        return self._layers.get(kind)

    def gate_problems(self) -> tuple[str, ...]:
        """What is wrong with a memory gate, in a file as it was read last or elsewhere."""
        elsewhere = [one for one in self.problems if any(mark in one for mark in _GATES)]
        return (*elsewhere, *self._gate_problems)

    def have_changed(self, files: Files) -> bool:
        """Whether the files are others than those that were read, by name, time or size."""
        return _stamps(files) != self._read

    def withheld(self) -> tuple[str, ...]:
        """What the project's file sets that does not count until it is trusted."""
        layer = self._layers.get("project")
        if layer is None:
            return ()
        return tuple({**layer.withheld, **self._profiles.withheld(layer)})

    # --- changes ----------------------------------------------------------------

    def put(self, key: str, value: Value) -> None:
        """Set ``key`` to an already parsed ``value`` for this session.

        Raises:
            UsageError: as ``put_all``.
        """
        self.put_all({key: value})

    def put_all(self, values: Mapping[str, Value], *, reset: bool = False) -> None:
        """Set parsed values for this session: all of them or, where one cannot hold, none.

        ``reset`` forgets what was set before.

        Raises:
            UsageError: above the machine's cap, or pressure levels that do not rise.
        """
        from .refusals import refuse_beyond_cap, refuse_not_rising

        with self._lock:
            new = {setting(key).key: value for key, value in values.items()}
            for key, value in new.items():
                refuse_beyond_cap(key, value, self._layers.values())
            session = self._layers["session"]
            wanted = session._replace(values=new if reset else {**session.values, **new})
            if not new.keys().isdisjoint(THRESHOLDS):
                below = {key: row.value for key, row in self._below_session().items()}
                refuse_not_rising({**below, **wanted.values})
            self._change("session", wanted)

    def reset(self) -> None:
        """Forget what was set in this session."""
        self.put_all({}, reset=True)

    def session_values(self) -> dict[str, Value]:
        """What was set in this session, by key."""
        return dict(self._layers["session"].values)

    def put_traits(self, values: Mapping[str, Value]) -> None:
        """Set parsed values for the source traitlets; None takes one back.

        Raises:
            UsageError: above the machine's cap, or pressure levels that do not rise.
        """
        from .refusals import refuse_beyond_cap

        with self._lock:
            for key, value in values.items():
                refuse_beyond_cap(key, value, self._layers.values())
            old = self._layers["traitlets"]
            kept = {k: v for k, v in {**old.values, **values}.items() if v is not None}
            new = old._replace(values=kept, sources={key: f"PmatNb.{key}" for key in kept})
            layers = [new if layer.kind == "traitlets" else layer for layer in self._ordered()]
            for problem in rank(layers, self._profiles.make).problems:
                if problem.startswith("PmatNb."):
                    raise UsageError(problem)
            self._change("traitlets", new)

    def call_variable(self, key: str, source: str) -> None:
        """Say ``source`` of ``key`` where a variable sets it: who put it into the environment."""
        with self._lock:
            old = self._layers["environment"]
            if key in old.values:
                sources = {**old.sources, key: source}
                self._change("environment", old._replace(sources=sources))

    def forget_saved(self) -> None:
        """Forget what was set in this session where a weaker source says the same."""
        with self._lock:
            below = self._below_session()
            session = self._layers["session"]
            kept = {k: v for k, v in session.values.items() if below[k].value != v}
            self._change("session", session._replace(values=kept))

    def trust_file(self, path: Path) -> None:
        """Let the project file at ``path`` act, as it is now; ``read_files`` then does.

        Raises:
            UsageError: it cannot be read. StateFileError: it cannot be remembered.
        """
        from .files import read_content

        _, data = read_content(path)
        self._trust_list().trust(path, data)

    def carry_trust(self, path: Path, before: bytes, after: bytes) -> None:
        """Trust ``path`` with the content ``after`` if nobody else wrote what was before.

        Raises:
            StateFileError: it cannot be remembered.
        """
        if not before or self._is_trusted(path, before):
            self._trust_list().trust(path, after)

    def _trust_list(self) -> TrustList:
        if self._trust is None:
            raise StateFileError("trust cannot be remembered here: there is no state folder")
        return self._trust

    def read_files(self, files: Files) -> None:
        """Read the files anew; ``problems`` grows by what is wrong with them."""
        with self._lock:
            for kind in _FILES:
                self._layers.pop(kind, None)
            self._gate_problems.clear()
            # Before they are read: what is written meanwhile is seen the next time.
            self._read = _stamps(files)
            for name, path in files:
                self._read_file(cast("Kind", name), path)
            self._ranked = None
            self.problems += self._ranking().problems

    def _change(self, kind: Kind, layer: Layer) -> None:
        self._layers[kind] = layer
        self._ranked = None

    # --- sources ----------------------------------------------------------------

    def _below_session(self) -> Mapping[str, SettingRow]:
        """Every setting as it would be if nothing were set in this session."""
        others = [layer for layer in self._ordered() if layer.kind != "session"]
        return rank(others, self._profiles.make).rows

    def _ordered(self) -> list[Layer]:
        return [self._layers[kind] for kind in _ORDER if kind in self._layers]

    def _ranking(self) -> Ranked:
        ranked = self._ranked
        if ranked is None:
            with self._lock:
                ranked = self._ranked = rank(self._ordered(), self._profiles.make)
        return ranked

    def _read_file(self, kind: Kind, path: Path) -> None:
        from .files import read_content

        try:
            content, data = read_content(path)
        except UsageError as problem:
            self.problems.append(str(problem))
            # What it says of gates is not known.
            self._gate_problems.append(str(problem))
            return
        self.problems += content.problems
        self._gate_problems += content.gate_problems
        trusted = kind != "project" or self._is_trusted(path, data)
        layer = file_layer(kind, content, trusted=trusted)
        self._layers[kind] = layer
        held = self.withheld() if kind == "project" else ()
        if held:
            self.problems.append(
                f"{path} is not trusted: {', '.join(held)} in it "
                f"{'counts' if len(held) == 1 else 'count'} only after %pmat_configure --trust"
            )

    def _is_trusted(self, path: Path, data: bytes) -> bool:
        return self._trust is not None and self._trust.trusts(path, data)


def _stamps(files: Files) -> Stamps:
    """Name, time and size of the files that are there."""
    found = []
    for _, path in files:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)
