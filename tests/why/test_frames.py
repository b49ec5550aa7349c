from __future__ import annotations

import gc
import sys
import weakref
from types import FrameType
from typing import Any

import pytest

from pmat_nb.consumers.roots import _running_locals
from pmat_nb.engine.frames import (
    chained_exceptions,
    local_objects,
    local_variables,
    module_of,
    traceback_frames,
)


class Big:
    pass


def failing(size: int) -> None:
    big = Big()
    cell = [size]

    def inner() -> list[int]:
        return cell

    if size < 0:
        unbound = size
        print(unbound)
    raise ValueError(inner, big)


def failed_frame() -> FrameType:
    try:
        failing(3)
    except ValueError as error:
        frames = [frame for frame, _ in traceback_frames(error.__traceback__)]
        return frames[-1]
    raise AssertionError


def test_names_of_what_is_bound_closures_included() -> None:
    found = local_variables(failed_frame())
    assert set(found) == {"size", "big", "cell", "inner"}
    assert found["cell"] == [3]


def test_objects_without_names_and_nothing_of_the_module() -> None:
    frame = failed_frame()
    kinds = {type(found) for found in local_objects(frame)}
    assert Big in kinds
    assert not any(
        found is frame.f_globals or found is frame.f_code for found in local_objects(frame)
    )


@pytest.mark.parametrize("look", [local_variables, local_objects])
def test_looking_keeps_nothing_alive(look: Any) -> None:
    frame = failed_frame()
    reference = weakref.ref(next(o for o in local_objects(frame) if type(o) is Big))
    for _ in range(3):
        look(frame)
    frame.clear()
    gc.collect()
    assert reference() is None


def test_a_dictionary_that_the_function_asked_for_is_left_alone() -> None:
    def keeps() -> dict[str, Any]:
        x = [1]
        table = locals()
        yields.append(sys._getframe())
        return {"table": table, "x": x}

    yields: list[FrameType] = []
    table = keeps()["table"]
    assert local_variables(yields[0]).get("x", [1]) == [1]
    assert table["x"] == [1]


def test_a_suspended_generator_goes_on_with_its_locals() -> None:
    def numbers() -> Any:
        kept = [1, 2]
        yield 0
        yield kept

    suspended = numbers()
    next(suspended)
    assert local_variables(suspended.gi_frame) == {"kept": [1, 2]}
    assert next(suspended) == [1, 2]


def test_a_modules_frame_has_no_locals_of_its_own() -> None:
    namespace: dict[str, Any] = {"__name__": "made_up"}
    exec("import sys\nvalue = [1]\nframe = sys._getframe()", namespace)
    assert local_variables(namespace["frame"]) == {}
    assert local_objects(namespace["frame"]) == ()
    assert module_of(namespace["frame"]) == "made_up"
    namespace.clear()


def test_exceptions_are_followed_to_causes_contexts_and_groups_once() -> None:
    first, second, third = ValueError(1), KeyError(2), OSError(3)
    first.__cause__ = second
    second.__context__ = first
    group = ExceptionGroup("g", [first, third])
    assert set(map(id, chained_exceptions(group))) == set(map(id, [group, first, second, third]))
    assert chained_exceptions(None) == []


def test_looking_at_running_functions_keeps_none_of_their_frames() -> None:
    def looked() -> weakref.ref[Big]:
        held = Big()
        assert id(held) in _running_locals()
        return weakref.ref(held)

    gc.disable()
    try:
        assert looked()() is None
    finally:
        gc.enable()
