"""Any CoNLL file: one token a line, the tag in a chosen column, tabs or spaces, IMGID lines if there are
any."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.boxes_file import add_boxes
from gmner_cli.data.conll import (
    ID_MARK,
    LIKE_A_TAG,
    PARTED,
    Cut,
    Row,
    joined,
    no_token,
    read_lines,
    read_sentences,
)
from gmner_cli.data.conll_posts import tagged_posts
from gmner_cli.data.findings import Report
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.records import Post


def cells_of(column: int, lines: Sequence[str] = ()) -> Cut:
    """Lines of a token, then columns of which ``column`` is the tag (1 is the token's, -1 the last).

    A line with a tab is cut at its tabs, another one at its spaces. ``lines``,
    those of the file, tell how many columns there are, and where a space belongs
    to a token. Raises UsageError when the column can only be the token's. Where
    the first column counts the tokens, as in CoNLL-U, the token is the second.
    """
    if column in (0, 1):
        raise UsageError(f"--column {column} is not a tag column",
                         hint="column 1 is the token; the last is -1")
    width, first = _usual_width(lines), int(numbered(lines))
    usual = _usual_cells(lines)

    def cut(line: str) -> Row:
        cells, problem, lossy = line.rstrip(" \t").split("\t"), None, False
        found = _filled(cells, usual or 2 + first)
        if len(cells) == 1:
            found = re.split(" +", line.strip(" \t"))
            if len(found) == 1 and len(words := line.rsplit(None, 1)) == 2 and LIKE_A_TAG.fullmatch(words[1]):
                found = words
                problem = f"the columns are parted by other white space than tabs and spaces: {line[:80]!r}"
            # In a file with tabs, or with many lines of one column, a last column is one only if it looks
            # like a tag.
            most = width if width > 1 else 1 + bool(LIKE_A_TAG.fullmatch(found[-1]))
            if lines and len(found) > most:
                others = width or "tabs"
                problem = f"found {len(found)} columns where other lines have {others}: {line[:80]!r}"
                if not first and (rows := joined(found, most, problem)):
                    return rows
                inner = len(found) - most + 1
                lossy = any(map(LIKE_A_TAG.fullmatch, found[1:inner]))
                found = [" ".join(found[:inner]), *found[inner:]]
        elif usual and len(found) != usual:
            problem = f"found {len(found)} columns where other lines have {usual}: {line[:80]!r}"
            if not first and (rows := joined(found, usual, problem)):
                return rows
            lossy = len(found) > usual
        if first and _NO_WORD.fullmatch(found[0]):
            return Row("", ("O",))
        place = column - 1 if column > 0 else len(found) + column
        short = column < 0 and len(found) < (usual if len(cells) > 1 else width)
        if short or not first < place < len(found):
            lossy = len(found) > 1 + first or bool(PARTED.fullmatch(found[-1]))
            return Row(found[min(first, len(found) - 1)], ("O",), "expected a token and a tag in column "
                                                                  f"{column}, found {len(found)} columns: "
                                                                  f"{line[:80]!r}",
                       lossy=lossy)
        if len(found) < usual:
            problem = None  # the columns up to the tag are counted from the left and are all there
        token = found[first].strip(" ")
        if not token:
            words = [cell for cell in found[first + 1:place] if cell.strip(" ")]
            return Row(words[0], (found[place], ), "the first column is empty; the next one is read",
                       lossy=True) if words else no_token([found[place]])
        # CoNLL-U writes "_" where nothing is
        tag = "O" if first and found[place].strip() == "_" else found[place]
        return Row(token, (tag,), problem, lossy)

    return cut


_NO_WORD = re.compile(r"\d+[-.]\d+")
"""The number of a line of CoNLL-U that is no word: "1-2" repeats two words as they are written, "2.1" stands
nowhere."""


def _filled(cells: list[str], usual: int) -> list[str]:
    """Cells of a line without empty ones where it has too many: the line is indented, or has two tabs for
    one."""
    while len(cells) > usual and not cells[0].strip(" "):
        cells = cells[1:]
    if len(cells) > usual and len(full := [cell for cell in cells if cell.strip(" ")]) == usual:
        return full
    return cells


def numbered(lines: Sequence[str]) -> bool:
    """Whether the first of three columns or more counts the tokens, as in CoNLL-U: of each post, or of
    all."""
    before, most, fresh = 0, 0, True
    for line in lines:
        cells = line.split("\t") if "\t" in line else line.split(" ")
        if not line.strip() or line.startswith(("#", ID_MARK)):
            fresh = True
            continue
        if len(cells) > 2 and _NO_WORD.fullmatch(cells[0]):
            continue
        if len(cells) < 3 or cells[0] not in ((str(before + 1), "0", "1") if fresh else (str(before + 1),)):
            return False
        before, fresh = int(cells[0]), False
        most = max(most, before)
    return most > 1


def _usual_cells(lines: Sequence[str]) -> int:
    """Columns of the lines with tabs, leading tabs and those at the end left out; 0 where fewer than half of
    them agree."""
    tally = Counter(
        len(line.strip(" \t").split("\t"))
        for line in lines
        if "\t" in line and line.strip() and not line.startswith(ID_MARK))
    width = min(tally, key=lambda width: (-tally[width], width), default=0)
    return width if width > 1 and 2 * tally[width] >= tally.total() else 0


def _usual_width(lines: Sequence[str]) -> int:
    """Columns of most lines that are cut at spaces, the smaller number of two; 0 where most are cut at
    tabs."""
    tally = Counter(0 if "\t" in line else len(re.split(" +", line))
                    for line in map(str.strip, lines)
                    if line)
    return min(tally, key=lambda width: (-tally[width], width), default=0)


def _has_tag(row: Row) -> bool:
    tag = row.tags[0].strip()
    return bool(LIKE_A_TAG.fullmatch(tag)) and (row.problem is None or tag != "O")


def _instead(lines: Sequence[str]) -> str:
    """What a file without a tag may be."""
    full = [line.strip() for line in lines if line.strip()]
    if 2 * sum(map(bool, map(PARTED.fullmatch, full))) > len(full):
        return "tokens and tags must be parted by tabs or spaces"
    if 2 * sum(bool(LIKE_A_TAG.fullmatch(line.split()[0])) for line in full) > len(full):
        return "the first column looks like tags, but must be the tokens"
    return ("--column N says where it is; gmner prepare text, csv, doccano or label-studio read files of "
            "other kinds")


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """One file gives one "split", called as the file is. A post without an IMGID line is called NAME-NUMBER.

    The tag scheme is told by the file: see ``gmner_cli.data.schemes``. With
    ``options.orphans`` marks B and I alone are IOB2, and an I- that continues
    nothing does as asked; without, it starts an entity.
    Raises GmnerError when ``source`` is not a file.
    """
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source), hint="conll reads one file: --source tagged.txt")
    lines = read_lines(source, tagged=True)
    cut = cells_of(options.column, lines)
    numbers = numbered(lines)
    if numbers:
        report.add("tag_scheme", source, "its first column counts the tokens, which stand in the second")
    sentences = read_sentences(source, cut, [None], report, ids=False, free=options.orphans is None,
                               fix=options.fix, numbers=numbers)
    if sentences and not any(_has_tag(cut(line)) for line in lines if line.strip()):
        report.add("unknown_tag", source, f"no line has a tag in column {options.column}: {_instead(lines)}",
                   lossy=True)
    posts = tagged_posts(sentences, source, report, options, orphans="start", meta={"dataset": "conll"},
                         name=lambda number: f"{source.stem}-{number}")
    add_boxes(posts, options, report)
    return {source.stem: posts}


ADAPTERS = (Adapter(name="conll", read=read, family="conll",
                    accepts=frozenset({"boxes", "orphans", "column", "label_map"}), own_file=True,
                    published="nobody in particular: any file of tagged tokens will do",
                    layout="a CoNLL file"), )
