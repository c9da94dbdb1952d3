"""Importing a user's ``file.py:Class``, which may import its neighbours, and telling its versions apart.

The files of a folder become modules of a package with a private name, ``gmner_own_...``. So files of one name
in two folders do not mix, and none hides an installed module. In such a file ``import x`` means the file
beside it, unless a module of that name is installed. ``sys.path`` stays as it is. When a file has changed,
the folder is imported anew as another package; what was imported before keeps the old one.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from pathlib import Path
from threading import RLock, local
from types import CodeType, ModuleType, TracebackType
from typing import Any

from gmner_cli.classes.own_files import ENDINGS, files_of
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.errors import GmnerError, ModelError, UsageError, printable, say
from gmner_cli.files.digest import sha256
from gmner_cli.moved import current

_PREFIX = "gmner_own_"
_PRIVATE = re.compile(rf"{_PREFIX}\w+\.?")
_lock = RLock()
_folders: dict[Path, _Folder] = {}
"""As they are imported now."""
_packages: dict[str, _Folder] = {}
"""All that were ever imported, whose code may still run and import more."""
_running = local()


def load(path: str, trusted: Iterable[str] = (), what: str = "model") -> tuple[Any, ModuleType]:
    """What stands behind ``package.module:NAME`` or ``file.py:NAME``, None if nothing does, and its module.

    Code from outside gmner_cli runs only where ``trusted`` names it just so. ``what``: how messages call it.
    Raises UsageError, with the place in the user's file, for what cannot be imported, and ModelError for what
    is not trusted.
    """
    path = current(path)
    where, mark, name = path.rpartition(":")
    if not (mark and where and name):
        raise UsageError(f"{what} {path!r} is neither of the form package.module:Class nor file.py:Class")
    if not is_shipped(path) and path not in trusted:
        raise ModelError(f"the checkpoint wants to run code from {where!r}",
                         hint="if you trust it, name the model in a recipe of yours and give that with "
                              "--recipe")
    try:
        module = _load_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except ImportError as problem:
        hint = None
        missing = getattr(problem, "name", None) if isinstance(problem, ModuleNotFoundError) else None
        if missing and "." not in missing and where.endswith(".py"):
            hint = f"install it with pip, or put {missing}.py beside {Path(where).name}"
        raise UsageError(f"{what} {path!r} cannot be imported: {_PRIVATE.sub('', str(problem))}",
                         where=place_of(problem), hint=hint) from None
    except SyntaxError as problem:
        raise UsageError(f"{problem.msg}: {(problem.text or '').strip()}",
                         where=f"{problem.filename}:{problem.lineno}") from None
    return getattr(module, name, None), module


def digests(path: str) -> dict[str, str]:
    """The sha256 of each file that ``package.module:NAME`` or ``file.py:NAME`` consists of, by name.

    The file itself comes first. Of a file that was imported, it is the sha256 of what runs. Nothing is run to
    find them. Empty for what comes with gmner_cli, and where there is no such file. Raises GmnerError for a
    file that cannot be read.
    """
    where = path.rpartition(":")[0]
    if is_shipped(path) or not where:
        return {}
    if not where.endswith(".py"):
        return _digests_of_package(where)
    main = _meant(Path(where))
    with _lock:
        folder = _folders.get(main.parent) or _Folder(main.parent)
    if not main.is_file():
        return {}
    files = files_of(main, main.parent, folder.holds, lambda file: map(Path, folder.asked.get(str(file), ())))
    return {file.relative_to(main.parent).as_posix(): folder.ran.get(str(file)) or sha256(file)
            for file in files}


def place_of(problem: BaseException) -> str | None:
    """``file:line`` of the last line of a user's file that led to an exception; None where none did."""
    found, trace = None, problem.__traceback__
    while trace is not None:
        if _is_own(trace):
            found = f"{printable(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _is_own(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__", "")).startswith(_PREFIX)


def _digests_of_package(module: str) -> dict[str, str]:
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return {}
    if spec is None or not spec.origin or not os.path.isfile(spec.origin):
        return {}
    main = Path(os.path.realpath(spec.origin))
    steps = module.count(".") + (main.name == "__init__.py")
    root = main.parents[steps]
    files = files_of(main, root, lambda name: name == top)
    return {file.relative_to(root).as_posix(): sha256(file) for file in files}


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ImportError(f"no such file: {path}")
    main = _meant(path)
    with _lock:
        folder = _folders.get(main.parent)
        if folder is None or folder.changed():
            folder = _folders[main.parent] = _Folder(main.parent)
            folder.open(sum(old.place == main.parent for old in _packages.values()))
        name = folder.name_of(main)
    return importlib.import_module(name)


def _meant(path: Path) -> Path:
    """The file in its folder with links resolved. A link of its own is not: neighbours lie beside it."""
    return Path(os.path.realpath(path.parent)) / path.name


