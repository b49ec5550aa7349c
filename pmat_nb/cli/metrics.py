"""``pmat-nb metrics``: the machine's kernels for Prometheus, read anew at every scrape.

Figures are those of the kernels' own beacons, and what can be read of their processes now; a
kernel that has ended is gone at the next scrape. A figure that is not known has no sample.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from pmat_nb.engine.pressure import LEVELS
from pmat_nb.engine.records import TreeMemory
from pmat_nb.engine.stats_records import StatsRecord
from pmat_nb.errors import UnavailableError, UsageError
from pmat_nb.settings import Verb

from .codes import Code
from .finding import Running, loaded_kernels, memory_now
from .printing import show

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

__all__ = ["KernelCollector", "command"]

_PORT = 9095
_ADDRESS = "127.0.0.1"
_LABELS = ("kernel", "notebook")


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Serve the metrics until Ctrl-C, or print them once."""
    registry = _registry()
    if options["once"]:
        from prometheus_client import generate_latest

        show(generate_latest(registry).decode().rstrip("\n"))
        return Code.FINE
    port = _PORT if options["port"] is None else int(options["port"])
    address = options["address"] or _ADDRESS
    with _server(registry, address, port) as server:
        host = f"[{address}]" if ":" in address else address
        show(f"pmat-nb: metrics at http://{host}:{server.server_port}/metrics; Ctrl-C ends")
        _serve(server)
    return Code.FINE


def _serve(server: WSGIServer) -> None:
    """In a thread: in the main one a Ctrl-C in the middle of an answer would be passed over."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(1)
    except KeyboardInterrupt:
        server.shutdown()
        thread.join(5)


def _registry() -> CollectorRegistry:
    try:
        from prometheus_client import CollectorRegistry
    except ImportError:
        raise UnavailableError(
            "pmat-nb metrics needs prometheus_client; pip install 'pmat_nb[metrics]'"
        ) from None
    registry = CollectorRegistry()
    registry.register(KernelCollector())
    return registry


class _Quiet(WSGIRequestHandler):
    """Without a line per scrape."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _server(registry: CollectorRegistry, address: str, port: int) -> WSGIServer:
    from prometheus_client import make_wsgi_app

    try:
        return make_server(address, port, make_wsgi_app(registry), handler_class=_Quiet)
    except OSError as problem:
        raise UsageError(
            f"--port {port}: {address} cannot be listened at ({problem.strerror or problem}); "
            "--port 0 takes a free one"
        ) from None


# --- what is told -----------------------------------------------------------------------


class _Told(NamedTuple):
    """A gauge: its name, help, further labels, and its samples of one kernel."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


_GAUGES = (
    _Told("resident_memory_bytes", "Resident memory of the kernel process, read now."),
    _Told("tree_memory_bytes", "PSS of the kernel and its child processes, read now."),
    _Told("children_memory_bytes", "PSS of the kernel's child processes, read now."),
    _Told("limit_bytes", "The tightest limit that is enforced on the kernel."),
    _Told("pressure_ratio", "Memory pressure: 0 to 1, above 1 over the limit."),
    _Told("pressure_level", "1 for the level that the kernel is at, else 0.", ("level",)),
    _Told("busy", "1 while a cell runs."),
    _Told("sample_age_seconds", "Age of the kernel's own figures."),
    _Told("unattributed_memory_bytes", "Resident memory that belongs to nothing known."),
    _Told("allocator_free_memory_bytes", "What allocators hold resident but have free."),
    _Told("imports_memory_bytes", "Resident memory that imports took."),
    _Told("pool_used_bytes", "Resident bytes charged to a pool at its last sizing.", ("pool",)),
    _Told("pool_limit_bytes", "The most that a pool may hold.", ("pool",)),
    _Told("pool_capacity_bytes", "The budget in force of a managed pool.", ("pool",)),
)
_Sample = tuple[str, tuple[str, ...], float | None]


class KernelCollector:
    """Reads every kernel at each scrape; nothing is kept between two."""

    def collect(self) -> Iterator[Metric]:
        """One family per gauge, one series per kernel (and level, or pool)."""
        from prometheus_client.core import GaugeMetricFamily

        families = {
            told.name: GaugeMetricFamily(
                f"pmat_kernel_{told.name}", told.help, labels=(*_LABELS, *told.labels)
            )
            for told in _GAUGES
        }
        for kernel in loaded_kernels():
            own = (kernel.kernel_id, kernel.notebook or "")
            for name, labels, value in _samples(kernel):
                if value is not None:
                    families[name].add_metric((*own, *labels), value)
        yield from families.values()


def _samples(kernel: Running) -> Iterator[_Sample]:
    import time

    sign = kernel.sign
    if sign is None:
        return
    now = memory_now(kernel)
    yield from _now(now)
    sample, pressure = sign.record(), sign.pressure_now(now.tree_bytes if now else None)
    yield "limit_bytes", (), sample.limit.limit_bytes if sample.limit else None
    yield "pressure_ratio", (), pressure.fraction
    for level in LEVELS if pressure.level is not None else ():
        yield "pressure_level", (level,), float(level == pressure.level)
    yield "busy", (), float(sign.busy)
    yield "sample_age_seconds", (), max(0.0, time.time() - sign.at)
    if sign.detail is not None:
        yield from _parts(sign.detail)


def _now(now: TreeMemory | None) -> Iterable[_Sample]:
    yield "resident_memory_bytes", (), now.rss_bytes if now else None
    yield "tree_memory_bytes", (), now.tree_bytes if now else None
    yield "children_memory_bytes", (), now.children_bytes if now else None


def _parts(record: StatsRecord) -> Iterator[_Sample]:
    yield "unattributed_memory_bytes", (), record.unattributed_bytes
    yield "allocator_free_memory_bytes", (), record.slack_bytes
    yield "imports_memory_bytes", (), record.imports_bytes
    for pool in record.pools:
        # Before a first sizing nothing is known of what is in a pool.
        if record.sizing is not None:
            yield "pool_used_bytes", (pool.name,), pool.used_bytes
        yield "pool_limit_bytes", (pool.name,), pool.limit_bytes
        yield "pool_capacity_bytes", (pool.name,), pool.capacity_bytes
