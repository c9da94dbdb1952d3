"""The error classes of the tool and the exit codes they end with.

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the data or the run failed |
| 2 | wrong usage |
| 3 | finished, but some records failed |
| 130 | Ctrl-C |
| 141 | the reader of our stdout went away |
"""

from __future__ import annotations

import difflib
import errno
import os
import sys
from collections.abc import Iterable

MOST_CHARACTERS = 1000
"""Of a message. What users wrote may stand in it, and that may be a whole book on one line."""

DATA_FAILED, WRONG_USAGE, SOME_FAILED, INTERRUPTED, CLOSED_PIPE = 1, 2, 3, 130, 141


class GmnerError(Exception):
    """Something a user can mend: what is wrong, where, and what to do next.

    Parameters
    ----------
    message: what is wrong, one sentence, no full stop needed.
    where: file:line, post id or path that it concerns.
    hint: the next step, usually a command or an option.
    """

    exit_code = DATA_FAILED

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None):
        message = _harmless(shortened(message))
        super().__init__(message)
        self.message, self.where, self.hint = message, where and printable(
            shortened(where)), hint and _harmless(shortened(hint))

    def __str__(self) -> str:
        text = shortened(f"{self.where}: {self.message}" if self.where else self.message)
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    @property
    def reason(self) -> str:
        """Where and what in one printable line, without the hint: for an ``error`` field or a list."""
        return shown(f"{self.where}: {self.message}" if self.where else self.message, MOST_CHARACTERS)


class UsageError(GmnerError):
    """The command line, a recipe or a configuration file asks for something impossible."""

    exit_code = WRONG_USAGE


class RecordError(GmnerError):
    """A record breaks the schema or contradicts itself."""


class ImageError(GmnerError):
    """A picture is missing, broken, too large, or outside the folder it must be in."""


class ModelError(GmnerError):
    """Weights are missing, damaged, of another model, or in a format that is not loaded."""


def foreign(problem: Exception) -> GmnerError | None:
    """An error of the system or a library as one that a user can mend; None where it must be a fault of the
    tool.

    The one rule for what nobody foresaw where it happened; who knows more about a file says it there.
    """
    if isinstance(problem, GmnerError):
        return problem
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return GmnerError(f"cannot write: {problem}", hint="free some space and run again")
    if isinstance(problem, OSError) and problem.strerror:
        name = problem.filename if problem.filename2 is None else problem.filename2
        where = None if name is None else shown(
            os.fsdecode(name) if isinstance(name, (str, bytes)) else str(name))
        return GmnerError(f"cannot be read or written: {problem.strerror}", where=where)
    if isinstance(problem, MemoryError) or type(
            problem).__name__ == "OutOfMemoryError" or "allocate memory" in str(problem)[:200]:
        return GmnerError(f"there is not enough memory ({type(problem).__name__})",
                          hint="give a smaller --batch-size, smaller pictures or another model")
    if isinstance(problem, UnicodeEncodeError) and problem.reason == "surrogates not allowed":
        return GmnerError("is not UTF-8, so it cannot be written", where=shown(str(problem.object)))
    missing = problem.name if isinstance(problem, ModuleNotFoundError) else None
    if missing and not missing.startswith(("gmner_cli", ".")):
        return GmnerError(f"the package {missing} is not installed",
                          hint=f"pip install {missing.partition('.')[0]}")
    return None


def printable(text: str) -> str:
    """One line that is safe in a terminal: control characters, line ends and lone surrogates are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _harmless(text: str) -> str:
    """As ``printable``, line by line: a name in a message may hold what makes a terminal do something."""
    return "\n".join(map(printable, text.split("\n")))


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """``text``, with "…" for its middle where it is longer than ``most`` characters."""
    return text if len(text) <= most else f"{text[:most - most // 2 - 1]}…{text[len(text) - most // 2:]}"


def shown(text: str, most: int = 200) -> str:
    """What a user wrote, as a message quotes it: printable, and cut in the middle where it is longer than
    ``most``."""
    return shortened(printable(shortened(text, most)), most)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest known spelling, or lists all when none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known)}" if known else None


def say(message: str) -> None:
    """One line for the user, on stderr."""
    print(f"gmner: {shortened(message, 2 * MOST_CHARACTERS)}", file=sys.stderr)
