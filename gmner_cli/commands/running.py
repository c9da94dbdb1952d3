"""What the commands share that send posts through stages: a progress bar, and how it went (on stderr)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from gmner_cli.commands.progress import bar


def run_posts(source: str, out: str, stages: Callable[[], Sequence[Any]], *, inputs: Iterable[str | Path | None] = (),
              also: Iterable[Path | None] = (), overwrite: bool = False, **settings: Any) -> Any:
    """``predicting.run_file`` with a bar and a line that says how many posts took how long; returns its Outcome.

    ``inputs``: what is read beside ``source``; ``also``: what is written beside ``out``. Raises what ``outputs.check_records`` does.
    """
    from gmner_cli import outputs
    from gmner_cli.hub import say
    from gmner_cli.predicting import run_file

    outputs.check_records(out, [source, *inputs], also=also, overwrite=overwrite,
                          resume=settings.get("resume", False), limit=settings.get("limit"))
    began = time.perf_counter()
    with bar("posts") as progress:
        outcome = run_file(source, out, stages, progress=progress.advance, **settings)
    seconds = time.perf_counter() - began
    before = f", {outcome.resumed} were finished before" if outcome.resumed else ""
    skipped = f" ({outcome.skipped} skipped: their images cannot be read)" if outcome.skipped else ""
    say(f"{outcome.written} posts{skipped} in {seconds:.1f} s{before}")
    return outcome
