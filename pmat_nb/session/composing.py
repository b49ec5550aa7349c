"""One record of where a kernel's memory is, put together from all that measures it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pmat_nb.consumers.devices import device_bytes, device_memory
from pmat_nb.engine.limits import limit_in_force
from pmat_nb.engine.pressure import Readings
from pmat_nb.engine.stats_records import PoolRecord, SizingSummary, StatsRecord

from .bounds import all_limits
from .estimates import within
from .identity import split

if TYPE_CHECKING:
    from .attribution import Attribution
    from .session import Session

__all__ = ["compose"]


def compose(
    session: Session,
    pools: tuple[PoolRecord, ...],
    found: Attribution | None,
    *,
    sizing: SizingSummary | None,
    budget_s: float,
) -> StatsRecord:
    """The system as it is now, and variables and pools as ``found`` by the last sizing."""
    probe = session.probe
    tree, room = session.tree(), session.room()
    rss = tree.rss_bytes if tree is not None else None
    limits = all_limits(session, room)
    limit = limit_in_force(limits)
    parts = split(
        session.at_load,
        rss_bytes=rss,
        file_bytes=probe.mapped_file_bytes(),
        slack_bytes=probe.slack_bytes(budget_s),
        imported_bytes=session.imports.total_bytes,
        pools_bytes=[pool.used_bytes for pool in pools],
        pools_file_bytes=found.file_bytes if found else 0,
    )
    devices = device_memory()
    host = probe.host()
    return StatsRecord(
        timestamp=time.time(),
        rss_bytes=rss,
        tree_bytes=tree.tree_bytes if tree else None,
        children_bytes=tree.children_bytes if tree else None,
        baseline_bytes=parts.baseline_bytes,
        imports_bytes=parts.imports_bytes,
        slack_bytes=parts.slack_bytes,
        unattributed_bytes=parts.unattributed_bytes,
        not_resident_bytes=found.not_resident_bytes if found else None,
        device_bytes=device_bytes(devices),
        limit=limit,
        usable_bytes=room.usable_bytes if room else None,
        host=host,
        others_bytes=room.others_bytes if room else None,
        pressure=session.pressure.measure(
            Readings(
                tree_bytes=tree.tree_bytes if tree else None,
                limit_bytes=limit.limit_bytes if limit else None,
                containers=probe.cgroup_levels(),
                host=host,
                psi=probe.psi_some_avg10(),
            )
        ),
        pools=tuple(within(pools, parts.unattributed_bytes)),
        variables=found.variables if found else (),
        gc=session.collector.state(),
        cell=session.last_cell,
        sizing=sizing,
        devices=devices,
        allocators=probe.allocators(),
        children=tree.children if tree else (),
        limits=limits,
        notes=_notes(session, found),
        more_variables=found.more if found else (),
    )


def _notes(session: Session, found: Attribution | None) -> tuple[str, ...]:
    missing = session.probe.unavailable
    figures = tuple(f"{figure}: {reason}" for figure, reason in missing.items())
    return (*figures, *(found.notes if found else ()))
