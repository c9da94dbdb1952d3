"""Reading CoNLL files as the Twitter data sets publish them: ``IMGID:`` lines, one token a line.

Lines end at ``\\n`` alone (``\\r\\n`` is tolerated, and ``\\r`` where a file has no other
ends) and cells at a tab: tokens hold every other kind of white space and control
character there is, so neither ``str.splitlines`` nor ``str.split()`` may touch them.
A line of nothing but white space ends a post.

Every word of a file reaches the posts, also from a line that is malformed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gmner_cli.data.findings import Report
from gmner_cli.data.schemes import Scheme, detect, unended
from gmner_cli.errors import GmnerError
from gmner_cli.records.jsonl import UTF16

ID_MARK = "IMGID:"
_DOCSTART = re.compile(r"-DOCSTART-(\s|$)")
_COMMENT = re.compile(r"# *[\w.:-]+ *=| *# [^\t]*$|# ?id[ \t]\S+\t\w+=\S*$")
LIKE_A_TAG = re.compile(r"O|[BIESLUMW] ?[-_].+|.+[-_] ?[BIESLUMW]", re.IGNORECASE)
"""What a last column must look like where it alone tells how a line is meant."""
PARTED = re.compile(r".+[,;|/\\:]\s*(O|[BIESLUMW][-_]\S+)", re.IGNORECASE | re.DOTALL)
"""A token and a tag in one cell, parted by a sign that no CoNLL file has between columns."""
_OTHER_ENDS = "\r\x0b\x0c\x85\u2028\u2029"
_AFTER_A_TAG = re.compile(rf"([\t ](?:O|[BIESLUMW][-_][^\s]+))([{_OTHER_ENDS}]+)(?=[^\n{_OTHER_ENDS}])")


class Row(NamedTuple):
    """One line: the token and its tags as they stand; ``problem``: what is wrong with the line.

    ``lossy``: the line says something that the row cannot hold. ``more``: rows
    of lines that were joined to this one.
    """

    token: str
    tags: tuple[str, ...]
    problem: str | None = None
    lossy: bool = False
    more: tuple[Row, ...] = ()


Cut = Callable[[str], Row]


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


def tab_cells(count: int) -> Cut:
    """Lines of a token and ``count`` tags between tabs; white space at the end of a line is nothing."""

    def cut(line: str) -> Row:
        cells = line.rstrip(" \t").split("\t")
        if len(cells) == 1 + count:
            token, *tags = cells
            return Row(token, tuple(tags)) if token.strip(" ") else no_token(tags)
        problem = f"expected {1 + count} tab-separated columns, found {len(cells)}: {line[:80]!r}"
        full = [cell for cell in cells if cell.strip(" ")]
        if len(cells) == 1:
            # Cut at spaces only where that gives what a line must hold: a token may have spaces inside.
            words = line.rsplit(None, count)
            if len(words) == 1 + count and all(map(LIKE_A_TAG.fullmatch, words[1:])):
                return Row(words[0].rstrip(" "), tuple(words[1:]), problem)
        tags = full[1:1 + count]
        return joined(cells, 1 + count, problem) or Row(
            full[0],
            (*tags, *["O"] *
             (count - len(tags))), problem, lossy=len(full) > 1 + count or bool(PARTED.fullmatch(full[0])))

    return cut


def joined(cells: Sequence[str], width: int, problem: str) -> Row | None:
    """The rows of lines of ``width`` cells that stand in one line, as where a line end was lost; None where
    they do not."""
    lines = [cells[at:at + width] for at in range(0, len(cells), width)]
    if not (1 < width < len(cells)) or not all(
            len(line) == width and line[0].strip(" ") and LIKE_A_TAG.fullmatch(line[-1].strip())
            for line in lines):
        return None
    first, *others = (Row(line[0], tuple(line[1:])) for line in lines)
    return first._replace(problem=problem, more=tuple(others))


def no_token(tags: Sequence[str]) -> Row:
    """The row of a line that has no token, which leaves a tag of an entity without its word."""
    return Row("", tuple(tags), "the token is empty", lossy=any(tag.strip() not in ("", "O") for tag in tags))


def read_lines(path: Path, tagged: bool = False) -> list[str]:
    """The lines of a UTF-8 file without their ends; a byte order mark is skipped.

    ``tagged``: of a file of tokens and tags, where an end that other programs write
    (U+0085, U+2028 and the like) is one behind a tag.
    Raises GmnerError when the file is missing or not UTF-8 (with the line).
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise GmnerError(f"cannot be read: {problem.strerror}", where=str(path)) from None
    # Half of the bytes of English UTF-16 are zero, and without its mark it passes for UTF-8.
    utf16 = data.startswith(UTF16) or data.count(0) > len(data) // 4
    try:
        if utf16:
            raise UnicodeDecodeError("utf-8", data, 0, 1, "it is UTF-16")
        text = data.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise GmnerError(
            f"is not UTF-8: {problem.reason}", where=f"{path}:{line}",
            hint=f"convert it, as in: iconv -f {'UTF-16' if utf16 else 'latin1'} -t UTF-8") from None
    # A file of an old Mac, perhaps with a few ends of another system. A lone CR elsewhere belongs to a word.
    if text.count("\r") - text.count("\r\n") > text.count("\n"):
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if tagged and any(end in text for end in _OTHER_ENDS):
        text = _AFTER_A_TAG.sub(lambda found: found[1] + "\n" * len(found[2]), text)
    # A mark inside is where files were joined; elsewhere it may be a word.
    return [line.rstrip("\r") for line in text.replace(f"\n\ufeff{ID_MARK}", f"\n{ID_MARK}").split("\n")]


