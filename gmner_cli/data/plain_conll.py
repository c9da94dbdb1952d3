"""Any CoNLL file: one token a line, the tag in a chosen column, tabs or spaces, IMGID lines if there are any."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.boxes_file import add_boxes
from gmner_cli.data.conll import LIKE_A_TAG, Cut, Row, no_token, read_lines, read_sentences
from gmner_cli.data.findings import Report
from gmner_cli.data.posts import tagged_posts
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.records import Post


def cells_of(column: int, lines: Sequence[str] = ()) -> Cut:
    """Lines of a token, then columns of which ``column`` is the tag (1 is the token's, -1 the last).

    A line with a tab is cut at its tabs, another one at its spaces. ``lines``,
    those of the file, tell where a space belongs to a token. Raises UsageError
    when the column can only be the token's. Where the first column counts the
    tokens, as in CoNLL-U, the token is the second.
    """
    if column in (0, 1):
        raise UsageError(f"--column {column} is not a tag column", hint="column 1 is the token; the last is -1")
    width, first = _usual_width(lines), int(numbered(lines))

    def cut(line: str) -> Row:
        found, problem = line.rstrip(" \t").split("\t"), None
        while len(found) > 2 + first and not found[0].strip(" "):
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
        if not first < place < len(found):
            return Row(found[min(first, len(found) - 1)], ("O",), f"expected a token and a tag in column {column}, found {len(found)} columns: {line[:80]!r}",
                       lossy=len(found) > 1 + first)
        token = found[first]
        return Row(token, (found[place],), problem) if token.strip(" ") else no_token([found[place]])

    return cut


def numbered(lines: Sequence[str]) -> bool:
    """Whether the first of three columns or more counts the tokens of each post, as in CoNLL-U."""
    counted, before, most = True, 0, 0
    for line in lines:
        cells = line.split("\t") if "\t" in line else line.split(" ")
        if not line.strip() or line.startswith("#"):
            before = 0
            continue
        counted = counted and len(cells) > 2 and cells[0] == str(before + 1)
        before += 1
        most = max(most, before)
    return counted and most > 1


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
    lines = read_lines(source)
    cut = cells_of(options.column, lines)
    if numbered(lines):
        report.add("tag_scheme", source, "its first column counts the tokens, which stand in the second")
    sentences = read_sentences(source, cut, [None], report, ids=False, free=options.orphans is None, fix=options.fix)
    posts = tagged_posts(sentences, source, report, options, orphans="start", meta={"dataset": "conll"},
                         name=lambda number: f"{source.stem}-{number}")
    add_boxes(posts, options, report)
    return {source.stem: posts}


ADAPTERS = (
    Adapter(name="conll", read=read, family="conll", accepts=frozenset({"boxes", "orphans", "column", "label_map"}), own_file=True,
            published="nobody in particular: any file of tagged tokens will do", layout="a CoNLL file"),
)
