"""What a file holds, in a few characters."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gmner_cli.errors import GmnerError, printable


def sha256(path: Path) -> str:
    """Hex digest of a file's content. Raises GmnerError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=printable(str(path))) from None
    return digest.hexdigest()
