"""What a test that failed is given for its second try, and what is said of the first.

The second try begins with kernels and servers of its own: what the first one left in those that
a module's tests share is no part of the test.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if getattr(item, "execution_count", 1) < 2 or not isinstance(item, pytest.Function):
        return
    for name in item.fixturenames:
        for fixture in item._fixtureinfo.name2fixturedefs.get(name, ()):
            if fixture.scope == "module":
                fixture.finish(item._request)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    first_tries = terminalreporter.stats.get("rerun", [])
    if first_tries:
        terminalreporter.section("failed once, and were run again")
    for report in first_tries:
        crash = getattr(report.longrepr, "reprcrash", None)
        why = str(report.longrepr) if crash is None else f"{crash.message} (line {crash.lineno})"
        short = " ".join(why.split())[:300]
        terminalreporter.write_line(f"RERUN {report.nodeid} [{report.when}]: {short}")
