"""Which files a run may write, and the manifest beside its output.

A run writes none of the files that it reads, and replaces only what gmner made, unless it is told to. A file
of records is known by its manifest, ``OUT.run.json``; a page of ``view`` by its first lines. Commands check
before a run; ``sink`` writes the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gmner_cli.errors import UsageError, printable
from gmner_cli.files.temporary import clear_leftovers, temporary_for
from gmner_cli.records.jsonl import disk_errors, write_atomic

PARTIAL, MANIFEST, BEFORE = ".partial", ".run.json", ".before"
"""What the names of the files beside an output add to its own."""

PAGE = b'<meta name="generator" content="gmner view">'
"""What a page of ``view`` says of itself."""


def check_records(out: str | Path | None, inputs: Iterable[str | Path | None], *,
                  also: Iterable[Path | None] = (), overwrite: bool = False, resume: bool = False,
                  limit: int | None = None) -> None:
    """Refuse to write records to ``out`` where that would cost something; changes nothing.

    ``inputs``: files that are read, and folders whose files are; "-" is stdin. ``also``: what else the
    command writes. Raises UsageError when a file would be written that is one of the inputs, whatever its
    path; or, unless ``overwrite``, when ``out`` holds something and gmner did not write it.
    """
    inputs = list(inputs)
    if out is None or str(out) == "-":
        _refuse_inputs([("-", "stdout"), *((path, str(path)) for path in also if path)], inputs)
        return
    path = Path(os.path.realpath(out))
    if path.exists() and not path.is_file():  # a device or a FIFO; a folder is refused by whoever opens it
        return
    kept = path.with_name(path.name + BEFORE)
    endings = [PARTIAL, MANIFEST, *([BEFORE, BEFORE + MANIFEST] if limit is not None else [])]
    _refuse_inputs(
        [(path, str(out)), *((path.with_name(path.name + end), f"{out}{end} (written on the way)")
                             for end in endings), *((other, str(other)) for other in also if other)], inputs)
    if overwrite or resume:  # what cannot be gone on with is refused by ``sink``
        return
    _refuse_foreign(path, str(out))
    if limit is not None and count_lines(path) > limit:
        _refuse_foreign(kept, f"{out}{BEFORE} (where the longer {path.name} would be kept)")


def check_page(out: str, inputs: Iterable[str | Path | None], overwrite: bool = False) -> None:
    """As ``check_records``, for a page of ``view``."""
    _refuse_inputs([(out if out == "-" else os.path.realpath(out), "stdout" if out == "-" else out)],
                   list(inputs))
    if overwrite or out == "-" or not _holds_something(Path(out)):
        return
    with disk_errors(out), open(out, "rb") as stream:
        ours = PAGE in stream.read(4096)
    if not ours:
        raise UsageError("is not empty, and no page of gmner view", where=out,
                         hint="name another file with -o, or replace it with --overwrite")


def read_manifest(out: Path) -> dict[str, Any] | None:
    """What stands beside an output; None when there is no manifest, nothing when it is damaged."""
    try:
        content = json.loads(out.with_name(out.name + MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("config"), dict) else {}


def write_manifest(out: Path, content: dict[str, Any]) -> None:
    write_atomic(out.with_name(out.name + MANIFEST), json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def described(path: Path) -> dict[str, Any]:
    """What tells a file's content from another: its size and sha256."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
        return {"size": stream.tell(), "sha256": digest.hexdigest()}


def last_whole(out: Path, manifest: dict[str, Any] | None) -> dict[str, Any] | None:
    """The part of a manifest that tells of ``out`` as it is now; None when that is not as gmner left it."""
    now: dict[str, Any] | None = None
    for whole in (manifest or {}, (manifest or {}).get("before")):
        if not isinstance(whole, dict):
            continue
        written = whole.get("written")
        if written is None and whole.get("finished") is True:  # as manifests were before they said it
            return whole
        if isinstance(written, dict) and out.is_file() and written.get("size") == out.stat().st_size:
            now = now or described(out)
            if written == now:
                return whole
    return None


def keep_before(out: Path, manifest: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Keep a file that is about to be replaced by a shorter one as OUT.before, with its manifest; say so.

    A still longer one that is kept there already stays. Nothing is without a name at any moment.
    """
    kept = out.with_name(out.name + BEFORE)
    had, has = (count_lines(path) if path.is_file() else 0 for path in (kept, out))
    if had > has:
        tell(f"{out} had {has} posts, which are replaced; {kept}, which is longer still, stays as it is")
        return
    earlier = last_whole(kept, read_manifest(kept))
    write_manifest(kept, {**manifest, "before": earlier} if earlier else manifest)
    clear_leftovers(kept)
    temporary = temporary_for(kept)
    try:
        temporary.unlink(missing_ok=True)
        try:
            os.link(out, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(out, temporary)
        os.replace(temporary, kept)
    finally:
        temporary.unlink(missing_ok=True)
    tell(f"the {has} posts that {out} had are kept in {kept}")


def count_lines(path: Path) -> int:
    """Lines of a file that hold something; 0 when there is none."""
    if not path.is_file():
        return 0
    with disk_errors(path), open(path, "rb") as stream:
        return sum(not line.isspace() for line in stream)


def _refuse_foreign(path: Path, name: str) -> None:
    if not _holds_something(path):
        return
    manifest = read_manifest(path)
    if last_whole(path, manifest) is None:
        why = "was not written by gmner, and is not empty"
        if manifest and manifest.get("finished"):
            why = "has been changed since gmner wrote it"
        raise UsageError(why, where=printable(name),
                         hint="name another file with -o, or replace it with --overwrite")


def _refuse_inputs(outputs: Iterable[tuple[str | Path, str]], inputs: list[str | Path | None]) -> None:
    read: dict[Any, str] = {}
    for path in inputs:
        if path is not None:
            for mark in _marks(path):
                read.setdefault(mark, "stdin" if str(path) == "-" else str(path))
    for path, name in outputs:
        for mark in _marks(path, output=True):
            if mark in read:
                raise UsageError(f"is also what is read: {printable(read[mark])}", where=printable(name),
                                 hint="name another file with -o")


def _marks(path: str | Path, output: bool = False) -> Iterable[Any]:
    """What a regular file is known by, whatever it is called; for a folder that is read, by its files."""
    try:
        if str(path) == "-":
            found = os.fstat((sys.stdout if output else sys.stdin).fileno())
            return [(found.st_dev, found.st_ino)] if stat.S_ISREG(found.st_mode) else []
        found = os.stat(path)
        inside = list(Path(path).iterdir()) if stat.S_ISDIR(found.st_mode) and not output else []
    except (OSError, ValueError, AttributeError):  # no such file; stdout of a test
        return [] if str(path) == "-" or "\0" in str(path) else [os.path.realpath(path)]
    if stat.S_ISDIR(found.st_mode):
        return [mark for one in inside if not one.is_dir() for mark in _marks(one)]
    return [(found.st_dev, found.st_ino), os.path.realpath(path)] if stat.S_ISREG(found.st_mode) else []


def _holds_something(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
