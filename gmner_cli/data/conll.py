"""Reading CoNLL files as the Twitter data sets publish them: ``IMGID:`` lines, one token a line.

Lines end at ``\\n`` alone (``\\r\\n`` is tolerated) and cells at a tab: tokens hold
every other kind of white space and control character there is, so neither
``str.splitlines`` nor ``str.split()`` may touch them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gmner_cli.data.findings import Report
from gmner_cli.data.tags import check_tag
from gmner_cli.errors import GmnerError
from gmner_cli.jsonl import UTF16

ID_MARK = "IMGID:"
Cells = Callable[[str], tuple[str, ...]]
"""One line to (token, tag, ...). Raises ValueError with the reason when the line is malformed."""


@dataclass
class Sentence:
    """One post: its id (None where the file gives none), tokens, the tag columns, and true line numbers."""

    id: str | None
    line: int
    tokens: list[str] = field(default_factory=list)
    tags: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def column(self, number: int = 0) -> list[str]:
        """One tag column; 0 is the first after the token."""
        return [row[number] for row in self.tags]


def tab_cells(*labels: Collection[str] | None) -> Cells:
    """Lines of a token and one tag per entry of ``labels`` (the types allowed there; None: any)."""

    def cells(line: str) -> tuple[str, ...]:
        found = line.split("\t")
        if len(found) != 1 + len(labels):
            raise ValueError(f"expected {1 + len(labels)} tab-separated columns, found {len(found)}: {line[:80]!r}")
        for tag, allowed in zip(found[1:], labels, strict=True):
            check_tag(tag, allowed)
        return tuple(found)

    return cells


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file without their ends; a byte order mark is skipped.

    Raises GmnerError when the file is missing or not UTF-8 (with the line).
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(path)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise GmnerError(f"is not UTF-8: {problem.reason}", where=f"{path}:{line}",
                         hint=f"convert it, as in: iconv -f {'UTF-16' if data.startswith(UTF16) else 'latin1'} -t UTF-8") from None
    return [line.removesuffix("\r") for line in text.split("\n")]


def read_sentences(path: Path, cells: Cells, report: Report, *, ids: bool = True, fix: bool = False) -> list[Sentence]:
    """All posts of a file. ``ids``: every post must open with an IMGID line.

    Malformed lines and empty posts go to ``report``; with ``fix`` a malformed
    line counts as mended, because it is left out.
    """
    posts: list[Sentence] = []
    current: Sentence | None = None
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}:{number}"
        if not line.strip(" ") or (not ids and line.startswith("-DOCSTART-")):
            current = None
            continue
        if line.startswith(ID_MARK):
            name = line[len(ID_MARK):].strip(" \t")
            current = Sentence(name or None, number)
            posts.append(current)
            if ids and not name:
                report.add("malformed_line", where, "IMGID without an id")
            continue
        try:
            token, *tags = cells(line)
            if not token.strip(" "):
                raise ValueError("the token is empty")
            if current is None and ids:
                raise ValueError("a token stands outside a post: no IMGID line before it")
        except ValueError as reason:
            report.add("malformed_line", where, str(reason), fixed=fix)
            continue
        if current is None:
            current = Sentence(None, number)
            posts.append(current)
        current.tokens.append(token)
        current.tags.append(tuple(tags))
        current.lines.append(number)
    for post in posts:
        if not post.tokens:
            report.add("empty_post", f"{path}:{post.line}", f"post {post.id} has no tokens")
    return posts


def split_paths(folder: Path, names: Sequence[tuple[str, str]]) -> dict[str, Path]:
    """Split name to file for ``(split, file name)`` pairs. Raises GmnerError naming the first absent one."""
    paths = {split: folder / name for split, name in names}
    for path in paths.values():
        if not path.is_file():
            raise GmnerError("no such file", where=str(path),
                             hint=f"--source must be the folder that holds {', '.join(n for _, n in names)}")
    return paths
