"""A pool is compacted between cells once its waste is above the share that was set."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest
from support.kernel import Kernel

from pmat_nb.consumers.base import Waste
from pmat_nb.session.defragmenting import Defragmenter


class Session:
    """What the part needs of a session, with a clock and a waste that tests set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.unused = {"ast": 50, "temp": 5}
        self.wished: dict[str, object] = {"ast_defrag": 0.2, "temp_defrag": 0.2}
        self.cleaned: list[tuple[float, str]] = []
        self.posted = 0
        self.helps = True
        self.settings = SimpleNamespace(get=lambda key: self.wished.get(key, "off"))
        self.between_cells = SimpleNamespace(post=self._post)
        self.cleaner = SimpleNamespace(clean=self._clean)
        sources = [SimpleNamespace(pool=pool, waste=self._waste(pool)) for pool in self.unused]
        self.reporter = lambda: SimpleNamespace(sources=sources)
        self.part = Defragmenter(self, clock=lambda: self.now)  # type: ignore[arg-type]

    def _waste(self, pool: str):
        return lambda budget_s: Waste(self.unused[pool], 100, False, True)

    def _post(self, name: str, task) -> None:
        self.posted += 1
        task()

    def _clean(self, target: str, *, compact: bool) -> None:
        self.cleaned.append((self.now, target))
        if self.helps:
            self.unused[target.partition(":")[0]] = 0

    def run_until(self, end: float) -> None:
        while self.now < end:
            self.part.tick()
            self.now += 1.0


def test_only_what_is_above_its_share_is_compacted_and_once():
    session = Session()
    session.run_until(60)
    assert session.cleaned == [(0.0, "ast")]
    session.unused["temp"] = 30
    session.run_until(75)
    assert [target for _, target in session.cleaned] == ["ast", "temp:scratch"]


def test_what_does_not_help_is_tried_ever_more_seldom():
    session = Session()
    session.helps = False
    session.run_until(2000)
    times = [at for at, target in session.cleaned]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 5 <= len(times) <= 12 and gaps == sorted(gaps)


def test_nothing_is_looked_at_where_it_is_off():
    session = Session()
    session.wished = {}
    session.run_until(100)
    assert session.posted == 0


@pytest.mark.timeout(120)
def test_equal_strings_are_shared_between_cells(fresh_kernel: Kernel) -> None:
    kernel = fresh_kernel
    kernel.run("%load_ext pmat_nb\n%pmat_configure --string-defrag 10% --sample-interval 0.2")
    kernel.run("names = [f'name {i % 5} of many' for i in range(50_000)]")
    deadline = time.monotonic() + 60
    while kernel.value("len(set(map(id, names)))") != 5 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert kernel.value("[len(set(map(id, names))), names[7]]") == [5, "name 2 of many"]
