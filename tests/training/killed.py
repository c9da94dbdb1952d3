"""Trainings that are stopped by a signal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from signal import Signals

from gmner_cli.training.resume_state import read_progress
from tests.conftest import ROOT


def killed_in_training(words: Sequence[object], out: Path, signal: Signals, code: int | None = None) -> int:
    """Run a train-* command, send ``signal`` after its first whole epoch, and give the number of epochs that
    were finished.

    ``code``: what the command must end with; by default that the signal ended it.
    """
    process = subprocess.Popen([sys.executable, "-m", "gmner_cli", *map(str, words), "-o", str(out)],
                               env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    partial = out.with_name(out.name + ".partial")
    deadline = time.time() + 120
    while not (partial / "resume.safetensors").exists() and time.time() < deadline and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal)
    assert process.wait() == (-signal if code is None else code), "the training ended otherwise"
    assert not out.exists()
    return read_progress(partial)["epoch"]  # run.json may be one row behind
