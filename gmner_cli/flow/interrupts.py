"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever the main thread happens to be; inside a callback or a destructor of a
library it is printed at best, and the run goes on. So it is also remembered here. ``sink`` asks before each
record, and the training loop before each batch.
"""

from __future__ import annotations

import signal
from types import FrameType

_asked = False


def watch() -> None:
    """Remember an interrupt besides raising it. Leaves SIGINT alone where somebody set it (``nohup``, a
    shell's ``&``)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _remember)


def heed() -> None:
    """Raise KeyboardInterrupt if one was asked for and swallowed on its way."""
    if _asked:
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt
