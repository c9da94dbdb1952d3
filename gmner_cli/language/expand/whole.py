"""Of an answer that was cut at its longest, the part that is whole."""

from __future__ import annotations

import re

_END = re.compile(r"(?<![.!?…])[.!?…]+[\"')\]»”’*_]*(?=\s|$)|[。！？]+[」』”’]*|\n")
_SHORT = frozenset(
    ("approx", "capt", "co", "col", "corp", "dept", "dr", "est", "etc", "ft", "gen", "gov", "inc", "jr", "lt",
     "ltd", "mr", "mrs", "ms", "mt", "no", "prof", "rep", "sen", "sr", "st", "vs"))
"""Words that a full stop shortens, in lower case."""
_STRUCTURED = ("{", "[", "```", "<")


def whole_part(text: str) -> str:
    """``text`` up to its last whole sentence or line; empty where it has none, or is JSON or code, of which a
    part is nothing.

    A list's number, an initial or a shortened word ends no sentence, and what ends with a colon only
    announces one.
    """
    if text.startswith(_STRUCTURED):
        return ""
    ends = [found.end() for found in _END.finditer(text) if _ends(text, found)]
    said = text[:ends[-1]].rstrip() if ends else ""
    while said.endswith((":", "：")):
        said = said.rpartition("\n")[0].rstrip()
    return said


def _ends(text: str, found: re.Match[str]) -> bool:
    if not found.group().startswith("."):
        return True
    word = re.split(r"\s", text[max(0, found.start() - 40):found.start()])[-1].strip("\"'([*_“‘")
    follows = text[found.end():].lstrip()[:1]
    return (len(word) > 1 and "." not in word and not word.isdigit() and word.lower() not in _SHORT
            and not follows.islower()
            and not (len(found.group()) > 1 and found.group()[1] == "." and not follows))