def read_sentences(path: Path, cut: Cut, labels: Sequence[Collection[str] | None], report: Report, *,
                   ids: bool = True, free: bool = False, fix: bool = False,
                   numbers: bool = False) -> list[Sentence]:
    """All posts of a file, their tags in the one form of ``gmner_cli.data.schemes``.

    ``labels``: the types allowed in each tag column (None: any). ``ids``: every
    post must open with an IMGID line. ``free``: see ``schemes.detect``. ``numbers``:
    every line of a token begins with its number, so that one with # is a comment.
    Everything odd goes to ``report``. The tokens are the same with and without
    ``fix``: a tag that cannot be read is O, and a token outside a post begins one.
    """
    posts: list[Sentence] = []
    current: Sentence | None = None
    comments, untold = 0, True
    for number, line in enumerate(read_lines(path, tagged=True), start=1):
        where = f"{path}:{number}"
        if not line.strip() or (line.startswith("-DOC") and _DOCSTART.match(line)):
            # The posts of some files have an empty line below their id.
            current = current if current is not None and not current.tokens and current.id else None
            continue
        if line.startswith(ID_MARK):
            name = line[len(ID_MARK):].split("\t")[0].strip()
            current = Sentence(name or None, number)
            posts.append(current)
            if ids and not name:
                report.add("malformed_line", where, "IMGID without an id", fixed=fix)
            continue
        if (numbers and line.startswith("#")) or (current is None and _is_comment(line)):
            comments += 1
            continue
        row = cut(line)
        problem = row.problem
        if current is None and ids:
            problem = problem or "a token stands outside a post: no IMGID line before it"
        if problem:
            report.add("malformed_line", where, problem, fixed=fix and not row.lossy, lossy=row.lossy)
        untold = untold and row.problem is not None and all(tag == "O" for tag in row.tags)
        for word in (row, *row.more):
            if not word.token.strip(" "):
                continue
            if current is None:
                current = Sentence(None, number)
                posts.append(current)
            current.tokens.append(word.token)
            current.tags.append(word.tags)
            current.lines.append(number)
    if ids and untold and any(post.tokens for post in posts):
        report.add("malformed_line", path, "no line has a tag, so nothing tells what the entities are",
                   lossy=True)
    if comments:
        report.add("comment_line", path, f"{comments} lines begin with # and have no tag; they are no posts")
    for post in posts:
        if not post.tokens:
            report.add("empty_post", f"{path}:{post.line}", f"post {post.id} has no tokens")
    _one_form(posts, path, labels, free, report)
    return posts


def _is_comment(line: str) -> bool:
    """Whether a line before a post is CoNLL-U's ``# text = ...`` or ``# newpar``, or MultiCoNER's ``# id
    ...``; "#" with a tag is a word of a tweet."""
    found = _COMMENT.match(line)
    return found is not None and ("=" in found[0] or not LIKE_A_TAG.fullmatch(line.split(" ")[-1]))


def _one_form(posts: Sequence[Sentence], path: Path, labels: Sequence[Collection[str] | None], free: bool,
              report: Report) -> None:
    """Bring every tag column into the one form, in place, and report what the file's scheme is and what
    breaks it."""
    columns: list[list[list[str]]] = []
    for number, allowed in enumerate(labels):
        raw = [post.column(number) for post in posts]
        scheme = detect(raw, free=free)
        _tell(scheme, path, number if len(labels) > 1 else None, report)
        renamed: Counter[tuple[str, str]] = Counter()
        columns.append([])
        for post, tags in zip(posts, raw, strict=True):
            read, reasons = scheme.read_all(tags, allowed)
            columns[-1].append(read)
            for at, reason in reasons.items():
                report.add("unknown_tag", f"{path}:{post.lines[at]}",
                           f"{reason}; read as O, the word is kept", lossy=True)
            for at in unended(read) if scheme.ends else ():
                report.add("unended_entity", f"{path}:{post.lines[at]}", f"{tags[at].strip()} is the last of "
                                                                         "an entity that does not end")
            if allowed is not None and read != tags:
                renamed.update((old, new[2:])
                               for old, new in zip(tags, read, strict=True)
                               if new != "O" and new[2:] not in old)
        for (old, new), count in renamed.items():
            report.add("label_renamed", path, f"the type of {old.strip()} is {new} in the records ({count} "
                                              "tokens)")
    for at, post in enumerate(posts):
        post.tags = list(zip(*(column[at] for column in columns), strict=True))


def _tell(scheme: Scheme, path: Path, column: int | None, report: Report) -> None:
    place = "" if column is None else f", tag column {column + 1}"
    report.schemes[f"{path}{place}"] = str(scheme)
    if str(scheme) != "IOB2":
        report.add("tag_scheme", path, f"is read as {scheme}{place}")
    for doubt in scheme.doubts:
        report.add("scheme_doubt", path, doubt + place)


def split_paths(folder: Path, names: Sequence[tuple[str, str]]) -> dict[str, Path]:
    """Split name to file for ``(split, file name)`` pairs. Raises GmnerError naming the first absent one."""
    paths = {split: folder / name for split, name in names}
    for path in paths.values():
        if not path.is_file():
            raise GmnerError("no such file", where=str(path),
                             hint=f"--source must be the folder that holds {', '.join(n for _, n in names)}")
    return paths
