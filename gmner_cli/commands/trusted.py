"""Which files a user trusts to point outside their own folders: by absolute path and sha256, in the user's
own configuration.

A ``gmner.yaml`` and the recipes it names may come with somebody else's folder. Trust changes one thing alone:
what they have *read* may then lie anywhere. What is written, which server is asked and whose code runs, they
never say.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from gmner_cli.errors import GmnerError, UsageError, printable
from gmner_cli.files.bounded import read_regular

VARIABLE = "GMNER_TRUST"
STORE = "trusted.json"
_MOST_BYTES = 10_000_000


@dataclass
class Trust:
    """The user's list. ``folder``: of the user's own configuration of gmner."""

    folder: Path

    def covers(self, path: Path, content: bytes) -> bool:
        """Whether ``path`` was trusted with just this content, or $GMNER_TRUST says so of all files."""
        return everything() or self._read().get(absolute(path)) == digest(content)

    def changed(self, path: Path, content: bytes) -> bool:
        """Whether ``path`` was trusted with another content."""
        return self._read().get(absolute(path), digest(content)) != digest(content)

    def add(self, path: Path, content: bytes) -> None:
        """Trust ``path`` while it holds ``content``. Raises GmnerError when the list cannot be written."""
        self._write({**self._read(), absolute(path): digest(content)})

    def forget(self, path: Path) -> bool:
        """Trust ``path`` no longer; whether it was trusted. Raises GmnerError when the list cannot be
        written."""
        known = self._read()
        found = known.pop(absolute(path), None) is not None
        if found:
            self._write(known)
        return found

    def listed(self) -> dict[str, str]:
        """sha256 by path."""
        return dict(sorted(self._read().items()))

    @property
    def _path(self) -> Path:
        return self.folder / STORE

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(read_regular(self._path, _MOST_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as problem:
            raise UsageError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}",
                             where=printable(str(self._path)),
                             hint="remove it, and run `gmner trust` again where you need it") from None
        if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
            raise UsageError("is not a list of trusted files", where=printable(str(self._path)),
                             hint="remove it, and run `gmner trust` again where you need it")
        return content

    def _write(self, content: dict[str, str]) -> None:
        from gmner_cli.records.jsonl import write_atomic

        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as problem:
            raise GmnerError(f"cannot write: {problem.strerror}", where=printable(str(self.folder))) from None
        write_atomic(self._path, json.dumps(content, indent=2) + "\n")


def everything() -> bool:
    """Whether $GMNER_TRUST is set, as in GMNER_TRUST=1."""
    return os.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def absolute(path: Path) -> str:
    """Where ``path`` stands, links of its folder resolved; its own are not, for a link may be anybody's."""
    return str(Path(os.path.realpath(path.parent)) / path.name)


def digest(content: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(content).hexdigest()
