"""Answers a session's questions: measure, compose a record, wrap it in its report."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.adapters import default_adapters
from pmat_nb.consumers.base import Watched
from pmat_nb.consumers.registry import default_consumers
from pmat_nb.consumers.usage import UsageLog
from pmat_nb.engine.stats_records import (
    POOL_NAMES,
    PoolRecord,
    SizingSummary,
    StatsRecord,
    VariableSize,
)

from .attribution import Attribution, attribute
from .estimates import Estimates
from .ledger import Ledger
from .selection import NAMED

if TYPE_CHECKING:
    from pmat_nb.render.history import HistoryReport
    from pmat_nb.render.limit import LimitReport
    from pmat_nb.render.log import LogReport
    from pmat_nb.render.stats import Stats
    from pmat_nb.render.status import Status
    from pmat_nb.render.variables import Variables
    from pmat_nb.render.why import Why

    from .session import Session
    from .watch import Watch

__all__ = ["Reporter"]

_WHY_BUDGET_S = 3.0
# One object was asked for: it may take longer than what a table of all takes.
_WHY_SIZING_S = 2.0


class Reporter:
    """Made at a session's first question; keeps the last sizing and the ledger."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._owner = session.namespace_owner
        self._sources = tuple(
            Watched(consumer, session.say) for consumer in default_consumers(self._owner)
        )
        self.adapters = default_adapters()
        self._ledger = Ledger(time.monotonic)
        self._usage = UsageLog()
        self._estimates = Estimates()
        self._attribution: Attribution | None = None
        self._sized_at = 0.0
        # time.time() of the last sizing, None before the first.
        self.sized_at: float | None = None
        self._watch: Watch | None = None

    @property
    def sources(self) -> tuple[Watched, ...]:
        """Every consumer, watched: none of them raises."""
        pools = self._session.part_if_made("pools")
        return self._sources if pools is None else (*self._sources, *pools.sources())

    def close(self) -> None:
        """Stop what runs on its own."""
        if self._watch is not None:
            self._watch.stop()

    # --- reports ------------------------------------------------------------------

    def stats(self, *, detailed: bool = False, check_leaks: bool = False) -> Stats:
        """A fresh sizing within the budget, as a report; on wish with suspects and leaks."""
        from pmat_nb.render.stats import Stats

        from .hints import cleanup_hints

        self.size(self._budget_s())
        record = self.record()
        return Stats(
            record,
            detailed=detailed,
            hints=cleanup_hints(record, collected_at=self._collected_at()),
            leaks=self._session.suspects.report() if check_leaks else None,
        )

    def status(self) -> Status:
        """The five lines, with the commands that the figures suggest."""
        from pmat_nb.render.status import Status

        from .hints import next_commands
        from .protection.sayings import protection_words

        self.size(self._budget_s())
        record = self.record()
        hints = next_commands(record, collected_at=self._collected_at())
        return Status(record, protection=protection_words(self._session), hints=hints)

    def _collected_at(self) -> float | None:
        """When a cleanup last collected garbage."""
        cleaner = self._session.part_if_made("cleaner")
        return None if cleaner is None else cleaner.cleaned_at

    def limit_report(self) -> LimitReport:
        """The limits in force, and what happens at them."""
        from pmat_nb.render.limit import LimitReport

        from .protection.sayings import protection_words

        return LimitReport(self.record(), protection=protection_words(self._session))

    def variables(self, *, exact: bool = False, top: int | None = None) -> Variables:
        """Every variable, sized within the budget or (``exact``) to the end."""
        from pmat_nb.render.variables import Variables

        budget_s = None if exact else self._budget_s()
        found = self.size(budget_s, most=max(NAMED, top or 0))
        return Variables(
            found.variables,
            more=found.more,
            rss_bytes=self._session.probe.rss_bytes(),
            sizing=self._sizing_summary(),
            top=top,
        )

    def why(self, name: str) -> Why:
        """The holders of the object called ``name``."""
        from pmat_nb.consumers.why import why
        from pmat_nb.render.why import Why

        from .hints import ways_to_free

        size = self._size_of(name)
        kept = (size.retained_bytes + size.shared_bytes) or None if size else None
        found = why(self._owner, name, budget_s=_WHY_BUDGET_S, size_of=lambda _: kept)
        holders = [holder for holder in found if holder.kind != "incomplete"]
        return Why(
            name,
            holders,
            size=size,
            complete=len(holders) == len(found),
            hints=ways_to_free(name, size, holders, complete=len(holders) == len(found)),
        )

    def history(self, *, view: str, forecast: bool) -> HistoryReport:
        """The cells, sessions or deaths of all sessions of this notebook."""
        from .past import history_report

        limit = self.record().limit
        return history_report(
            self._session,
            view=view,
            forecast=forecast,
            limit_bytes=limit.limit_bytes if limit else None,
        )

    def analyze_log(self, path: str) -> LogReport:
        """The summary of a log file."""
        from pmat_nb.engine.log_analysis import analyze_log
        from pmat_nb.render.log import LogReport

        return LogReport(analyze_log(path))

    def watch(self, period: float | str, *, format: str | None, output: str | None) -> Any:
        """Start, replace or stop (``off``) the live display."""
        from .watch import start_watch

        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        if period == "off":
            return None
        self._watch = start_watch(self._session, self, float(period), format, output)
        return None

    # --- measuring ----------------------------------------------------------------

    def largest(self, number: int) -> tuple[VariableSize, ...]:
        """The largest variables as last sized."""
        return self._variables()[:number]

    def known_sizes(self) -> dict[str, int]:
        """What each variable retained at the last sizing; empty before the first."""
        return {row.name: row.retained_bytes for row in self._variables()}

    def size(
        self, budget_s: float | None, *, most: int = NAMED, wanted: tuple[str, ...] = ()
    ) -> Attribution:
        """Size everything that has a name, and enter it into the ledger.

        Within a budget, ``most`` variables by themselves and those ``wanted``.
        """
        from .rows import kept

        self._note_usage()
        found = attribute(
            self._owner,
            self.sources,
            self._session.probe,
            adapters=self.adapters,
            boundaries=self.boundaries(),
            budget_s=budget_s,
            usage=lambda name: (self._usage.bound_in(name), self._usage.cells_since_use(name)),
            most=most,
            wanted=wanted,
            estimates=self._estimates,
        )
        self._attribution, self._sized_at = kept(found), time.monotonic()
        self.sized_at = time.time()
        self._ledger.update_all(found.pools)
        return found

    def user_bytes(self) -> int:
        """Resident bytes of the user's objects now."""
        return self.size(self._budget_s()).pools["analysis"].used_bytes

    def pools(self) -> tuple[PoolRecord, ...]:
        """The pools' ledgers as last sized; what is managed of them as it is now."""
        pools = self._session.pools
        return pools.complete(self._ledger.records((*POOL_NAMES, *pools.created)))

    def record(self) -> StatsRecord:
        """Where the memory is now, by the last sizing (its age is in the record)."""
        from .composing import compose

        return compose(
            self._session,
            self.pools(),
            self._attribution,
            sizing=self._sizing_summary(),
            budget_s=self._budget_s(),
        )

    # --- parts --------------------------------------------------------------------

    def boundaries(self) -> set[int]:
        """Ids of what no sizing enters: the shell, and ourselves."""
        owner, session = self._owner, self._session
        shell_parts = (
            owner,
            getattr(owner, "__dict__", None),
            owner.user_ns,
            owner.user_ns_hidden,
            getattr(owner, "history_manager", None),
            session,
            session.__dict__,
            self,
            self.__dict__,
            sys.modules,
        )
        own = {id(part) for part in shell_parts if part is not None}
        pools = session.part_if_made("pools")
        return own if pools is None else own | pools.boundaries()

    def _budget_s(self) -> float:
        budget = self._session.settings.get("sizing_budget")
        return float(budget) if isinstance(budget, (int, float)) else 0.25

    def _note_usage(self) -> None:
        sources = self._session.cell_sources
        while sources:
            self._usage.record(*sources.pop(0))

    def _variables(self) -> tuple[VariableSize, ...]:
        return self._attribution.variables if self._attribution else ()

    def _size_of(self, name: str) -> VariableSize | None:
        found = self._row_of(name, self._budget_s())
        if found is not None and not found.complete:
            found = self._row_of(name, max(_WHY_SIZING_S, self._budget_s()))
        if found is not None or self._attribution is None:
            return found
        from .rows import row_of_item

        return row_of_item(self._attribution, name)

    def _row_of(self, name: str, budget_s: float) -> VariableSize | None:
        rows = self.size(budget_s, wanted=(name,)).variables
        by_name = {row.name: row for row in rows}
        aliases = (row for row in rows if name in row.also_held_by.split(", "))
        return by_name.get(name) or next(aliases, None)

    def _sizing_summary(self) -> SizingSummary | None:
        if (found := self._attribution) is None:
            return None
        from .rows import summary_of

        return summary_of(found, age_s=time.monotonic() - self._sized_at)
