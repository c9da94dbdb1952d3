"""The end of a process: what is registered for it runs, and nothing is collected that the system takes back
anyway."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCRIPT = """
import atexit, gc, sys, tempfile, threading
from gmner_cli.__main__ import main
kept = tempfile.TemporaryDirectory()
late = threading.Thread(target=lambda: print("thread", file=sys.stderr))
class Ring:
    def __init__(self): self.own = self
    def __del__(self): print("collected", file=sys.stderr)
def work():
    for _ in range(100): Ring()
    late.start()
    print("record")
    END
import gmner_cli.app
gmner_cli.app.main = work
atexit.register(lambda: print("atexit", gc.isenabled(), gc.get_freeze_count() > 1000, file=sys.stderr))
gc.disable()  # what a run leaves in circles is still there at its end
print(kept.name, file=sys.stderr)
main()
"""


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("sys.exit(3)", 3), ("raise KeyboardInterrupt", 130)])
def test_what_is_registered_runs_and_circles_are_left_to_the_system(end, code):
    done = subprocess.run([sys.executable, "-c", SCRIPT.replace("END", end)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "record\n"), done.stderr
    folder, *said = done.stderr.splitlines()
    # What a thread prints may share a line with what the main one does.
    assert "thread" in "".join(said) and "atexit False True" in said and "collected" not in done.stderr
    assert not os.path.exists(folder), "temporary folders go away"
