"""What the commands share that send posts through stages: a progress bar, and how it went (on stderr)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gmner_cli.commands.options import end_with_failures
from gmner_cli.commands.progress import bar


def run_posts(function: Callable[..., Any], *given: Any, **named: Any) -> None:
    """Call a function of ``gmner_cli.api`` that writes posts, with a bar; end with code 3 if any failed."""
    with bar("posts") as progress:
        outcome = function(*given, progress=progress.advance, **named)
    end_with_failures(outcome.failures)
