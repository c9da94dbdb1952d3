"""Of which files a user's code consists, read from its import statements without running it.

Statements inside functions count too, so that what is imported late is known before it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ENDINGS = (".py", *EXTENSION_SUFFIXES)
"""Of files that can be imported."""


def files_of(main: Path, root: Path, near: Callable[[str], bool],
             asked: Callable[[Path], Iterable[Path]] = lambda path: ()) -> list[Path]:
    """``main``, then every file under ``root`` that it imports, directly or through others, sorted.

    ``near``: whether a plain ``import NAME`` means what lies in ``root``. ``asked``: what a file is known to
    have imported in another way than by a statement. A file that is no Python has no imports.
    """
    found = {main: None}
    waiting = [main]
    while waiting:
        path = waiting.pop()
        package = path.parent.relative_to(root).parts
        for parts in _imported(path, package, near):
            for file in _files(root, parts):
                if file not in found:
                    found[file] = None
                    waiting.append(file)
        for file in asked(path):
            if file not in found:
                found[file] = None
                waiting.append(file)
    return [main, *sorted(found.keys() - {main})]


def _imported(path: Path, package: tuple[str, ...], near: Callable[[str], bool]) -> Iterator[tuple[str, ...]]:
    """What import statements name, as parts of a path. The b of ``from a import b`` may be a module."""
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [tuple(alias.name.split(".")) for alias in node.names]
            yield from (parts for parts in named if near(parts[0]))
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            up = node.level - 1
            if (node.level and up > len(package)) or (not node.level and not near(base[0])):
                continue  # beyond the root, which is refused when it is run, or installed
            if node.level:
                base = (*package[:len(package) - up], *base)
            yield base
            yield from ((*base, alias.name) for alias in node.names)


def _files(root: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """The files that run when a module of this path is imported, those of its packages too."""
    place = root
    if not parts:  # asked of the root itself, which may have an __init__.py
        yield from _there([root / "__init__.py"])
    for part in parts:
        place = place / part
        if not place.is_dir():
            yield from _there(place.with_name(part + ending) for ending in ENDINGS)
            return
        yield from _there(place / f"__init__{ending}" for ending in ENDINGS)


def _there(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())
