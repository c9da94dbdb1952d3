"""A file of posts through stages to another, checked and told of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmner_cli.api.given import File, Tell
    from gmner_cli.flow.run_file import Outcome


def through(source: File, out: File, stages: Callable[[], Sequence[Any]], *, tell: Tell,
            inputs: Iterable[File | None] = (), also: Iterable[Path | None] = (), overwrite: bool = False,
            **settings: Any) -> Outcome:
    """``run_file``, with a line that says how many posts took how long.

    ``inputs``: what is read beside ``source``; ``also``: what is written beside ``out``. Raises what
    ``outputs.check_records`` does.
    """
    from gmner_cli.flow import outputs
    from gmner_cli.flow.run_file import run_file

    outputs.check_records(out, [source, *inputs], also=also, overwrite=overwrite,
                          resume=settings.get("resume", False), limit=settings.get("limit"))
    began = time.perf_counter()
    outcome = run_file(source, out, stages, tell=tell, **settings)
    seconds = time.perf_counter() - began
    before = f", {outcome.resumed} were finished before" if outcome.resumed else ""
    skipped = f" ({outcome.skipped} skipped: their images cannot be read)" if outcome.skipped else ""
    tell(f"{outcome.written} posts{skipped} in {seconds:.1f} s{before}")
    return outcome
