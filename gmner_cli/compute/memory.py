"""Memory that is freed stays with the process, within bounds, because what comes next wants as much again."""

from __future__ import annotations

import ctypes
import os

_TRIM, _MAP = -1, -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of glibc's malloc.h."""

KEPT = 512 * 2**20
"""Bytes that are kept free at most."""
LARGE = 128 * 2**20
"""What is larger, such as a decoded photo of 50 megapixels, comes from the system and goes back to it at
once."""


def keep_freed() -> bool:
    """Let glibc keep memory that tensors gave back; True where it does.

    Else every batch asks the system for the same pages again, and clearing them takes an eighth of the time
    of the small visual models on a CPU. Who has set MALLOC_... in the environment is left alone; other C
    libraries have other rules.
    """
    if any(name in os.environ
           for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  (others have a mallopt that means something else)
        # Before 2.35 it knows no more than 32 MB.
        return bool(
            library.mallopt(_TRIM, KEPT)
            and (library.mallopt(_MAP, LARGE) or library.mallopt(_MAP, 32 * 2 ** 20)))
    except (AttributeError, OSError, TypeError):
        return False
