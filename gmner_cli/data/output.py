"""Writing a loaded data set: one JSONL per split, and report.json beside them."""

from __future__ import annotations

import json
from pathlib import Path

from gmner_cli.data.adapter import Splits
from gmner_cli.data.summary import figures
from gmner_cli.errors import GmnerError
from gmner_cli.jsonl import write_atomic, write_posts


def write(splits: Splits, folder: str | Path) -> list[Path]:
    """``folder/SPLIT.jsonl`` for every split, each whole or not at all. Raises GmnerError when it cannot."""
    paths = []
    for split, posts in splits.posts.items():
        path = _made(folder) / f"{split}.jsonl"
        write_posts(path, posts)
        paths.append(path)
    return paths


def write_report(splits: Splits, folder: str | Path) -> Path:
    """``folder/report.json``: figures per split, leaks, and every finding."""
    content = {
        "dataset": splits.name,
        "version": splits.version,
        "source": str(splits.source),
        "splits": {split: figures(posts) for split, posts in splits.posts.items()},
        "leaks": splits.leaks,
        **splits.report.to_builtins(),
    }
    path = _made(folder) / "report.json"
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def _made(folder: str | Path) -> Path:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise GmnerError(f"cannot make the folder: {problem.strerror}", where=str(folder)) from None
    return Path(folder)
