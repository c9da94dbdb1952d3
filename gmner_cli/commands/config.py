"""``gmner.yaml`` in the working directory: a user's own defaults for the options.

Keys are options as they are typed, without the dashes in front. Top-level keys
hold for every command that has such an option; a section named after a command
holds for that command alone::

    device: cuda
    predict:
      recipe: zero-shot
      set: [vg.settings.threshold=0.3]

The folder may be somebody else's, so its file cannot name code to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gmner_cli.errors import UsageError, did_you_mean, printable
from gmner_cli.shipped import is_shipped

FILE = "gmner.yaml"


_CODE = ("model", "stage")
"""Keys of a recipe's sections that name classes."""


class Option(NamedTuple):
    """What a spelling on the command line stands for."""

    parameter: str
    repeatable: bool = False


def load_defaults(options: Mapping[str, Mapping[str, Option]], folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Defaults per command from ``gmner.yaml``; empty when there is none.

    ``options``: for each command its options by spelling, without dashes in front. Raises UsageError for a file that
    cannot be read and for an unknown key, with the closest known one.
    """
    path = (folder or Path.cwd()) / FILE
    if not path.is_file():
        return {}
    content = _read(path)
    every = set().union(*options.values())
    defaults: dict[str, dict[str, Any]] = {name: {} for name in options}
    sections = {key: value for key, value in content.items() if key in options}
    for key, value in content.items():
        if key in sections:
            continue
        name = _spelling(key)
        if name not in every:
            raise UsageError(f"unknown key {key!r}", where=str(path), hint=did_you_mean(str(key), every | set(options)))
        for command in options:
            if name in options[command]:
                _put(defaults[command], options[command][name], value, key, path)
    for command, section in sections.items():
        if section is None:
            continue
        if not isinstance(section, dict):
            raise UsageError(f"{command!r} is a command, so its value must be a section of options", where=str(path))
        for key, value in section.items():
            name = _spelling(key)
            if name not in options[command]:
                raise UsageError(f"unknown key {key!r} for {command}", where=str(path),
                                 hint=did_you_mean(name, options[command]))
            _put(defaults[command], options[command][name], value, key, path)
    return defaults


def refuse_untrusted(values: Mapping[str, Any]) -> None:
    """Raise UsageError when values from ``gmner.yaml``, which may be somebody else's, would run code from outside
    gmner_cli, or have posts sent to a server.

    ``values``: by parameter, those that no flag and no variable replaced.
    """
    for name in ("llm", "base_url"):
        value = values.get(name)
        if value is not None and (name == "base_url" or str(value).startswith("openai:")):
            raise UsageError(f"has posts sent to a server, with {name.replace('_', '-')!r}", where=f"./{FILE}",
                             hint=f"if you trust it, give it on the command line, with --{name.replace('_', '-')}")
    from gmner_cli import recipes

    named: list[Any] = []
    if values.get("recipe") is not None:
        for section in recipes.load(values["recipe"]).values.values():
            if isinstance(section, dict):
                named += [section.get(key) for key in _CODE]
    for override in values.get("overrides") or ():
        named += _code_in(*str(override).partition("=")[::2])
    for code in named:
        if code is not None and not is_shipped(str(code)):
            raise UsageError(f"names code from outside gmner_cli: {printable(str(code))}", where=f"./{FILE}",
                             hint="if you trust it, give it on the command line, with --recipe or --set")


def _code_in(key: str, text: str) -> list[Any]:
    """What ``--set KEY=VALUE`` may give to a recipe as the name of a class: alone, or within a whole section."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return []  # the recipe will refuse it
    if key.strip().rpartition(".")[2] in _CODE:
        return [value]
    return [value.get(inner) for inner in _CODE] if isinstance(value, dict) else []


def _read(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"cannot be read: {problem.strerror}", where=str(path)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise UsageError(f"is not valid YAML: {problem}", where=str(path)) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError("must hold keys and values", where=str(path))
    return content


def _spelling(key: Any) -> str:
    return str(key).replace("_", "-")


def _put(defaults: dict[str, Any], option: Option, value: Any, key: Any, path: Path) -> None:
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, (dict, list)) for v in values) or (isinstance(value, list) and not option.repeatable):
        kind = "a plain value or a list of them" if option.repeatable else "one plain value"
        raise UsageError(f"the value of {printable(str(key))!r} must be {kind}", where=str(path))
    defaults[option.parameter] = values if option.repeatable and value is not None else value
