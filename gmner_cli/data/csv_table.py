"""CSV and TSV: one post a row, columns by the names of the header.

    id,text,image
    7,Lady Gaga sings in Oslo,photos/7.jpg

The text stands in ``text`` (or tweet, post, sentence, content, ...), the picture in
``image`` (or picture, photo, file_name, ...), the id in ``id`` (or post_id, tweet_id,
...); every other column goes to ``meta``. Cells are cut at commas, semicolons or
tabs, whichever the header has most of.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.boxes_file import add_boxes
from gmner_cli.data.conll import read_lines
from gmner_cli.data.findings import Report
from gmner_cli.data.own_boxes import picture_name
from gmner_cli.errors import GmnerError
from gmner_cli.records import Post

_NAMES = {
    "text": ("text", "tweet", "tweettext", "fulltext", "post", "posttext", "sentence", "content", "message",
             "body", "string"),
    "image": ("image", "img", "imagepath", "imageid", "imagename", "imagefile", "picture", "photo",
              "filename", "media"),
    "id": ("id", "postid", "tweetid", "imgid", "idstr", "key", "index"),
}
"""Names of columns without marks and in lower case, the best first."""
LONGEST_CELL = 1_000_000


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """One post a row, without entities; a row without an id is called NAME-LINE.

    Raises GmnerError when the file is no table or has no column of texts.
    """
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source), hint="csv reads one file: --source posts.csv")
    rows = _rows(source, report)
    header = next(rows, (1, []))[1]
    places = {field: _column(header, names) for field, names in _NAMES.items()}
    if places["text"] is None:
        raise GmnerError(f"has no column of texts among {', '.join(map(repr, header[:12])) or 'none'}",
                         where=f"{source}:1",
                         hint="call it text in the first line; one of the pictures image, one of the ids id")
    taken = {place for place in places.values() if place is not None}
    posts = []
    for line, row in rows:
        where = f"{source}:{line}"
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            report.add("unusable_entry", where, f"has {len(row)} cells where the header has {len(header)}",
                       lossy=True)
        cells = dict(enumerate(row[:len(header)]))
        text, image, own = ("" if place is None else cells.get(place, "")
                            for place in map(places.get, _NAMES))
        post = Post(
            id=own.strip() or f"{source.stem}-{line}", text=text, image=picture_name(image, where, report),
            meta={
                "dataset": "csv", **{header[n]: cell for n, cell in cells.items() if n not in taken and cell}
            })
        if not text.strip():
            report.add("empty_post", where, f"post {post.id} has no text")
        posts.append(post)
    add_boxes(posts, options, report)
    return {source.stem: posts}


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    plain = ["".join(filter(str.isalnum, name)).casefold() for name in header]
    return next((plain.index(name) for name in names if name in plain), None)


def _rows(source: Path, report: Report) -> Iterator[tuple[int, list[str]]]:
    """``(line, cells)`` of every row, the header first."""
    lines = read_lines(source)
    skipped = 1 if lines[0].lower().startswith("sep=") else 0  # what Excel tells itself
    lines = lines[skipped:]
    mark = max("\t;,", key=lambda mark: (lines[0].count(mark), mark == ",")) if lines else ","
    content = "\n".join(lines)
    try:
        found = _cut(content, mark, quoted=True)
    except csv.Error as problem:
        # Tweets hold quotation marks, and tables with tabs are often written without any quoting.
        if mark != "\t":
            raise GmnerError(f"cannot be cut into cells: {problem}", where=str(source),
                             hint="cells with a quotation mark or a line end stand in quotation marks, "
                                  "doubled inside") from None
        report.add("not_used", source, "its quotation marks belong to the texts: they do not enclose cells")
        try:
            found = _cut(content, mark, quoted=False)
        except csv.Error as problem:
            raise GmnerError(f"cannot be cut into cells: {problem}", where=str(source)) from None
    return ((line + skipped, row) for line, row in found)


def _cut(content: str, mark: str, quoted: bool) -> list[tuple[int, list[str]]]:
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=mark, strict=True,
                            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        found, line = [], 1
        for row in reader:
            found.append((line, row))
            line = reader.line_num + 1
        return found
    finally:
        csv.field_size_limit(before)


ADAPTERS = (Adapter(name="csv", read=read, family="csv", accepts=frozenset({"boxes"}), own_file=True,
                    published="nobody: your own posts",
                    layout="a table whose first line names its columns: text, and perhaps image and id"), )
