"""Jupyter servers of the tests: JupyterLab and Notebook 7, each with a home of its own.

Nothing of the user's is read or written, no port is fixed, and nothing is fetched: news and
the list of extensions are off.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

from support.isolation import isolated
from support.processes import end_marked

__all__ = ["APPLICATIONS", "MARK", "JupyterServer", "environment"]

MARK = "PMAT_TEST_BROWSER"
# What is started, and the path of its pages that show a notebook.
APPLICATIONS = {"lab": ("jupyterlab", "lab/tree"), "notebook": ("notebook", "notebooks")}
_PAGE_CONFIG = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
_STARTS_WITHIN_S = 60


def environment(folder: Path, mark: str, **more: str) -> dict[str, str]:
    """The environment of a process that keeps to ``folder`` and can be found by its mark."""
    return isolated(folder) | {MARK: mark} | more


class JupyterServer:
    """One server process; ``notebooks`` is the folder it serves."""

    def __init__(self, application: str, folder: Path, **env: str) -> None:
        self.application = application
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self._mark = secrets.token_hex(8)
        self._token = secrets.token_hex(16)
        self._env = environment(folder, self._mark, **env)
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def __enter__(self) -> JupyterServer:
        self.notebooks.mkdir(parents=True)
        labconfig = self.folder / "home" / ".jupyter" / "labconfig"
        labconfig.mkdir(parents=True)
        (labconfig / "page_config.json").write_text(json.dumps(_PAGE_CONFIG))
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments()],
                env=self._env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._url = self._wait_for_url()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = self._end()
        assert not left, f"processes outlived their server: {left}"

    def page_of(self, name: str) -> str:
        """The address that shows the notebook ``name``, and no other that was open."""
        path = APPLICATIONS[self.application][1]
        return f"{self._url}{path}/{name}?reset&token={self._token}"

    @property
    def log(self) -> str:
        """What the server and its kernels wrote to standard output and error."""
        return (self.folder / "server.log").read_text(errors="replace")

    def kernels(self) -> list[dict[str, Any]]:
        """The running kernels."""
        with self._ask("api/kernels") as answer:
            listed: list[dict[str, Any]] = json.load(answer)
        return listed

    def end_kernels(self) -> None:
        """End every kernel; the next notebook has a fresh one."""
        for kernel in self.kernels():
            self._ask(f"api/kernels/{kernel['id']}", method="DELETE").close()

    def _ask(self, path: str, method: str = "GET") -> Any:
        header = {"Authorization": f"token {self._token}"}
        return urlopen(Request(self._url + path, headers=header, method=method), timeout=30)

    def _arguments(self) -> list[str]:
        module = APPLICATIONS[self.application][0]
        return [
            module,
            "--no-browser",
            "--allow-root",
            "--expose-app-in-browser",
            f"--IdentityProvider.token={self._token}",
            f"--ServerApp.root_dir={self.notebooks}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={_free_port()}",
            "--LabApp.extension_manager=readonly",
        ]

    def _wait_for_url(self) -> str:
        """The address the server came to: another may have taken the port it was given."""
        assert self._process is not None
        deadline = time.monotonic() + _STARTS_WITHIN_S
        told = self.folder / "runtime" / f"jpserver-{self._process.pid}.json"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                url: str = json.loads(told.read_text())["url"]
                with urlopen(f"{url}api", timeout=5):
                    return url
            except (OSError, ValueError):
                time.sleep(0.05)
        raise AssertionError(f"{self.application} did not start:\n{self.log[-3000:]}")

    def _end(self) -> list[str]:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return end_marked(MARK, self._mark)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
