"""Files that are written on the way to others: locked while their writer lives, and cleared away by the
next writer after a kill."""

from __future__ import annotations

import glob
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO

from gmner_cli.errors import GmnerError

try:
    import fcntl
except ImportError:  # Windows: two runs to one file are not noticed there, and what a kill leaves stays
    fcntl = None  # type: ignore[assignment]  # no type is said of a module that may be absent


def temporary_for(path: Path) -> Path:
    """The name under which this process writes what becomes ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def clear_leftovers(path: Path) -> None:
    """Remove what killed processes left of their ``temporary_for(path)``. What a living one writes is locked,
    and stays."""
    if fcntl is None:
        return
    named = re.compile(rf"\.{re.escape(path.name)}\.\d+\.tmp")
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if named.fullmatch(left.name) and left.is_file() and not left.is_symlink():
            with suppress(OSError), open(left, "ab") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if left.exists() and os.path.samestat(os.fstat(stream.fileno()), left.stat()):
                    left.unlink()


def open_locked(path: Path) -> IO[bytes]:
    """Open for appending, as the only process. Raises GmnerError when another one has it open."""
    while True:
        stream = open(path, "ab")
        if fcntl is None:
            return stream
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise GmnerError("another run is writing this file", where=str(path),
                             hint="wait until it ends, or give another -o FILE") from None
        except OSError:  # a file system without locks
            return stream
        # The other run may have renamed the file between our opening and locking it.
        if path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat()):
            return stream
        stream.close()
