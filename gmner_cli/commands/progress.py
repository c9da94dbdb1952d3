"""Progress on stderr: a bar where a person watches, nothing where a program does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def bar(title: str, total: int | None = None) -> Iterator[Any]:
    """A rich progress bar whose ``advance(n=1, note="")`` moves it; silent when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
               MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, progress.add_task(title, total=total, note=""))


class _Bar:
    def __init__(self, progress: Any, task: Any):
        self._progress, self._task = progress, task

    def advance(self, count: int = 1, note: str | None = None) -> None:
        self._progress.update(self._task, advance=count, **({} if note is None else {"note": note}))

    def restart(self, title: str, total: int) -> None:
        self._progress.reset(self._task, total=total, description=title)


class _Silent:
    def advance(self, count: int = 1, note: str | None = None) -> None:
        return

    def restart(self, title: str, total: int) -> None:
        return
