"""Any CoNLL file: one token a line, the tag in a chosen column, tabs or spaces, IMGID lines if there are any."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.coco import add_boxes
from gmner_cli.data.conll import LIKE_A_TAG, Cut, Row, no_token, read_lines, read_sentences
from gmner_cli.data.findings import Report
from gmner_cli.data.posts import tagged_posts
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.records import Post


def cells_of(column: int, lines: Sequence[str] = ()) -> Cut:
    """Lines of a token, then columns of which ``column`` is the tag (1 is the token's, -1 the last).

    A line with a tab is cut at its tabs, another one at its spaces. ``lines``,
    those of the file, tell where a space belongs to a token. Raises UsageError
    when the column can only be the token's.
    """
    if column in (0, 1):
        raise UsageError(f"--column {column} is not a tag column", hint="column 1 is the token; the last is -1")
    width = _usual_width(lines)

    def cut(line: str) -> Row:
        found, problem = line.rstrip(" \t").split("\t"), None
        while len(found) > 2 and not found[0].strip(" "):
            found = found[1:]  # the line is indented
        if len(found) == 1:
            found = re.split(" +", line.strip(" \t"))
            # In a file with tabs a last column is one only if it looks like a tag.
            usual = width or 1 + bool(LIKE_A_TAG.fullmatch(found[-1]))
            if lines and len(found) > usual:
                problem = f"found {len(found)} columns where other lines have {width or 'tabs'}: {line[:80]!r}"
                inner = len(found) - usual + 1
                found = [" ".join(found[:inner]), *found[inner:]]
        place = column - 1 if column > 0 else len(found) + column
        if not 0 < place < len(found):
            return Row(found[0], ("O",), f"expected a token and a tag in column {column}, found {len(found)} columns: {line[:80]!r}",
                       lossy=len(found) > 1)
        return Row(found[0], (found[place],), problem) if found[0].strip(" ") else no_token(found[1:])

    return cut


def _usual_width(lines: Sequence[str]) -> int:
    """Columns of most lines that are cut at spaces, the smaller number of two; 0 where most are cut at tabs."""
    tally = Counter(0 if "\t" in line else len(re.split(" +", line)) for line in map(str.strip, lines) if line)
    return min(tally, key=lambda width: (-tally[width], width), default=0)


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """One file gives one "split", called as the file is. A post without an IMGID line is called NAME-NUMBER.

    The tag scheme is told by the file: see ``gmner_cli.data.schemes``. With
    ``options.orphans`` marks B and I alone are IOB2, and an I- that continues
    nothing does as asked; without, it starts an entity.
    Raises GmnerError when ``source`` is not a file.
    """
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source), hint="conll reads one file: --source tagged.txt")
    cut = cells_of(options.column, read_lines(source))
    sentences = read_sentences(source, cut, [None], report, ids=False, free=options.orphans is None, fix=options.fix)
    posts = tagged_posts(sentences, source, report, options, orphans="start", meta={"dataset": "conll"},
                         name=lambda number: f"{source.stem}-{number}")
    add_boxes(posts, options, report)
    return {source.stem: posts}


ADAPTERS = (
    Adapter(name="conll", read=read, family="conll", accepts=frozenset({"boxes", "orphans", "column", "label_map"}), own_file=True,
            published="nobody in particular: any file of tagged tokens will do", layout="a CoNLL file"),
)
