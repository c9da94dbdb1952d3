"""Reading files that may be anybody's: regular ones alone, and no more of them than makes sense."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, opened for reading. Raises OSError, also for a FIFO or a device, which would be waited
    for."""
    # Opened before it is looked at, so that nobody puts another file there in between.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a directory", str(path))
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes. Raises OSError otherwise."""
    with open_regular(path) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"is larger than {most} bytes", str(path))
    return content


def refuse_special(folder: Path) -> None:
    """Raise OSError when ``folder``, or one right in it, holds a FIFO, a socket or a device, which a library
    might wait for."""
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        mode = path.stat().st_mode if path.exists() else stat.S_IFREG
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
