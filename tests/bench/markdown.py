"""How every benchmark prints what it measured: its conditions, then tables as RESULTS.md has them.

A benchmark names the columns of its tables in constants called COLUMNS...; tests/test_readme.py compares
them with the tables of RESULTS.md. Imports nothing but the standard library.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; what is to be rounded is given as text."""
    lines = [columns, ["---"] * len(columns), *rows]
    if wrong := [row for row in lines if len(row) != len(columns)]:
        raise ValueError(f"{len(columns)} columns, and a row of {len(wrong[0])}: {wrong[0]}")
    return "".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |\n"
                   for row in lines)


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table below its title."""
    print(f"\n{title}:\n\n{table(columns, rows)}", flush=True)


def conditions(*more: str, packages: Sequence[str] = ("torch",)) -> str:
    """One line: the command as it was typed, the day, the commit, the machine, ``packages``, and ``more``."""
    name = Path(sys.argv[0]).stem
    begun = "python -m tests.bench" if name == "__main__" else f"python -m tests.bench.{name}"
    command = " ".join([begun, *sys.argv[1:]])
    installed = "".join(f", {package} {_version(package)}" for package in packages)
    return (f"`{command}`; {date.today()}, commit {_commit()}; {cpu_name()}, {os.cpu_count()} cores; "
            f"Python {platform.python_version()}{installed}" + "".join(f"; {part}" for part in more))


def cpu_name() -> str:
    """The processor's own name where Linux tells it, else its architecture."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The least and the largest of several rounds."""
    return f"{min(values):.{digits}f}-{max(values):.{digits}f}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    """What is checked out, with "-dirty" where files differ from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--match", "no tag counts"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
