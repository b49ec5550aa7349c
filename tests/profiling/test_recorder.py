"""Samples, the peak's moment and line, growth by line: with clock and memory in hand."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from pmat_nb.engine.leaks.sites import Sites
from pmat_nb.engine.profile.building import build_profile, site_uses
from pmat_nb.engine.profile.locating import Locator, Seen
from pmat_nb.engine.profile.recorder import Readers, Recorder
from pmat_nb.engine.profile.records import Spot
from pmat_nb.engine.profile.tracing import Traced, by_place
from pmat_nb.engine.records import CellRecord
from pmat_nb.render.profile import ProfileReport

MB = 1024**2
FILE = "/srv/project/work.py"
CELL = CellRecord(
    execution_count=3,
    label="In[3]",
    code_hash="0",
    first_line="x",
    started_at=0.0,
    duration_s=1.0,
    rss_before_bytes=100 * MB,
    rss_after_bytes=120 * MB,
    peak_bytes=400 * MB,
    peak_kind="exact",
)


@dataclass
class World:
    """A process whose memory, line and time a test sets."""

    now: float = 0.0
    rss: int = 100 * MB
    peak: int = 100 * MB
    traced: int = 0
    tracer: int = 0
    looks: list[int] = field(default_factory=list)
    peak_bytes: int = 0
    shared: bool = False

    def recorder(self, **options: Any) -> Recorder:
        fake: Any = SimpleNamespace(
            now=lambda: self.traced,
            tracer_bytes=lambda: self.tracer,
            look=self.look,
            start=lambda: None,
            stop=lambda: None,
        )
        recorder = Recorder(
            Readers(lambda: self.rss, lambda: self.peak),
            Locator(Sites(), 0),
            interval_s=0.01,
            traced=fake,
            on_error=lambda problem: None,
            clock=lambda: self.now,
            **options,
        )
        recorder.begin()
        return recorder

    def look(self) -> tuple[dict[Spot, tuple[int, int]], float]:
        self.looks.append(self.traced)
        return {Spot(FILE, 1): (self.traced, 1)}, 0.001

    def at(self, now: float, rss: int, traced: int, peak: int | None = None) -> None:
        self.now, self.rss, self.traced = now, rss * MB, traced * MB
        self.peak = max(self.peak, self.rss, (peak or 0) * MB)


def seen(line: int | None) -> Seen:
    return Seen(None, None) if line is None else Seen((FILE, line), (FILE, line))


def test_a_peak_between_two_samples_is_on_the_line_of_the_later() -> None:
    """A call that held the interpreter: memory has come and gone when its line is seen."""
    world = World()
    recorder = world.recorder()
    world.at(0.1, 110, 10)
    recorder.tick(seen(1))
    world.at(2.5, 110, 10, peak=900)
    recorder.tick(seen(2))
    world.at(2.6, 110, 10)
    recorder.tick(seen(3))
    assert recorder.peak is not None
    assert recorder.peak == (900 * MB, 0.1, 2.5, (FILE, 2))
    assert recorder.longest_gap_s == pytest.approx(2.4)


def test_a_peak_whose_blocks_were_there_and_have_gone_is_on_the_line_before() -> None:
    world = World()
    recorder = world.recorder()
    world.at(0.1, 270, 320)
    recorder.tick(seen(1))
    world.at(0.3, 240, 160, peak=400)
    recorder.tick(seen(2))
    assert recorder.peak == (400 * MB, 0.1, 0.3, (FILE, 1))


def test_growth_goes_to_the_line_that_runs_and_waiting_to_the_last() -> None:
    world = World()
    recorder = world.recorder()
    for now, rss, traced, line in (
        (0.1, 150, 40, 1),
        (0.2, 130, 20, 2),
        (0.3, 170, 60, 2),
        (0.4, 180, 60, None),
    ):
        world.at(now, rss, traced)
        recorder.tick(seen(line))
    one, two = recorder.growing[FILE, 1], recorder.growing[FILE, 2]
    assert (one.rss_bytes, one.traced_bytes) == (50 * MB, 40 * MB)
    assert (two.rss_bytes, two.traced_bytes) == (50 * MB, 40 * MB)
    assert two.duration_s == pytest.approx(0.3)


def test_sites_are_those_of_the_highest_look() -> None:
    world = World()
    recorder = world.recorder()
    for now, traced in ((1.0, 50), (2.0, 51), (3.0, 100), (4.0, 60)):
        world.at(now, 200, traced)
        recorder.tick(seen(1))
    assert world.looks == [50 * MB, 100 * MB] and recorder.sites_bytes == 100 * MB


def test_memory_that_was_given_back_is_not_taken_for_out_of_sight() -> None:
    """Allocators keep what is freed: resident stays where traced falls."""
    world = World()
    recorder = world.recorder()
    for now, rss, traced in ((1.0, 300, 200), (2.0, 300, 0)):
        world.at(now, rss, traced)
        recorder.tick(seen(1))
    assert recorder.outside_bytes == 0
    world.at(3.0, 450, 0)
    recorder.tick(seen(1))
    assert recorder.outside_bytes == 150 * MB


def test_what_the_tracer_holds_is_shown_apart() -> None:
    world = World(tracer=30 * MB)
    recorder = world.recorder()
    world.at(1.0, 230, 100)
    recorder.tick(seen(1))
    assert recorder.tracer_bytes == 30 * MB and recorder.outside_bytes == 0


def test_a_look_that_gets_no_memory_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def refused() -> Any:
        world.looks.append(0)
        raise MemoryError

    monkeypatch.setattr(world, "look", refused)
    recorder = world.recorder()
    for now in (1.0, 2.0):
        world.at(now, 300, int(100 * now))
        recorder.tick(seen(1))
    assert recorder.out_of_memory and len(world.looks) == 1


def test_the_record_tells_all_of_it() -> None:
    world = World()
    recorder = world.recorder()
    world.at(0.5, 400, 250)
    recorder.tick(seen(7))
    sites = Sites()
    record = build_profile(
        recorder,
        CELL,
        sites,
        site_uses({Spot(FILE, 7): (250 * MB, 2)}, {Spot(FILE, 7): (20 * MB, 1)}, sites, {}),
        engine="tracemalloc",
        traced_peak_bytes=251 * MB,
        sites_bytes=250 * MB,
        kept_bytes=20 * MB,
    )
    assert record.peak_line == "work.py:7" and record.peak_to_s == 0.5
    assert record.points[0].line == "work.py:7"
    assert [(s.peak_bytes, s.kept_bytes, s.temporary_bytes) for s in record.sites] == [
        (250 * MB, 20 * MB, 230 * MB)
    ]
    assert record.lines[0].rss_growth_bytes == 300 * MB


def test_a_librarys_line_becomes_that_of_its_one_caller() -> None:
    library = tracemalloc.__file__
    body = (library, 10, 40)
    held = {Spot(library, 20): (1000, 1)}
    one = site_uses(held, {}, Sites(), {body: {(FILE, 4): 9, (FILE, 5): 1}})
    assert one[0].site == "work.py:4" and one[0].within == "tracemalloc.py:20"
    assert one[0].estimated_bytes == 1000
    two = site_uses(held, {}, Sites(), {body: {(FILE, 4): 5, (FILE, 5): 5}})
    assert two[0].site == "tracemalloc.py:20" and two[0].estimated_bytes == 0
    assert two[0].called_from == "work.py:4, work.py:5" and two[0].within == ""
    none = site_uses({Spot(library, 99): (MB, 1)}, {}, Sites(), {body: {(FILE, 4): 9}})
    assert none[0].site == "tracemalloc.py:99" and none[0].called_from == ""


def test_few_sightings_give_a_librarys_line_to_nobody() -> None:
    library = tracemalloc.__file__
    held = {Spot(library, 20): (1000, 1)}
    few = site_uses(held, {}, Sites(), {(library, 10, 40): {(FILE, 4): 4}})
    assert few[0].site == "tracemalloc.py:20" and few[0].called_from == "work.py:4"


def test_a_traceback_that_reaches_the_users_line_is_exact() -> None:
    library, here = "/usr/lib/python3/dist-packages/numpy/numeric.py", __file__
    sites = Sites(is_user=lambda filename: filename == here)
    deep = tuple((library, line) for line in (1, 2, 3))
    found = by_place(
        {((library, 9), (here, 4)): (70, 1), ((here, 4),): (30, 1), deep: (5, 1)}, sites, 3
    )
    assert found == {
        Spot(here, 4, (library, 9)): (70, 1), Spot(here, 4): (30, 1), Spot(library, 1): (5, 1)
    }  # fmt: skip
    row = site_uses(found, {}, sites, {(library, 1, 20): {(here, 7): 9}})[0]
    assert (row.lineno, row.peak_bytes, row.estimated_bytes) == (4, 100, 0)
    assert row.within == "numeric.py:9"


def test_pythons_own_line_below_the_kernels_work_is_the_kernels() -> None:
    kernels = "/x/site-packages/IPython/core/interactiveshell.py"
    frames = ((tracemalloc.__file__, 3), (tracemalloc.__file__, 5), (kernels, 8))
    found = by_place({frames: (70, 1)}, Sites(), 3)
    assert found == {Spot(kernels, 8): (70, 1)}
    assert site_uses({Spot(kernels, 8): (MB, 1)}, {}, Sites(), {}) == ()


def test_a_little_of_a_library_that_nobody_called_is_the_kernels() -> None:
    place = Spot(tracemalloc.__file__, 3)
    assert site_uses({place: (9_000, 1)}, {}, Sites(), {}) == ()
    assert site_uses({place: (90_000, 1)}, {}, Sites(), {})[0].peak_bytes == 90_000


def test_callers_are_all_readable_below_the_rows() -> None:
    held = {Spot(tracemalloc.__file__, 20): (MB, 1)}
    lines = {(FILE, line): 5 for line in range(100, 115)}
    uses = site_uses(held, {}, Sites(), {(tracemalloc.__file__, 10, 40): lines})
    recorder = World().recorder()
    record = build_profile(
        recorder, CELL, Sites(), uses,
        engine="tracemalloc", traced_peak_bytes=MB, sites_bytes=MB, kept_bytes=0,
    )  # fmt: skip
    shown = ProfileReport(record).text(width=80)
    assert "tracemalloc.py:20 called from work.py:100, work.py:101," in shown
    assert "work.py:111, and 3 more" in " ".join(shown.split())


@pytest.fixture
def real() -> Iterator[Callable[..., Recorder]]:
    """A recorder of this process; what it started is stopped."""
    made: list[Recorder] = []
    problems: list[BaseException] = []

    def make(**options: Any) -> Recorder:
        sites = Sites(is_user=lambda filename: filename == __file__)
        recorder = Recorder(
            Readers(lambda: 1, lambda: 1),
            Locator(sites, threading.get_ident()),
            interval_s=0.001,
            traced=Traced(sites),
            on_error=problems.append,
            **options,
        )
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.stop()
        assert recorder.traced is not None
        recorder.traced.stop()
    assert not problems


def test_a_real_run_is_seen_with_its_line_and_its_temporaries(
    real: Callable[..., Recorder],
) -> None:
    recorder = real()
    recorder.start()
    held = [bytes(1000) for _ in range(20_000)]
    mark = threading.Event()
    mark.wait(0.3)
    del held
    recorder.stop()
    assert recorder.traced is not None and tracemalloc.is_tracing()
    sizes = {place[1]: size for place, (size, _) in recorder.sites.items() if place[0] == __file__}
    assert max(sizes.values()) > 15 * 1000 * 1000
    assert recorder.traced.peak_bytes >= (recorder.sites_bytes or 0) > 15 * 1000 * 1000
    kept, _ = recorder.traced.look()
    assert kept is not None and sum(size for size, _ in kept.values()) < 5 * 1000 * 1000
    recorder.traced.stop()
    assert not tracemalloc.is_tracing()
    assert not [t for t in threading.enumerate() if t.name == "pmat_nb profile"]


def test_what_is_allocated_during_a_look_counts_to_the_peak() -> None:
    traced = Traced(Sites(), aside=allocates)
    traced.start()
    try:
        traced.look()
        traced.now()
        assert 30 * MB <= traced.peak_bytes < 32 * MB
    finally:
        traced.stop()


@contextmanager
def allocates(own_bytes: int) -> Iterator[None]:
    assert 0 < own_bytes < MB
    temporary = bytearray(30 * MB)
    del temporary
    yield


def test_tracing_of_the_users_stays_on_with_its_peak(real: Callable[..., Recorder]) -> None:
    tracemalloc.start(3)
    try:
        before = bytearray(10 * MB)
        del before
        recorder = real()
        recorder.start()
        inside = bytearray(5 * MB)
        threading.Event().wait(0.1)
        recorder.stop()
        assert recorder.traced is not None and recorder.traced.shared
        assert 5 * MB <= recorder.traced.peak_bytes < 8 * MB
        recorder.traced.stop()
        assert tracemalloc.is_tracing() and tracemalloc.get_traceback_limit() == 3
        assert tracemalloc.get_traced_memory()[1] >= 10 * MB and inside
    finally:
        tracemalloc.stop()


def test_no_object_of_the_run_is_kept_by_a_sample(real: Callable[..., Recorder]) -> None:
    import weakref

    class Held:
        pass

    def inner() -> weakref.ref[Held]:
        one = Held()
        threading.Event().wait(0.05)
        return weakref.ref(one)

    recorder = real()
    recorder.start()
    gone = inner()
    recorder.stop()
    assert gone() is None


def test_between_the_last_look_and_the_peak_lines_are_estimated() -> None:
    world = World(tracer=0)
    recorder = world.recorder()
    world.at(1.0, 200, 50)
    recorder.tick(seen(1))
    world.tracer = 10_000 * MB  # a look would cost a minute
    for now, traced, line in ((2.0, 150, 2), (3.0, 140, 2), (4.0, 180, 3), (5.0, 20, 4)):
        world.at(now, 300, traced)
        recorder.tick(seen(line))
    assert world.looks == [50 * MB]
    assert recorder.since_look == {(FILE, 2): 90 * MB, (FILE, 3): 40 * MB}
