"""Results of the stages before a trained model, stored as they are made: a resumed training reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gmner_cli.records import Post
from gmner_cli.records.jsonl import disk_errors, encode, loads

FOLDER = "made"
"""In ``OUT.partial``; a finished model does without."""


class Made:
    """What one stage made of the posts of one file, ``made/ROLE.SECTION.jsonl``.

    The first line says how: ``by`` is the hash of the stage's class, settings, weights and code. Each other
    line is about a post: its ``id``, ``key`` (the hash of the whole post as the stage saw it), and ``made``,
    a list with the fields that the stage changed, once for each version of the post; or ``error``. So results
    of another stage, or for a post that has changed, are never taken up. A line that a kill tore is dropped.
    """

    def __init__(self, work: Path, role: str, section: str, by: str):
        """``work``: the folder of the training. What lies there of a stage that was otherwise ``by`` is
        removed.

        Raises GmnerError where nothing can be written.
        """
        self.path = work / FOLDER / f"{role}.{quote(section, safe='')}.jsonl"
        self.lines: dict[str, dict[str, Any]] = {}
        """By ``key``."""
        self.finds: list[str] | None = None
        """What the stage said it finds, when it was made; None where nothing is stored."""
        self._by = by
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read()
            self._file = open(self.path, "ab")
            self._file.truncate(whole)

    def begin(self, finds: Iterable[str]) -> None:
        """Say, once, what the stage finds that makes the results; to be called before the first ``add``."""
        if self.finds is None:
            self.finds = list(finds)
            self._append({"by": self._by, "finds": self.finds})

    def add(self, lines: Iterable[dict[str, Any]]) -> None:
        """Append lines and hand them to the operating system, in one go."""
        self._append(*lines)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, *lines: dict[str, Any]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        with disk_errors(self.path, "free some space and train again with --resume: what was made is kept"):
            self._file.write(text.encode())
            self._file.flush()

    def _read(self) -> int:
        """Take up the lines that are there; returns how many bytes of the file to keep."""
        if not self.path.is_file():
            return 0
        whole = 0
        with open(self.path, "rb") as stream:
            for number, line in enumerate(stream):
                if not line.endswith(b"\n"):
                    break
                try:
                    content = loads(line)
                except ValueError:
                    content = {}
                if number == 0:
                    if content.get("by") != self._by:
                        return 0
                    self.finds = list(content["finds"])
                elif isinstance(content.get("key"), str):
                    self.lines[content["key"]] = content
                whole += len(line)
        return whole


def key_of(post: Post) -> str:
    """Tells posts apart by all that a stage can see of them. Raises RecordError for what JSON cannot hold."""
    return hashlib.sha256(encode(post)).hexdigest()


def changes_to(before: Post, after: Post) -> dict[str, Any]:
    """The fields of ``after``, as JSON has them, that are not so in ``before``; None for one that is gone.
    Raises RecordError."""
    old, new = loads(encode(before)), loads(encode(after))
    gone = dict.fromkeys(old.keys() - new.keys())
    return {**gone, **{name: value for name, value in new.items() if name not in old or old[name] != value}}


def changed(before: Post, made: dict[str, Any]) -> Post:
    """Inverse of ``changes_to``: the post with what was made of it. Raises RecordError for values of a wrong
    type."""
    return Post.from_builtins({**loads(encode(before)), **made})
