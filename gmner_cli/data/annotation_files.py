"""Annotation files: found in a folder and in folders in it, read whole and within bounds."""

from __future__ import annotations

import codecs
import os
import stat
from collections import Counter
from pathlib import Path

from gmner_cli.errors import GmnerError


def read_whole(path: Path, most: int) -> bytes:
    """The bytes of a regular file without its byte order mark. Raises OSError, or ValueError above ``most``
    bytes."""
    about = path.stat()  # a file that is not there, or a link to nothing, is an OSError
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is not a regular file")
    if about.st_size > most:
        raise ValueError(f"it has more than {most // 1_000_000} MB")
    return path.read_bytes().removeprefix(codecs.BOM_UTF8)


def find(folder: Path, suffix: str) -> dict[str, list[Path]]:
    """Paths by name without suffix, whatever its case; what systems leave behind is not looked at.

    A link to nothing is found, too: what it should hold is not known, which is
    not the same as no file. Raises GmnerError for a folder that is absent,
    cannot be read as a whole, or holds no such file.
    """
    wanted = f"it must hold one ID{suffix} per picture with boxes"
    if not folder.is_dir():
        raise GmnerError("no such folder", where=str(folder), hint=wanted)

    def refuse(problem: OSError) -> None:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(problem.filename))

    files: dict[str, list[Path]] = {}
    others: Counter[str] = Counter()
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not _left_behind(name))
        for name in folders:
            if os.path.islink(os.path.join(place, name)):
                raise GmnerError("is a link to a folder, which is not followed",
                                 where=os.path.join(place, name), hint="name the folder that holds the files")
        for name in sorted(names):
            stem, ending = os.path.splitext(name)
            if _left_behind(name):
                continue
            if ending.lower() == suffix:
                files.setdefault(stem, []).append(Path(place, name))
            else:
                others[ending] += 1
    if not files:
        there = ", ".join(f"{count} {ending or 'without suffix'}" for ending, count in others.most_common(3))
        raise GmnerError(f"holds no {suffix} file" + (f", but {there}" if there else ""), where=str(folder),
                         hint=wanted)
    return files


def _left_behind(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
