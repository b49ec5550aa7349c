"""The tools against a live kernel: typed figures, nothing done that was not asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from cli.conftest import load
from support.kernel import Kernel

from .client import Server, serving

pytestmark = pytest.mark.newest

MIB = 1024**2
BIG = "import numpy as np; big = np.ones(8 * 1024**2)"
NAMES = {
    "memory_kernels",
    "memory_stats",
    "memory_cleanup",
    "memory_pools",
    "memory_pressure",
    "memory_leaks",
    "memory_recommend",
    "run_notebook",
}


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    load(kernel)
    assert kernel.run(BIG).ok
    return kernel


@pytest.fixture
def busy(loaded: Kernel) -> Iterator[Kernel]:
    identity = loaded.send("import time; time.sleep(120)")
    time.sleep(1)
    yield loaded
    loaded.interrupt()
    loaded.collect(identity)


def test_every_tool_has_schemas_and_says_what_it_changes(server: Server) -> None:
    tools = server.tools()
    assert set(tools) == NAMES
    for name, tool in tools.items():
        assert tool.output_schema and tool.output_schema["type"] == "object", name
        assert tool.input_schema["additionalProperties"] is False, name
        assert all("description" in one for one in tool.input_schema["properties"].values()), name
        assert tool.annotations is not None and tool.description
        changes = name in ("memory_cleanup", "run_notebook")
        assert tool.annotations.read_only_hint is not changes, name


def test_no_tool_takes_code_or_applies_anything(server: Server) -> None:
    tools = server.tools()
    arguments = {name: set(tool.input_schema["properties"]) for name, tool in tools.items()}
    assert "apply" not in arguments["memory_recommend"]
    assert arguments["memory_leaks"] == {"kernel", "timeout_s"}
    assert tools["memory_cleanup"].input_schema["properties"]["aggressive"]["default"] is False
    assert not {"code", "cell", "command", "words"} & set().union(*arguments.values())


def test_figures_are_those_of_the_kernel(loaded: Kernel, server: Server) -> None:
    stats, pools, pressure, leaks, recommend, kernels = (
        reply.figures()
        for reply in server.calls(
            ("memory_stats", {"kernel": str(loaded.pid), "top": 3}),
            ("memory_pools", {}),
            ("memory_pressure", {}),
            ("memory_leaks", {}),
            ("memory_recommend", {"top": 5}),
            ("memory_kernels", {}),
        )
    )
    rss = loaded.value("__import__('psutil').Process().memory_info().rss")
    assert stats["answered"] and abs(stats["rss_bytes"] - rss) < 40 * MIB
    assert stats["pools"]["analysis"]["used_bytes"] >= 64 * MIB
    assert stats["variables"][0]["name"] == "big" and len(stats["variables"]) <= 3
    assert set(pools["pools"]) >= {"analysis", "cache", "temp", "string", "ast"}
    assert pressure["pressure_level"] == "LOW" and pressure["limit_bytes"] > rss
    assert (leaks["suspects"], leaks["last_report"]) == ([], None)
    assert recommend["rss_bytes"] > 64 * MIB
    (own,) = [row for row in kernels["kernels"] if row["pid"] == loaded.pid]
    assert own["loaded"] and own["pressure_level"] == "LOW"
    assert all(one["pid"] == loaded.pid for one in (stats, pools, pressure, leaks, recommend))


def test_nothing_is_left_in_the_kernel(loaded: Kernel, server: Server) -> None:
    counted = "[get_ipython().execution_count, len(get_ipython().user_ns['Out'])]"
    before = loaded.namespace(), loaded.value(counted)
    for reply in server.calls(*((name, {}) for name in sorted(NAMES) if "memory" in name)):
        reply.figures()
    assert (loaded.namespace(), loaded.value(counted)) == before


def test_a_cleanup_is_gentle_unless_it_is_asked_not_to_be(loaded: Kernel, server: Server) -> None:
    loaded.run("np.ones(16 * 1024**2)")
    plan, gentle, hard = (
        reply.figures()
        for reply in server.calls(
            ("memory_cleanup", {"dry_run": True, "aggressive": True}),
            ("memory_cleanup", {}),
            ("memory_cleanup", {"aggressive": True, "target": "cache"}),
        )
    )
    assert plan["dry_run"] and plan["measured_bytes"] is None
    assert not gentle["aggressive"]
    done = [step for step in gentle["steps"] if step["state"] == "done"]
    assert all((step["measured_bytes"] or 0) < 100 * MIB for step in done)
    assert hard["measured_bytes"] > 100 * MIB
    assert loaded.value("big.nbytes") == 64 * MIB


def test_recommending_applies_nothing(loaded: Kernel, server: Server) -> None:
    loaded.run("wide = np.arange(2 * 1024**2) % 7")
    found = server.call("memory_recommend").figures()
    assert any("wide" in row["what"] + row["action"] for row in found["rows"])
    assert all("instead_of" in row for row in found["rows"])
    assert loaded.value("str(wide.dtype)") == "int64"
    assert 'no argument "apply"' in server.call("memory_recommend", apply=[1]).error()


def test_an_argument_that_is_not_there_is_refused(loaded: Kernel, server: Server) -> None:
    loaded.run("np.ones(16 * 1024**2)")
    before = loaded.value("len(Out)")
    said = server.call("memory_cleanup", dryrun=True, aggressive=True).error()
    assert 'no argument "dryrun", but dry_run; arguments are kernel, target,' in said
    assert loaded.value("len(Out)") == before


def test_no_kernel_is_said(fresh_kernel: Kernel) -> None:
    with serving(fresh_kernel) as own:
        said = own.call("memory_stats").error()
    assert "%load_ext pmat_nb" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("memory_stats", {"kernel": "nothing"}, "no running kernel is 'nothing'"),
        ("memory_pools", {"analyze": "nothing"}, "there is no pool 'nothing'"),
        ("memory_cleanup", {"target": "everything"}, "--target"),
        ("memory_stats", {"timeout_s": 0}, "timeout_s cannot be 0: it takes a number from 0.1"),
        ("memory_stats", {"top": "many"}, 'top cannot be "many": it takes a whole number'),
        ("memory_stats", {"kernel": 3}, "kernel cannot be 3: it takes text or null"),
        ("run_notebook", {}, "path is missing: it takes text (the notebook"),
        (
            "run_notebook",
            {"path": "a", "parameters": {"x": [1]}},
            'parameters cannot be {"x": [1]}',
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    loaded: Kernel, server: Server, tool: str, arguments: dict[str, object], told: str
) -> None:
    said = server.call(tool, **arguments).error()
    assert told in said and "Traceback" not in said


def test_what_every_argument_takes_can_be_said(server: Server) -> None:
    """In words of its own, not the SDK's, whatever kinds tools have."""
    for name, tool in server.tools().items():
        wrong = {argument: [["x"]] for argument in tool.input_schema["properties"]}
        said = server.call(name, **wrong, none_such="a\nb").error()
        for argument in wrong:
            assert f'{argument} cannot be [["x"]]: it takes ' in said, (name, argument)
        assert said.startswith(f"{name}: ") and 'no argument "none_such"' in said
        assert "\n" not in said and "pydantic" not in said and "Input should" not in said


