import pytest

from pmat_nb.engine.cells import CellMeter, first_line_of

MB = 1024**2


class FakeMemory:
    """A process whose memory the test moves; the high-water mark follows."""

    def __init__(self, *, resettable=True):
        self.rss = 100 * MB
        self.mark = 100 * MB
        self.resettable = resettable

    def to(self, mb):
        self.rss = mb * MB
        self.mark = max(self.mark, self.rss)

    def rss_bytes(self):
        return self.rss

    def reset_peak(self):
        if self.resettable:
            self.mark = self.rss
        return self.resettable

    def peak_rss_bytes(self):
        return self.mark


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def meter(memory, clock=None, **kwargs):
    records = []
    made = CellMeter(
        memory, lambda record, source: records.append(record), clock=clock or Clock(), **kwargs
    )
    return made, records


def test_a_cell_has_growth_peak_and_duration():
    memory, clock = FakeMemory(), Clock()
    cells, records = meter(memory, clock)
    cell = cells.begin("# why\nx = 1\ny = 2")
    memory.to(900)
    memory.to(150)
    clock.now = 2.5
    assert cells.end(cell, 7) is records[0]
    record = records[0]
    assert (record.label, record.first_line, record.duration_s) == ("In[7]", "x = 1", 2.5)
    assert record.growth_bytes == 50 * MB
    assert (record.peak_bytes, record.peak_kind) == (900 * MB, "exact")
    assert not cells.busy


def test_an_earlier_peak_is_not_this_cells():
    memory = FakeMemory()
    memory.to(5000)
    memory.to(100)
    cells, records = meter(memory)
    cells.end(cells.begin("x"))
    assert records[0].peak_bytes == 100 * MB


def test_an_inner_cell_leaves_the_outer_peak_alone():
    memory = FakeMemory()
    cells, records = meter(memory)
    outer = cells.begin("outer", depth=10)
    memory.to(800)
    memory.to(200)
    inner = cells.begin("inner", depth=20)
    memory.to(300)
    cells.end(inner)
    cells.end(outer)
    assert [record.peak_bytes for record in records] == [300 * MB, 800 * MB]
    assert records[1].nested == 1


def test_an_inner_peak_counts_for_the_outer_cell():
    memory = FakeMemory()
    cells, records = meter(memory)
    outer = cells.begin("outer", depth=10)
    inner = cells.begin("inner", depth=20)
    memory.to(700)
    memory.to(120)
    cells.end(inner)
    cells.end(outer)
    assert [record.peak_bytes for record in records] == [700 * MB, 700 * MB]


@pytest.mark.parametrize(
    ("meanwhile", "own", "peak"),
    [
        (160, 40, 120),  # no more than ours may have been
        (400, 10, 400),  # the cell's: ours is little beside it
        (400, 40, 360),  # the cell's, and ours may be in it
        (120, 40, 120),
    ],
)
def test_what_a_cell_takes_while_we_work_is_its_peak_and_ours_is_not(meanwhile, own, peak):
    memory = FakeMemory()
    cells, records = meter(memory)
    cell = cells.begin("x")
    memory.to(120)
    with cells.aside(own * MB):
        memory.to(meanwhile)
        memory.to(110)
    memory.to(100)
    cells.end(cell, 1)
    assert (records[0].peak_bytes, records[0].peak_kind) == (peak * MB, "exact")


def test_where_the_reset_is_refused_the_peak_is_sampled():
    memory = FakeMemory(resettable=False)
    memory.to(3000)
    memory.to(100)
    cells, records = meter(memory)
    cell = cells.begin("x")
    cells.sample(400 * MB)
    cells.end(cell)
    assert (records[0].peak_bytes, records[0].peak_kind) == (400 * MB, "sampled")


def test_exact_peak_off_never_resets_the_mark():
    memory = FakeMemory()
    memory.to(3000)
    memory.to(100)
    cells, records = meter(memory, exact_peak=lambda: False)
    cells.end(cells.begin("x"))
    assert memory.mark == 3000 * MB
    assert records[0].peak_kind == "sampled"


def test_a_cell_that_lost_its_end_is_closed_by_the_next():
    memory = FakeMemory()
    cells, records = meter(memory)
    lost = cells.begin("events.reset()", depth=10)
    cells.end(cells.begin("x", depth=10), 2)
    assert [record.label for record in records] == ["In[-]", "In[2]"]
    assert records[0].rss_after_bytes is None
    assert records[0].growth_bytes is None
    assert cells.end(lost) is None


def test_the_first_line_is_the_first_that_says_something():
    assert first_line_of("\n# note\n  df = load()\nx") == "df = load()"
    assert first_line_of("# only a note") == "# only a note"
    assert first_line_of("") == ""
    assert first_line_of("%%pmat_limit 2GB\n\n# grow\nx = grow()") == "x = grow()"
    assert first_line_of("%%pmat_limit 2GB") == "%%pmat_limit 2GB"
    assert first_line_of("%%time\nx = 1") == "%%time"
    assert len(first_line_of("x" * 5000)) == 120
