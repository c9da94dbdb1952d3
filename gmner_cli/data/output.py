"""Writing a loaded data set: one JSONL per split, and report.json beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from gmner_cli.data.adapter import Splits
from gmner_cli.data.exchange import REPORT, Exchange, exchange
from gmner_cli.data.summary import figures
from gmner_cli.records.jsonl import write_atomic, write_posts


def write(splits: Splits, folder: str | Path, *, records: bool = True,
          inputs: Iterable[str | Path | None] = (), overwrite: bool = False) -> list[Path]:
    """``folder/SPLIT.jsonl`` for every split and ``folder/report.json``, all of them or none; returns the
    paths of the splits.

    ``records``: False writes the report alone, and leaves the records of an earlier run. ``inputs``,
    ``overwrite``: see ``exchange``. Raises UsageError where files would be replaced that are not
    this tool's, and GmnerError where it cannot write.
    """
    names = [f"{split}.jsonl" for split in splits.posts] if records else []
    with exchange(folder, inputs=inputs, overwrite=overwrite) as swap:
        for name, posts in zip(names, splits.posts.values(), strict=False):
            write_posts(swap.new / name, posts)
        write_report(splits, swap, names)
        swap.put()
    return [Path(folder) / name for name in names]


def write_report(splits: Splits, swap: Exchange, names: Sequence[str]) -> None:
    """report.json of a new set of files: figures per split, leaks, every finding, and which files it goes
    with.

    ``names``: the set's other files, DRAWN among them where it has drawn pictures.
    """
    content = {
        "dataset": splits.name,
        "version": splits.version,
        "source": str(splits.source),
        "splits": {split: figures(posts) for split, posts in splits.posts.items()},
        "leaks": splits.leaks,
        **splits.report.to_builtins(),
        "files": list(names),
        "earlier": swap.earlier(names),
    }
    write_atomic(swap.new / REPORT, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