def test_a_busy_kernel_is_read_and_left_alone(busy: Kernel, server: Server) -> None:
    stats, pressure, cleanup = server.calls(
        ("memory_stats", {}),
        ("memory_pressure", {}),
        ("memory_cleanup", {"timeout_s": 1}),
    )
    assert stats.figures()["rss_bytes"] > 64 * MIB
    assert pressure.figures()["pressure_level"] == "LOW"
    said = cleanup.error()
    assert "is busy with In[" in said and "nothing was changed" in said
    assert "timeout_s" in said and "--timeout" not in said


def test_a_stopped_kernel_is_told_with_the_age_of_its_figures(
    loaded: Kernel, server: Server
) -> None:
    import signal

    assert server.call("memory_stats").figures()["answered"]
    time.sleep(3)  # its last word is of after that
    loaded._signal(signal.SIGSTOP)
    try:
        stats, pressure = server.calls(
            ("memory_stats", {"timeout_s": 1}), ("memory_pressure", {"timeout_s": 1})
        )
    finally:
        loaded._signal(signal.SIGCONT)
    found = stats.figures()
    assert not found["answered"] and found["as_of_s"] > 0 and found["state"]
    assert found["now"]["rss_bytes"] > 64 * MIB
    assert pressure.figures()["pressure_level"] == "LOW"
