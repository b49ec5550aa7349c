from __future__ import annotations

from collections.abc import Iterator

from pmat_nb.consumers.base import Consumer, Held, MeasuresWaste, Waste, Watched
from pmat_nb.consumers.strings import EqualStrings


class Failing:
    name = "failing"
    pool = "cache"
    calls = 0

    def held(self) -> Iterator[Held]:
        self.calls += 1
        yield Held("first", ([],))
        raise RuntimeError("no more")

    def waste(self, budget_s: float) -> Waste | None:
        raise OSError("gone")


def test_a_failing_consumer_is_reported_once_and_switched_off() -> None:
    told: list[str] = []
    consumer = Failing()
    watched = Watched(consumer, told.append)
    assert watched.held() == ()
    assert watched.held() == ()
    assert watched.waste(1) is None
    assert told == ["failing is not measured any more: RuntimeError: no more"]
    assert consumer.calls == 1


def test_a_failing_waste_switches_off_too() -> None:
    watched = Watched(Failing())
    assert watched.waste(1) is None
    assert watched.failure == "failing is not measured any more: OSError: gone"
    assert watched.held() == ()


def test_the_time_a_consumer_takes_is_measured() -> None:
    ticks = iter([1.0, 3.5])
    watched = Watched(EqualStrings(None), clock=lambda: next(ticks))
    assert watched.held() == ()
    assert watched.duration_s == 2.5


def test_the_contract_can_be_checked() -> None:
    assert isinstance(EqualStrings(None), Consumer)
    assert isinstance(EqualStrings(None), MeasuresWaste)
    assert not isinstance(object(), Consumer)


def test_held_entries_compare_by_identity_alone() -> None:
    class Angry:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        def __repr__(self) -> str:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    entry, other = Held("a", (Angry(),)), Held("a", (Angry(),))
    assert entry != other
    assert "Held" in repr(entry)


def test_waste_of_nothing_is_unknown() -> None:
    assert Waste(0, 0, False, True).fraction is None
    assert Waste(25, 100, False, True).fraction == 0.25
