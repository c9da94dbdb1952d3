"""``gmner.yaml`` in the working directory: a user's own defaults for the options.

Keys are options as they are typed, without the dashes in front. Top-level keys
hold for every command that has such an option; a section named after a command
holds for that command alone; where the two have one name, a section is a mapping::

    device: cuda
    predict:
      recipe: zero-shot
      set: [vg.settings.threshold=0.3]

The folder may be somebody else's, so what its file may say is limited: see ``commands.distrust``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gmner_cli.errors import UsageError, did_you_mean, shown
from gmner_cli.files.bounded import read_regular

FILE = "gmner.yaml"


class Option(NamedTuple):
    """What a spelling on the command line stands for."""

    parameter: str
    repeatable: bool = False
    switch: bool = False


@dataclass(frozen=True)
class OwnFile:
    """A ``gmner.yaml`` as it was read: ``content`` is what ``raw``, its bytes, say."""

    path: Path
    raw: bytes
    content: dict[str, Any]


def said_by(ctx: Any, parameter: str) -> str:
    """Who says the value of a parameter, as Click names it: COMMANDLINE, ENVIRONMENT, DEFAULT_MAP (a
    ``gmner.yaml``) or DEFAULT; "" of a parameter that the command has not."""
    source = ctx.get_parameter_source(parameter)
    return "" if source is None else source.name


def read_own(folder: Path) -> OwnFile | None:
    """The ``gmner.yaml`` of a folder, None when there is none. Raises UsageError when it cannot be read."""
    path = folder / FILE
    if not os.path.lexists(path):
        return None
    from gmner_cli.files.plain_yaml import MOST_BYTES, parse

    try:
        raw = read_regular(path, MOST_BYTES)
    except OSError as problem:
        raise UsageError(f"cannot be read: {problem.strerror}", where=str(path)) from None
    content = parse(raw, str(path))
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UsageError("must hold keys and values", where=str(path))
    return OwnFile(path, raw, content)


def load_defaults(options: Mapping[str, Mapping[str, Option]],
                  own: OwnFile | None) -> dict[str, dict[str, Any]]:
    """Defaults per command from ``gmner.yaml``; empty when there is none.

    ``options``: for each command its options by spelling, without dashes in front. Raises UsageError
    for an unknown key, with the closest known one, and for a value that no option takes.
    """
    if own is None:
        return {}
    path, content = own.path, own.content
    every = set().union(*options.values())
    defaults: dict[str, dict[str, Any]] = {name: {} for name in options}
    # A name may be both a command and an option (train, pool): then its value tells which is meant.
    sections = {key: value for key, value in content.items()
                if key in options and (isinstance(value, dict | None) or spelling(key) not in every)}
    for key, value in content.items():
        if key in sections:
            continue
        name = spelling(key)
        if name not in every:
            raise UsageError(f"unknown key {shown(key)!r}", where=str(path),
                             hint=did_you_mean(key, every | set(options)))
        for command in options:
            if name in options[command]:
                _put(defaults[command], options[command][name], value, key, path)
    for command, section in sections.items():
        if section is None:
            continue
        if not isinstance(section, dict):
            raise UsageError(f"{command!r} is a command, so its value must be a section of options",
                             where=str(path))
        for key, value in section.items():
            name = spelling(key)
            if name not in options[command]:
                raise UsageError(f"unknown key {shown(key)!r} for {command}", where=str(path),
                                 hint=did_you_mean(name, options[command]))
            _put(defaults[command], options[command][name], value, key, path)
    return defaults


def spelling(key: str) -> str:
    """A key as the option is typed, without the dashes in front."""
    return key.replace("_", "-")


def _put(defaults: dict[str, Any], option: Option, value: Any, key: str, path: Path) -> None:
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, (dict, list))
           for v in values) or (isinstance(value, list) and not option.repeatable):
        kind = "a plain value or a list of them" if option.repeatable else "one plain value"
        raise UsageError(f"the value of {shown(key)!r} must be {kind}", where=str(path))
    if value is None:
        defaults[option.parameter] = None
        return
    texts = [_text(v, option, key, path) for v in values]
    defaults[option.parameter] = texts if option.repeatable else texts[0]


def _text(value: Any, option: Option, key: str, path: Path) -> Any:
    """A value as it would be typed; what YAML makes of ``no`` and the like only where the option is a
    switch."""
    if option.switch and isinstance(value, bool):
        return value
    if value is None or isinstance(value, bool):
        written = "nothing" if value is None else "a boolean, yes or no"
        raise UsageError(f"the value of {shown(key)!r} is {written}", where=str(path),
                         hint="write it in quotes if it is text")
    return str(value)
