"""COCO run lengths as text and as numbers: runs of background and foreground in turn, down the columns.

COCO writes each run in groups of five bits, lowest first, one character (from
"0") each: bit 6 says that another group follows, and the top bit of the last
group is the sign. From the fourth run on, the difference to the run two
before is written instead of the run.

pycocotools trusts its input: broken counts make it allocate until the process
is killed. So it only ever gets what was checked here.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_PIXELS = 100_000_000


def read(counts: str) -> list[int]:
    """The runs of a compressed encoding, each 0 or more. Raises ValueError when it is none."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError(f"has {character!r}, or too many groups of bits, at run {len(runs)}")
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            raise ValueError(f"run {len(runs)} is negative")
        runs.append(value)
        value, shift = 0, 0
    if shift:
        raise ValueError("ends within a run")
    return runs


def write(runs: Sequence[int]) -> str:
    """The compressed encoding of ``runs``, as pycocotools writes it."""
    characters = []
    for number, run in enumerate(runs):
        value = run - runs[number - 2] if number > 2 else run
        while True:
            group = value & 0x1F
            value >>= 5
            if value == (-1 if group & 0x10 else 0):
                characters.append(chr(group + 48))
                break
            characters.append(chr((group | 0x20) + 48))
    return "".join(characters)


def check(runs: Sequence[object], height: int, width: int) -> None:
    """Raise ValueError unless ``runs`` are whole numbers that fill height x width pixels exactly."""
    if height <= 0 or width <= 0 or height * width > MOST_PIXELS:
        raise ValueError(f"size {height} x {width} is not possible")
    total = 0
    for number, run in enumerate(runs):
        if type(run) is not int or run < 0:
            raise ValueError(f"run {number} is {str(run)[:20]}, not a whole number of pixels")
        total += run
    if total != height * width:
        raise ValueError(f"the runs fill {total} of {height * width} pixels")
