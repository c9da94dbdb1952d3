"""A peer as a process that waits: it is told by a line of JSON on stdin what to do, and answers what it cost.

Imports nothing but the standard library, so that it runs in any peer's environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(versions: dict[str, str], tasks: dict[str, Callable[[], float | None]]) -> None:
    """Answer until stdin ends. A task returns the processor seconds that count; None: all that it took."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print what they like
    _tell(answers, {"versions": versions, "tasks": list(tasks)})
    for line in sys.stdin:
        try:
            began = time.process_time()
            counted = tasks[json.loads(line)["task"]]()
            _tell(answers, {"seconds": time.process_time() - began if counted is None else counted})
        except Exception as problem:  # a peer's trouble is a line of the table, not the end of it
            _tell(answers, {"problem": f"{type(problem).__name__}: "
                                       f"{str(problem).splitlines()[0] if str(problem) else ''}"})
            raise


def settings() -> dict[str, Any]:
    """What the benchmark asks of every peer alike: its JSON file is the first argument."""
    return json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


def read(path: str, most: int) -> list[dict[str, Any]]:
    """The first lines of a JSONL file."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(most), strict=False)]


def _tell(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()
