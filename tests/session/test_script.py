"""The Python interface in a plain script, where there is no shell."""

import subprocess
import sys

SCRIPT = """
import sys
import pmat_nb

data = b"x" * 20_000_000

def broken():
    inner = b"y" * 30_000_000
    raise ValueError

try:
    broken()
except ValueError as error:
    sys.last_value = error
print(pmat_nb.stats())
print(pmat_nb.stats().by("variable"))
"""


def test_stats_in_a_script_report_no_trouble_of_ours(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert "your data" in done.stdout and "data 19" in done.stdout
    assert "traceback of the last error" in done.stdout
