"""Colours of the types: Okabe and Ito's, which people with any colour vision tell apart."""

from __future__ import annotations

from collections.abc import Iterable

COLOURS = ("#d55e00", "#009e73", "#0072b2", "#b6579a", "#8a6d00", "#2f8fc4", "#c4392f", "#5b5f97")
"""The stylesheet has a class t0 ... t7 for each. The last ones, and those darkened, are ours: a pale
yellow cannot be seen on a white page."""

USUAL = {"PER": 0, "LOC": 1, "ORG": 2, "OTHER": 3, "MISC": 4}


class Palette:
    """Type to colour. The usual five keep theirs in every page; others take the next that is free."""

    def __init__(self, types: Iterable[str]):
        found = sorted(set(types), key=lambda kind: (USUAL.get(kind, len(COLOURS)), kind))
        self._index = {kind: USUAL[kind] for kind in found if kind in USUAL}
        free = [k for k in range(len(COLOURS)) if k not in self._index.values()] or list(range(len(COLOURS)))
        others = [kind for kind in found if kind not in USUAL]
        self._index |= {kind: free[k % len(free)] for k, kind in enumerate(others)}

    @property
    def types(self) -> list[str]:
        return list(self._index)

    def css(self, kind: str) -> str:
        """The class that carries the type's colour."""
        return f"t{self._index[kind]}"

    def colour(self, kind: str) -> str:
        """The colour as "#rrggbb"."""
        return COLOURS[self._index[kind]]
