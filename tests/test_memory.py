"""Freed memory is used again instead of being asked for anew."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASK = """
import ctypes, resource, sys
from gmner_cli.compute.memory import keep_freed
kept = keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.malloc.argtypes = [ctypes.c_size_t]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def use(size):
    block = libc.malloc(size)
    libc.memset(block, 1, size)
    libc.free(block)
use(30 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    use(30 << 20)
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def asked(**environment: str) -> tuple[bool, int]:
    """Whether memory is kept, and the pages that eight rounds of 30 MB ask the system for."""
    left = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True,
                          env={**left, **environment})
    kept, pages = map(int, done.stdout.split())
    return bool(kept), pages


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pages are counted as Linux does")
def test_what_was_freed_is_used_again_unless_the_user_has_set_something_else():
    kept, pages = asked()
    if not kept:
        pytest.skip("not glibc")
    assert pages < 1000
    kept, pages = asked(MALLOC_TRIM_THRESHOLD_="131072")
    assert not kept and pages > 8 * 30 * 2**20 / os.sysconf("SC_PAGE_SIZE") / 2
