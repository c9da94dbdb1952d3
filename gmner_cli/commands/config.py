"""``gmner.yaml`` in the working directory: a user's own defaults for the options.

Top-level keys hold for every command that has such an option; a section named
after a command holds for that command alone::

    device: cuda
    predict:
      recipe: zero-shot
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gmner_cli.errors import UsageError, did_you_mean

FILE = "gmner.yaml"


def load_defaults(options: dict[str, set[str]], folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Defaults per command from ``gmner.yaml``; empty when there is none.

    ``options``: for each command the names of its options, with underscores.
    Raises UsageError for an unknown key, with the closest known one.
    """
    path = (folder or Path.cwd()) / FILE
    if not path.is_file():
        return {}
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise UsageError(f"is not valid YAML: {problem}", where=str(path)) from None
    if not isinstance(content, dict):
        raise UsageError("must hold keys and values", where=str(path))
    every = set().union(*options.values())
    defaults: dict[str, dict[str, Any]] = {name: {} for name in options}
    for key, value in content.items():
        if key in options:
            continue
        name = str(key).replace("-", "_")
        if name not in every:
            raise UsageError(f"unknown key {key!r}", where=str(path), hint=did_you_mean(str(key), every | set(options)))
        for command in options:
            if name in options[command]:
                defaults[command][name] = value
    for command in options:
        for key, value in (content.get(command) or {}).items():
            name = str(key).replace("-", "_")
            if name not in options[command]:
                raise UsageError(f"unknown key {key!r} for {command}", where=str(path),
                                 hint=did_you_mean(name, options[command]))
            defaults[command][name] = value
    return defaults
