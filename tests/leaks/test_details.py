"""Beside a row's columns: who called the line that leaks, and how its growth went on."""

from __future__ import annotations

from collections import deque

registry = []


def load(number):
    registry.append([str(i) + str(number) for i in range(200)])


def detail_of(record, source):
    assert len(record.details) == len(record.rows)
    return next(
        detail
        for row, detail in zip(record.rows, record.details, strict=True)
        if source in row.source
    )


def test_a_leak_tells_who_called_the_users_line(tracker):
    def step():
        load(len(registry))

    detail = detail_of(tracker(repeat=60).run(step), "registry.append")
    assert [frame.function for frame in detail.traceback] == ["load", "step"]
    assert all(frame.is_user for frame in detail.traceback)
    assert detail.traceback[0].site.startswith("test_details.py:")
    assert detail.growth == "constant"


def test_frames_of_libraries_come_before_the_users_line(tracker):
    import json

    text, kept = json.dumps([{"a": i * 1000, "b": str(i)} for i in range(60)]), []

    def step():
        found = json.loads(text)
        kept.append(found)

    detail = detail_of(tracker(repeat=60).run(step), "json.loads")
    users = [frame.is_user for frame in detail.traceback]
    assert users[-1] and not users[0] and len(users) <= 20
    assert detail.traceback[-1].function == "step"


def test_deep_recursion_is_bounded(tracker):
    def deep(left):
        if left:
            return deep(left - 1)
        return load(left)

    record = tracker(repeat=60).run(lambda: deep(100))
    assert len(detail_of(record, "registry.append").traceback) <= 20


def test_what_filled_up_says_when(tracker):
    ring = deque(maxlen=10)

    def step():
        ring.append([i * 1000 for i in range(300)])

    detail = detail_of(tracker(repeat=40).run(step), "ring.append")
    assert detail.settled_at is not None and 8 <= detail.settled_at <= 16
