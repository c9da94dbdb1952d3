"""When the requests of several threads may begin."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock


class Pace:
    """Not more than so many beginnings a minute, evenly, and none while the server wants a pause."""

    def __init__(self, per_minute: float | None = None, clock: Callable[[], float] = time.monotonic):
        self._between = 60.0 / per_minute if per_minute else 0.0
        self._clock, self._lock, self._next = clock, Lock(), 0.0

    def begin(self, stopped: Event) -> bool:
        """Wait for one's turn; False if ``stopped`` was set meanwhile."""
        while not stopped.is_set():
            with self._lock:
                now = self._clock()
                if self._next <= now:
                    self._next = now + self._between
                    return True
                left = self._next - now
            stopped.wait(left)  # a pause may have begun by then, so look again
        return False

    def hold(self, seconds: float) -> None:
        """Let no request begin for a while."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
