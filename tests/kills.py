"""Commands that are killed where they write: as SIGKILL does, at any step of any command, in a fork of this
process.

A fork costs milliseconds where a new process would import everything again. It must be made
in a process without threads, so tests run ``bench_kills`` in one of its own.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import resource
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FILES = (io.BufferedWriter, io.BufferedRandom, io.FileIO)
OF_FILES = frozenset({"write", "writelines", "flush", "truncate", "close", "__exit__"})
OF_SYSTEM = frozenset({
    "write", "fsync", "replace", "rename", "unlink", "remove", "truncate", "ftruncate", "mkdir", "rmdir",
    "link"
})
OF_DATABASE = frozenset({"execute", "executemany", "commit"})
LONGEST = 120
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Ended:
    """How a run ended. ``code``: its exit code, negative for a signal. ``steps``: of writing, where it was
    not killed."""

    code: int
    steps: int
    said: str
    modules: tuple[str, ...] = ()

    def preload(self) -> None:
        """Import here what the run had to import, so that later forks need not."""
        for name in self.modules:
            with suppress(Exception):
                importlib.import_module(name)

    @property
    def killed(self) -> bool:
        return self.code in (-signal.SIGKILL, -signal.SIGXFSZ)


def run(call: Callable[[], None], folder: Path, *, step: int | None = None, room: int | None = None) -> Ended:
    """``call()`` in a fork whose working directory is ``folder``.

    ``step``: it is killed before its so manieth step of writing, counted from 1. ``room``:
    it is killed when a file grows beyond so many bytes, of which these are written: a torn line.
    """
    reading, writing = os.pipe()
    said = folder.parent / f"{folder.name}.said"
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_in_fork(call, folder, said, writing, step, room))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = json.loads(pipe.read() or "{}")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(code, told.get("steps", -1), said.read_text(errors="replace"), tuple(told.get("modules",
                                                                                               ())))


def gmner(words: Sequence[object]) -> Callable[[], None]:
    """A command, to be run in a fork."""
    def call() -> None:
        from gmner_cli.app import main

        sys.argv = ["gmner", *map(str, words)]
        main()

    return call


def _in_fork(call: Callable[[], None], folder: Path, said: Path, pipe: int, step: int | None,
             room: int | None) -> int:
    os.chdir(folder)
    signal.alarm(LONGEST)
    told = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(told, stream)
    sys.stdout, sys.stderr = (open(stream, "w", closefd=False) for stream in (1, 2))
    steps = _Steps(step)
    if room is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    code = 1
    threading.setprofile(steps)
    sys.setprofile(steps)
    try:
        call()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as problem:  # noqa: BLE001 - a fork must not go on with the parent's work
        print(f"Traceback: {problem!r}", file=sys.stderr)
    finally:
        sys.setprofile(None)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with os.fdopen(pipe, "w") as out:
            json.dump(
                {
                    "steps": steps.count,
                    "modules": [name for name in sys.modules if name.partition(".")[0] != "__main__"]
                }, out)
    return code


class _Steps:
    """A profile function that counts calls which write, and kills the process at one of them."""

    def __init__(self, last: int | None):
        self.count, self._last = 0, last

    def __call__(self, frame, event: str, called) -> None:
        if event != "c_call" or not self._writes(called):
            return
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _writes(called) -> bool:
        name, owner = called.__name__, called.__self__
        if isinstance(owner, FILES):
            return name in OF_FILES and (owner.closed or owner.fileno() > 2) and (owner.closed
                                                                                  or owner.writable())
        if isinstance(owner, (sqlite3.Connection, sqlite3.Cursor)):
            return name in OF_DATABASE
        return name in OF_SYSTEM and getattr(owner, "__name__", "") == os.name
