"""``score`` and ``view``: found posts against gold ones, in figures and on a page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmner_cli.api.given import File, Folder, image_folder
from gmner_cli.errors import GmnerError, UsageError

if TYPE_CHECKING:
    from gmner_cli.records import Post
    from gmner_cli.records.jsonl import Source


def score(pred: Source, gold: Source, *, iou: float = 0.5, match: str = "span",
          label_map: Mapping[str, str] | None = None, small: float = 0.02, ignore_extra: bool = False,
          cascade: Mapping[str, Source] | None = None) -> dict[str, Any]:
    """Compare predicted posts with gold posts, as `gmner score` does.

    Parameters
    ----------
    pred, gold: JSONL files, or lists of records as ``load`` takes and gives them. Posts are joined by id.
    iou: a region is right with an intersection over union above this, 0 < iou < 1.
    match: "span" joins entities by post and characters; "text" by image, name and type, as RiVEG's script
        does.
    small: a region under this share of its image is small.
    ignore_extra: leave out posts that are not in ``gold``, instead of raising.
    cascade: runs that believed gold, by level, as in {"spans": "spans.jsonl"}: ``report["cascade"]`` then
        says what each stage loses.

    Returns the report that `gmner score --json` prints: ``rows`` holds precision, recall and F1 in percent by
    task, and ``warnings`` what a reader must know. Raises RecordError for records that cannot be used,
    UsageError for values out of their range, GmnerError for files that cannot be read and posts that do not
    fit together.

    >>> import gmner_cli
    >>> gmner_cli.score("sample_data/gold.jsonl", "sample_data/gold.jsonl")["rows"]["GMNER"]["f1"]
    100.0
    """
    from gmner_cli.records.jsonl import read_posts
    from gmner_cli.scoring import task_scores
    from gmner_cli.scoring.cascade import cascade as by_stage
    from gmner_cli.scoring.counts import Settings
    from gmner_cli.scoring.published_count import score_by_text

    counts = {"span": task_scores.score, "text": score_by_text}
    if match not in counts:
        raise UsageError(f"unknown --match {match!r}", hint=" or ".join(counts))
    runs = dict(cascade or {})
    _check_sources(pred, gold, runs, match)
    settings = Settings(iou=iou, small=small, renames=dict(label_map or {}), ignore_extra=ignore_extra)
    if not runs:
        return counts[match](read_posts(pred), read_posts(gold), settings)
    again = gold if isinstance(gold, (str, Path)) else list(gold)
    return by_stage(read_posts(pred), {level: read_posts(run) for level, run in runs.items()},
                    lambda: read_posts(again), settings)


def _check_sources(pred: Source, gold: Source, runs: Mapping[str, Source], match: str) -> None:
    """Raise where the files cannot be read as often as is needed, before any is."""
    from gmner_cli.scoring.cascade import check_level

    if _is_stdin(pred) and _is_stdin(gold):
        raise UsageError("PRED and GOLD cannot both be stdin")
    for level, run in runs.items():
        check_level(level)
        if isinstance(run, (str, Path)) and not _is_stdin(run) and not Path(run).exists():
            raise GmnerError("no such file", where=str(run),
                             hint=f"make it with `gmner predict --gold {level} ... -o {run}`")
    if runs and match == "text":
        raise UsageError("--cascade counts by span", hint="leave out --match text")
    if runs and (_is_stdin(gold) or sum(map(_is_stdin, (pred, *runs.values()))) > 1):
        raise UsageError("with --cascade, stdin can be only one of PRED and the runs",
                         hint="name a file for GOLD, which is read once for every run")


def _is_stdin(source: Source) -> bool:
    return isinstance(source, (str, Path)) and str(source) == "-"


@dataclass
class Viewed:
    """What became of a page: the number of posts, and (where, reason) of what could not be shown or read."""

    posts: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


def view(posts: Source, out: File, *, images: Folder | None = None, follow_links: bool = False,
         gold: Source | None = None, title: str | None = None, limit: int | None = None,
         iou: float | None = None, match: str | None = None, small: float | None = None,
         label_map: Mapping[str, str] | None = None, overwrite: bool = False,
         on_problem: Callable[[str, str], Any] = lambda where, reason: None) -> Viewed:
    """Show posts in one HTML page with their pictures, as `gmner view` does.

    Parameters
    ----------
    posts, gold: JSONL files, or lists of records. With ``gold`` every entity is judged.
    iou, match, small, label_map: as of ``score``, which counts what the page shows.
    out: the page; what is there already is replaced where it is a page of gmner view, or with ``overwrite``.
    images: folder of the pictures. None: ``images`` beside ``posts``, else its own folder; of records in
        memory, ``images`` where the process runs, else that folder.
    on_problem: called with (where, reason) of each picture that cannot be shown, and each line that cannot be
        read.

    Raises GmnerError when nothing can be read or the page cannot be written, UsageError for an ``out`` that
    must not be, and where there is no ``gold`` that ``iou``, ``match`` or ``small`` could be about.

    >>> import gmner_cli
    >>> gmner_cli.view("sample_data/gold.jsonl", "page.html")
    Viewed(posts=28, problems=[])
    """
    from gmner_cli.flow import outputs
    from gmner_cli.records.jsonl import read_posts, write_atomic
    from gmner_cli.report import render_page
    from gmner_cli.scoring.counts import Settings

    if gold is None and not (iou is match is small is None):
        raise UsageError("--iou, --match and --small say how --gold is compared, and there is none")
    if match not in (None, "span", "text"):
        raise UsageError(f"unknown --match {match!r}", hint="span or text")
    given = {"iou": iou, "small": small}
    counting: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**counting, renames=dict(label_map or {}))
    file = posts if isinstance(posts, (str, Path)) else None
    outputs.check_page(str(out), [source for source in (posts, gold) if isinstance(source, (str, Path))],
                       overwrite)
    seen = Viewed()

    def complain(where: str, reason: str) -> None:
        seen.problems.append((where, reason))
        on_problem(where, reason)

    shown = _readable(posts, limit, complain)
    heading = title or ("posts" if file is None else "stdin" if str(file) == "-" else Path(file).name)
    page = render_page(shown, None if gold is None else read_posts(gold),
                       image_folder(images, "-" if file is None else file, follow_links), heading,
                       on_problem=complain, follow_links=follow_links, settings=settings,
                       by_text=match == "text")
    if str(out) == "-":
        sys.stdout.buffer.write(page.encode("utf-8"))
    else:
        path = Path(os.path.realpath(out))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page)
    seen.posts = len(shown)
    return seen


def _readable(source: Source, limit: int | None, complain: Callable[[str, str], Any]) -> list[Post]:
    """All posts; a bad line becomes a post that says why. Raises when no line at all can be read."""
    from gmner_cli.records.jsonl import failed_post, lines_of

    posts: list[Post] = []
    first_bad: GmnerError | None = None
    for line in lines_of(source):
        if limit is not None and len(posts) >= limit:
            break
        if line.error is None:
            posts.append(line.checked())
            continue
        first_bad = first_bad or line.error
        complain(line.error.where or str(source), line.error.message)
        posts.append(failed_post(line))
    if first_bad is not None and all(post.error for post in posts):
        raise first_bad
    return posts