class _Folder:
    """A folder of a user, whose files are modules of one package."""

    def __init__(self, place: Path):
        self.place, self.package = place, ""
        self.ran: dict[str, str] = {}
        """sha256 of each file as it was imported."""
        self.asked: dict[str, set[str]] = {}
        """By file, those that were first imported while it was."""
        self.mains: dict[str, Path] = {}
        """Files that recipes name, by module: their names may be no identifiers."""
        self.builtins: dict[str, Any] = {}
        self._near: set[str] = set()

    def open(self, number: int) -> None:
        """Make the package; ``number``: how often the folder was imported before."""
        digest = hashlib.sha256(os.fsencode(self.place)).hexdigest()[:12]
        self.package = f"{_PREFIX}{digest}" + (f"_{number}" if number else "")
        self.builtins = {**vars(builtins), "__import__": self._import}
        _packages[self.package] = self
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
        sys.modules[self.package] = _Package(self)

    def changed(self) -> bool:
        """Whether a file is another now than when it was imported."""
        return any(_digest(path) != digest for path, digest in self.ran.items())

    def name_of(self, main: Path) -> str:
        """The module of a file that a recipe names."""
        name = f"{self.package}.{main.stem.replace('%', '%25').replace('.', '%2e')}"
        self.mains[name] = main
        return name

    def holds(self, top: str) -> bool:
        """Whether a plain ``import top`` means what lies here, if no such module is installed."""
        if top in self._near:
            return True
        place = self.place / top
        package = place.is_dir()
        regular = package and any((place / f"__init__{ending}").is_file() for ending in ENDINGS)
        file = any((self.place / f"{top}{ending}").is_file() for ending in ENDINGS)
        if not (package or file):
            return False
        hidden = _installed(top, self.place, not (regular or file))
        if hidden and (regular or file):
            _say_once(f"`import {top}` in {printable(str(self.place))} is the installed module; the one that "
                      f"lies there is hidden by it: give it another name, or write `from . import {top}`")
        if not hidden:
            self._near.add(top)  # imports in functions may run often
        return not hidden

    def _import(self, name: str, globals: Mapping[str, Any] | None = None,
                locals: Mapping[str, Any] | None = None,
                fromlist: Sequence[str] | None = (), level: int = 0) -> ModuleType:
        """``__import__`` as the files of this folder have it."""
        try:
            if level or not self.holds(name.partition(".")[0]):
                return builtins.__import__(name, globals, locals, fromlist, level)
            found = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist, 0)
            return found if fromlist else sys.modules[f"{self.package}.{name.partition('.')[0]}"]
        except ModuleNotFoundError as problem:
            absent = problem.name or ""
            if not absent.startswith(self.package):
                raise
            missing = _PRIVATE.sub(".", absent)
            raise ModuleNotFoundError(f"there is no {missing} in {self.place}", name=missing).with_traceback(
                problem.__traceback__) from None


class _Package(ModuleType):
    """The folder itself. Its ``__init__.py``, if any, runs only when a name of the folder is asked for."""

    def __init__(self, folder: _Folder):
        super().__init__(folder.package)
        self.__path__ = [str(folder.place)]
        self.__package__ = folder.package
        self.__spec__ = ModuleSpec(folder.package, None, is_package=True)
        self.__spec__.submodule_search_locations = self.__path__
        self.__dict__["_init_file"] = folder.place / "__init__.py"

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            file = self.__dict__.pop("_init_file", None)
            if file is not None and file.is_file():
                _Loader(self.__name__, str(file)).exec_module(self)
                if name in self.__dict__:
                    return self.__dict__[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Finder:
    """Finds the modules of folders, and no others."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        folder = _packages.get(name.partition(".")[0])
        if folder is None or not path:
            return None
        if name in folder.mains:
            file = str(folder.mains[name])
            return importlib.util.spec_from_file_location(name, file, loader=_Loader(name, file))
        # Made anew each time: a kept one may not see a file that came a moment ago.
        for place in path:
            finder = FileFinder(place, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_Loader, [".py"]))
            if (spec := finder.find_spec(name)) is not None:
                return spec
        return None


class _Loader(SourceFileLoader):
    """Runs just the bytes whose digest it notes. Kept bytecode may be older by less than a second."""

    def get_code(self, fullname: str) -> CodeType:
        folder = _packages[fullname.partition(".")[0]]
        source = self.get_data(self.path)
        folder.ran[self.path] = hashlib.sha256(source).hexdigest()
        try:
            return self.source_to_code(source, self.path)
        except (ValueError, SyntaxError) as problem:
            if getattr(problem, "filename", None):
                raise
            raise SyntaxError(str(problem), (self.path, 1, 0, "")) from None  # a NUL in it

    def exec_module(self, module: ModuleType) -> None:
        folder = _packages[module.__name__.partition(".")[0]]
        vars(module)["__builtins__"] = folder.builtins
        stack = _running.__dict__.setdefault("stack", [])
        if stack:
            folder.asked.setdefault(stack[-1], set()).add(self.path)
        stack.append(self.path)
        try:
            super().exec_module(module)
        finally:
            stack.pop()


def _digest(path: str) -> str | None:
    try:
        return sha256(Path(path))
    except GmnerError:  # gone
        return None


def _installed(top: str, place: Path, bare: bool) -> bool:
    """Whether there is a module ``top`` apart from ``place``.

    The working directory does not count, which ``python -m`` puts into sys.path. A folder without
    ``__init__.py`` counts only where the one in ``place`` is such too (``bare``).
    """
    if top in (*sys.builtin_module_names, __name__.partition(".")[0]) or top in sys.stdlib_module_names:
        return True
    apart = {os.path.realpath(place), os.path.realpath(os.curdir)}
    path = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) not in apart]
    for finder in sys.meta_path:
        if isinstance(finder, _Finder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(top, path)
        if spec is not None and (bare or spec.origin is not None):
            return True
    return False


@cache
def _say_once(message: str) -> None:
    say(message)
