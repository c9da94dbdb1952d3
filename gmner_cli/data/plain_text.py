"""Plain text: one post a line, nothing else. ``posts.txt``, line 3, becomes the post ``posts-3``.

    New York wakes up
    Lady Gaga sings in Oslo
"""

from __future__ import annotations

from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.conll import read_lines
from gmner_cli.data.findings import Report
from gmner_cli.errors import GmnerError
from gmner_cli.records import Post


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """Every line that is not blank, as it stands, without entities. Raises GmnerError when it is no UTF-8
    file."""
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source), hint="text reads one file: --source posts.txt")
    return {source.stem: [Post(id=f"{source.stem}-{number}", text=line, meta={"dataset": "text"})
                          for number, line in enumerate(read_lines(source), start=1) if line.strip()]}


ADAPTERS = (Adapter(name="text", read=read, family="text", own_file=True, published="nobody: your own posts",
                    layout="one post a line"), )
