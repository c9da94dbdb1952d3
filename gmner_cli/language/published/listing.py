"""The first of many names on one line, for the accounts of what fits nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from gmner_cli.errors import printable

SHOWN = 10
"""Things of one kind that are named; whoever names them says how many there are."""


def listed(things: Sequence[object]) -> str:
    """The first ``SHOWN`` things, printable and with commas between; three dots stand for the rest."""
    return ", ".join(printable(str(thing))
                     for thing in things[:SHOWN]) + (", ..." if len(things) > SHOWN else "")
