"""Where things are kept that can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """$GMNER_CACHE, or ``gmner`` in the user's folder for caches."""
    if os.environ.get("GMNER_CACHE"):
        return Path(os.environ["GMNER_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gmner"
