"""A loaded data set in figures: the table for a person, the same figures for report.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from gmner_cli.data.adapter import Splits
from gmner_cli.data.findings import KINDS, Report
from gmner_cli.errors import MOST_CHARACTERS, shown
from gmner_cli.records import Post


def figures(posts: Sequence[Post]) -> dict[str, Any]:
    """Counts of one split.

    ``groundable`` are entities with a box, ``boxes`` the boxes of all entities:
    a box that two entities of one name share counts for each, as the published
    tables count. Both are absent where no entity was assessed.
    """
    entities = [entity for post in posts for entity in post.entities or []]
    assessed = [entity for entity in entities if entity.boxes is not None]
    fine = Counter(entity.fine_type for entity in entities if entity.fine_type)
    masks = sum(len(entity.masks) for entity in entities if entity.masks)
    counts: dict[str, Any] = {
        "posts": len(posts),
        "posts_with_image": sum(post.image is not None for post in posts),
        "tokens": sum(len(post.tokens or ()) for post in posts),
        "entities": len(entities),
        "types": dict(sorted(Counter(entity.type for entity in entities).items())),
    }
    if fine:
        counts["fine_types"] = dict(sorted(fine.items()))
    if assessed:
        counts["groundable"] = sum(bool(entity.boxes) for entity in assessed)
        counts["boxes"] = sum(len(entity.boxes or ()) for entity in assessed)
        counts["not_assessed"] = len(entities) - len(assessed)
    if masks:
        counts["masks"] = masks
    return counts


def table(splits: Splits) -> Table:
    """The figures of every split, side by side, with their sum."""
    columns = {name: figures(posts) for name, posts in splits.posts.items()}
    everything = [post for posts in splits.posts.values() for post in posts]
    if len(columns) > 1:
        columns["all"] = figures(everything)
    version = f" {splits.version}" if splits.version else ""
    grid = Table(title=_plain(f"{splits.name}{version}"), box=box.SIMPLE, title_justify="left")
    grid.add_column("")
    for name in columns:
        grid.add_column(_plain(name), justify="right")
    total = figures(everything)
    for row in total:
        if row == "types":
            for kind in total["types"]:
                grid.add_row(_plain(f"  {kind}"), *(str(c["types"].get(kind, 0)) for c in columns.values()))
        elif row == "fine_types":
            grid.add_row("fine types", *(str(len(c.get("fine_types", ()))) for c in columns.values()))
        elif row != "not_assessed" or total[row]:
            grid.add_row(row.replace("_", " "), *(str(c.get(row, "-")) for c in columns.values()))
    for other, counts in splits.leaks.items():
        for way in ("id", "text"):
            cells = [str(counts[name][way]) if name in counts and name != "test" else "-" for name in columns]
            grid.add_row(_plain(f"in {other} test ({counts['test']['posts']}), by {way}"), *cells)
    return grid


def _plain(text: str) -> Text:
    """Types and names come from files: brackets in them are no mark-up, and there may be a great many of
    them."""
    return Text(shown(text, 60))


def findings(report: Report, most: int) -> Iterator[str]:
    """The report for a person: a line per kind with its count, then the first ``most`` of its findings."""
    for kind, count in report.counts().items():
        items = report.of(kind)
        fixed = sum(item.fixed for item in items)
        level = "problem" if KINDS[kind].problem else "note"
        yield f"{level}: {kind} {count}{f' ({fixed} fixed)' if fixed else ''}: {KINDS[kind].meaning}"
        for item in items[:most]:
            yield f"    {shown(str(item), MOST_CHARACTERS)}"
        if count > most:
            yield f"    ... and {count - most} more in report.json"
