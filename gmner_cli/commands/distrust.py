"""What ``gmner.yaml`` may not say, because the folder that it lies in may be somebody else's.

Never, trusted or not: what is written, links that are followed, a server, code from outside gmner_cli; not in
``set:`` and not in a recipe that it names either. And only where the user trusts it (``gmner trust``, see
``gmner_cli.commands.trusted``): what is read from outside its folder, links resolved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from gmner_cli import recipes
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.commands.config import FILE, OwnFile, spelling
from gmner_cli.commands.reach import NEVER, Reach, reach
from gmner_cli.commands.trusted import Trust
from gmner_cli.errors import UsageError, shown
from gmner_cli.files.bounded import read_regular
from gmner_cli.files.plain_yaml import MOST_BYTES, parse

_CODE = ("model", "stage")
"""Keys of a recipe's sections that name classes."""


def refuse_untrusted(command: str, values: Mapping[str, Any], own: OwnFile, trust: Trust) -> None:
    """Raise UsageError, naming the key and the flag, when a value from ``gmner.yaml`` says what the file may
    not.

    ``values``: by the option's name, as typed without dashes, those that no flag and no variable replaced.
    """
    for name, value in values.items():
        _Judge(own, trust, name).judge(reach(name, command), value)


class _Judge:
    """Looks at the value of one key."""

    def __init__(self, own: OwnFile, trust: Trust, name: str):
        self.own, self.trust, self.name = own, trust, name
        self.folder = Path(os.path.realpath(own.path.parent))
        self.files: list[Path] = []
        """Recipes that are not the tool's, in which values stand; each is trusted for itself."""

    def judge(self, kind: Reach, value: Any) -> None:
        if value is None or value is False:
            return
        if kind in NEVER:
            self._refuse(kind.value)
        texts = [str(v) for v in (value if isinstance(value, list) else [value])]
        for text in texts:
            if kind is Reach.reads:
                self._read(text)
            elif kind is Reach.llm:
                self._leaf((), text)
            elif kind is Reach.recipe:
                self._recipe(text)
            elif kind is Reach.changes:
                self._change(text)

    def _recipe(self, name: str) -> None:
        def visit(path: Path) -> None:
            if self._outside(str(path)):
                self._need_trust(str(path))
            self.files.append(path)

        for key, section in recipes.load(name, visit=visit).values.items():
            if isinstance(section, dict):
                self._values((key,), section)

    def _change(self, text: str) -> None:
        key, _, written = text.partition("=")
        try:
            value = parse(written, f"--set {shown(key)}")
        except UsageError:
            value = written  # the recipe will refuse it
        self._values(tuple(key.strip().split(".")), value)

    def _values(self, path: tuple[str, ...], value: Any) -> None:
        rest = [(path, value)]
        while rest:
            path, value = rest.pop()
            if isinstance(value, dict):
                rest += [((*path, str(key)), inner) for key, inner in value.items()]
            elif isinstance(value, list):
                rest += [(path, inner) for inner in value]
            else:
                self._leaf(path, value)

    def _leaf(self, path: tuple[str, ...], value: Any) -> None:
        """One value of a recipe, or the name of a language model (no ``path``)."""
        for key in path:
            if reach(spelling(key)) in NEVER - {Reach.unknown} and value not in (None, False):
                self._refuse(reach(spelling(key)).value, ".".join(path))
        if not isinstance(value, str):
            return
        if path and path[-1] in _CODE:
            if not is_shipped(value):
                self._refuse("names code from outside gmner_cli", value)
            return
        if value.startswith("openai:") or "://" in value:
            self._refuse(Reach.server.value, value if path else None)
        self._read(value)

    def _read(self, text: str) -> None:
        if any(self._outside(part) for part in _paths(text)):
            self._need_trust(text)

    def _outside(self, text: str) -> bool:
        """Whether a path leads out of the folder, by its name or by links."""
        foreign = PureWindowsPath(text)
        if foreign.drive or foreign.root == "\\" and text.startswith(
                "\\") or "\\" in text and ".." in foreign.parts:
            return True
        for spelled in {text, os.path.expanduser(text)}:
            try:
                place = Path(os.path.realpath(self.folder / spelled))
                lexical = Path(os.path.normpath(self.folder / spelled))
            except (OSError, ValueError):  # no path at all, such as one with a NUL
                continue
            if not (place.is_relative_to(self.folder) and lexical.is_relative_to(self.folder)):
                return True
        return False

    def _need_trust(self, value: str) -> None:
        for file in (self.own.path, *self.files):
            try:
                content = self.own.raw if file == self.own.path else read_regular(file, MOST_BYTES)
            except OSError:
                content = b""  # whatever it was, it is not what was trusted
            if not self.trust.covers(file, content):
                since = ", and has changed since it was trusted" if self.trust.changed(file, content) else ""
                trusting = "trust" if file == self.own.path else f"trust {file}"
                raise UsageError(f"reads outside its folder, with {self.name!r}: {shown(value)}{since}",
                                 where=f"./{FILE}" if file == self.own.path else str(file),
                                 hint=f"give it on the command line, with --{self.name}, or trust the file: "
                                      f"gmner {trusting}")

    def _refuse(self, reason: str, value: str | None = None) -> None:
        raise UsageError(f"{reason}, with {self.name!r}{'' if value is None else f': {shown(value)}'}",
                         where=f"./{FILE}",
                         hint=f"if you trust it, give it on the command line, with --{self.name}")


def _paths(text: str) -> Iterator[str]:
    """What of a value may be a path: all of it, or what follows NAME= or KIND:."""
    yield text
    for mark in "=:":
        _, found, rest = text.partition(mark)
        if found and rest:
            yield rest


def recipes_named(own: OwnFile) -> list[Path]:
    """The recipe files that a ``gmner.yaml`` names, and those that they extend. Raises UsageError for one
    that cannot be read."""
    sections = [own.content, *(value for value in own.content.values() if isinstance(value, dict))]
    files: list[Path] = []
    for section in sections:
        if isinstance(section.get("recipe"), str):
            recipes.load(section["recipe"], visit=files.append)
    return list(dict.fromkeys(files))
