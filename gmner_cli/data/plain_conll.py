"""Any CoNLL file: one token a line, the tag in a chosen column, tabs or spaces, IMGID lines if there are any."""

from __future__ import annotations

import re
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.conll import Cells, read_sentences
from gmner_cli.data.findings import Report
from gmner_cli.data.posts import tagged_posts
from gmner_cli.data.tags import check_tag
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.records import Post


def cells_of(column: int) -> Cells:
    """Lines of a token, then columns of which ``column`` is the tag (1 is the token's, -1 the last).

    A line with a tab is cut at its tabs, another one at its spaces. Raises
    UsageError when the column can only be the token's.
    """
    if column in (0, 1):
        raise UsageError(f"--column {column} is not a tag column", hint="column 1 is the token; the last is -1")

    def cells(line: str) -> tuple[str, ...]:
        found = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        place = column - 1 if column > 0 else len(found) + column
        if not 0 < place < len(found):
            raise ValueError(f"expected a token and a tag in column {column}, found {len(found)} columns: {line[:80]!r}")
        check_tag(found[place], None)
        return found[0], found[place]

    return cells


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """One file gives one "split", called as the file is. A post without an IMGID line is called NAME-NUMBER.

    An orphan I- starts an entity (files in the older IOB1 scheme rely on that).
    Raises GmnerError when ``source`` is not a file.
    """
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source), hint="conll reads one file: --source tagged.txt")
    sentences = read_sentences(source, cells_of(options.column), report, ids=False, fix=options.fix)
    posts = tagged_posts(sentences, source, report, orphans=options.orphans or "start", fix=options.fix,
                         meta={"dataset": "conll"}, name=lambda number: f"{source.stem}-{number}")
    return {source.stem: posts}


ADAPTERS = (
    Adapter(name="conll", read=read, family="conll", accepts=frozenset({"orphans", "column"}),
            published="nobody in particular: any file of tagged tokens will do", layout="a CoNLL file"),
)
