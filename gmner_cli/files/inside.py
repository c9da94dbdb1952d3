"""The one rule for names of files in records and data sets: they lie inside their folder. ``records`` says it
in words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gmner_cli.errors import GmnerError, printable


def inside(root: Path, name: str, *, follow_links: bool = False, what: str = "file",
           error: type[GmnerError] = GmnerError) -> Path:
    """The regular file that ``name`` is in ``root``, links resolved.

    The name stays in the folder as it is written, ``..`` reckoned with. Where a link on the way leads
    out of it, ``follow_links`` decides. ``what`` is what messages call it. Raises ``error``.
    """
    where = printable(str(root / name))
    try:
        bases = dict.fromkeys((os.path.abspath(root), os.path.realpath(root)))
        place = os.path.normpath(os.path.join(os.path.abspath(root), name))
        base = next(
            (base for base in bases if place == base or place.startswith(base.rstrip(os.sep) + os.sep)), None)
        if base is None:
            raise error(f"{what} path {name!r} leaves the {what} folder", where=str(root))
        found, whole = Path(os.path.realpath(place)), Path(os.path.realpath(root))
        if not follow_links and not found.is_relative_to(whole):
            raise error(f"{what} path {name!r} leaves the {what} folder through a symbolic link, which only "
                        "--follow-links allows",
                        where=str(root), hint="give --follow-links, or set GMNER_FOLLOW_LINKS=1, if you "
                                              "trust where the links lead")
        mode = found.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        led = ": its link leads to nothing" if os.path.islink(place) else ""
        raise error(
            f"no such {what}{led}", where=where,
            hint="give the folder with --images, or use --on-missing-image text-only"
            if what == "image" else None) from None
    # name too long, NUL in it, circle of symbolic links
    except (OSError, ValueError, RuntimeError) as problem:
        raise error(f"{what} cannot be found: {getattr(problem, 'strerror', None) or problem}",
                    where=where) from None
    if not stat.S_ISREG(mode):  # a FIFO would be waited for, a device never ends
        raise error("is not a file", where=where)
    return found
