"""What Prometheus scrapes: its own parser reads it, and dead kernels are gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.kernel import Kernel

from .conftest import beacons, call, load, wait_for

MIB = 1024**2


def series(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


@pytest.fixture
def served(fresh_kernel: Kernel) -> Iterator[tuple[Kernel, str]]:
    load(fresh_kernel)
    process = subprocess.Popen(
        [sys.executable, "-m", "pmat_nb", "metrics", "--port", "0"],
        env=fresh_kernel._environment({}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://127.0.0.1:" in line
    yield fresh_kernel, line.split()[3].rstrip(";")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stdout.close()


def scrape(url: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return series(answer.read().decode())


def test_a_series_per_kernel_and_pool(served: tuple[Kernel, str]) -> None:
    kernel, url = served
    kernel.run("import numpy as np; big = np.ones(8 * 1024**2)")
    assert call(kernel, "stats").code == 0
    wait_for(lambda: b'"sizing":{' in beacons(kernel)[0].read_bytes())
    found = scrape(url)
    ((labels, rss),) = found["pmat_kernel_resident_memory_bytes"]
    assert set(labels) == {"kernel", "notebook"} and rss > 64 * MIB
    pools = {labels["pool"]: value for labels, value in found["pmat_kernel_pool_used_bytes"]}
    assert set(pools) == {"analysis", "cache", "temp", "string", "ast"}
    assert pools["analysis"] >= 64 * MIB
    levels = {labels["level"]: value for labels, value in found["pmat_kernel_pressure_level"]}
    assert levels == {"LOW": 1, "MEDIUM": 0, "HIGH": 0, "CRITICAL": 0}
    for name, rows in found.items():
        told = [tuple(sorted(labels.items())) for labels, _ in rows]
        assert len(told) == len(set(told)), name


def test_a_dead_kernel_vanishes(served: tuple[Kernel, str]) -> None:
    kernel, url = served
    assert scrape(url)["pmat_kernel_resident_memory_bytes"]
    kernel.kill(signal.SIGKILL)
    wait_for(lambda: not kernel.is_alive())
    assert not any(scrape(url).values())


def test_what_is_not_known_has_no_sample(fresh_kernel: Kernel) -> None:
    load(fresh_kernel)
    found = series(call(fresh_kernel, "metrics", "--once").out)
    assert found["pmat_kernel_resident_memory_bytes"]
    assert not found["pmat_kernel_pool_used_bytes"]


def test_a_hostile_notebook_name_stays_one_label(new_kernel: Kernel) -> None:
    name = 'we"ird\\ \x1b[2J\n{x}.ipynb'
    new_kernel.start(env={"JPY_SESSION_NAME": f"/srv/notebooks/{name}"})
    load(new_kernel)
    said = call(new_kernel, "metrics", "--once")
    assert "\x1b" not in said.out
    ((labels, _),) = series(said.out)["pmat_kernel_resident_memory_bytes"]
    assert labels["notebook"].startswith('we"ird\\ ') and "{x}" in labels["notebook"]
    for words in (("stats", "--all"), ("stats",), ("health",), ("history",)):
        shown = call(new_kernel, *words).out
        assert "\x1b" not in shown and all(line.isprintable() for line in shown.splitlines())


def test_a_port_that_is_taken_is_said(served: tuple[Kernel, str]) -> None:
    kernel, url = served
    port = url.split(":")[2].partition("/")[0]
    said = call(kernel, "metrics", "--port", port)
    assert said.code == 2 and "--port 0" in said.err
