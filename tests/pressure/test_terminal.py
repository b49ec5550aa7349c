"""IPython without a kernel: responses come right after a cell, or before the next one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
SHELL = f"""
import json, sys, time
sys.path.insert(0, {HERE!r})
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
def cell(code):
    result = shell.run_cell(code, store_history=True)
    assert result.success, (code, result.error_in_exec)
cell("%load_ext pmat_nb")
cell("%pmat_limit 1GB")
import in_kernel as k
k.answer(HIGH={{"actions": ["reduce_cache"]}}); k.listen()
cell("%pmat_pressure --low 0.1 --medium 0.15 --high 0.95 --auto-respond")
cell("time = __import__('time'); time.sleep(1.2)")
"""
AFTER = """
cell("x = bytearray(300_000_000); time.sleep(2.5)")
print(json.dumps([k.asked(), k.faults()]))
cell("%unload_ext pmat_nb")
"""
BEFORE = """
cell("import threading; kept = []")
cell("t = threading.Timer(0.5, lambda: kept.append(bytearray(300_000_000))); t.start()")
time.sleep(3)  # the prompt waits
assert k.asked() == [], k.asked()
cell("seen = list(__import__('in_kernel').asked())")
print(json.dumps([shell.user_ns["seen"], k.faults()]))
cell("%unload_ext pmat_nb")
"""


@pytest.mark.parametrize("code", [AFTER, BEFORE], ids=["after", "before"])
def test_a_response_waits_for_the_border_between_two_cells(code):
    done = subprocess.run(
        [sys.executable, "-c", SHELL + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[[")]
    asked, faults = json.loads(lines[-1])
    assert asked == [["cache", 0.5, "MainThread"]]
    assert faults == {}
