"""What was called otherwise before: one table for old files, users' imports, and the protocol of models.

Class paths stand in checkpoints, recipes and manifests, which are kept for years: ``current`` is applied
wherever one is read or compared. What users' own code imports, defines or calls by an old name works for one
release more, with a line on stderr for each name; gmner's own code is told nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader
else:  # it imports much that starting does without
    Loader = object

from gmner_cli.old_names import FILES, MODULES, NAMES, RENAMED_ATTRIBUTES, RENAMED_PARAMETERS

_HOME = "gmner_cli"
_said: set[tuple[str, ...]] = set()


def current(path: str) -> str:
    """What a module, or a class as ``package.module:Class``, is called now. Anything else stays as it is."""
    seen: set[str] = set()
    while path not in seen:
        seen.add(path)
        module, mark, name = path.partition(":")
        path = NAMES.get(path) or f"{_module(module)}{mark}{name}"
    return path


def _module(name: str) -> str:
    """One step of a module's way."""
    if name in MODULES:
        return MODULES[name]
    above, mark, rest = name.rpartition(".")
    while above:
        # A module that became a package of the same name holds new ones.
        if above in MODULES and not f"{name}.".startswith(f"{MODULES[above]}."):
            return f"{MODULES[above]}.{rest}"
        above, _, last = above.rpartition(".")
        rest = f"{last}{mark}{rest}"
    return name


def current_files(value: Any) -> Any:
    """A value of JSON in which every sha256 of a shipped file is that of the file of today."""
    if isinstance(value, dict):
        return {key: current_files(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [current_files(inner) for inner in value]
    return FILES.get(value, value) if isinstance(value, str) else value


def keep_old_names(kind: type) -> None:
    """Give a class, and those it extends, each renamed attribute under both names, whichever they define.

    Of an old one in a user's class it is told on stderr.
    """
    for base in reversed(kind.__mro__[:-1]):
        for old, new in RENAMED_ATTRIBUTES.items():
            body = vars(base)
            if old in body and not isinstance(body[old], _OldName):
                if new not in body:
                    setattr(base, new, body[old])
                if not _ours(base.__module__):
                    _say(f"{base.__name__}.{old}", new, base.__module__)
            if new in vars(base) and not isinstance(vars(base).get(old), _OldName):
                setattr(base, old, _OldName(old, new, base))
        if _ours(base.__module__) and "__init__" in vars(base):
            # Of a class, not of an instance, which is what mypy warns of.
            base.__init__ = _with_old_parameters(base)  # type: ignore[misc]


class _OldName:
    """An attribute under its old name. Each class that defines it has one, for ``super()`` to find."""

    def __init__(self, old: str, new: str, home: type):
        self.old, self.new, self.home = old, new, home

    def __get__(self, one: Any, kind: type | None = None) -> Any:
        kind = kind or type(one)
        self._tell(kind)
        if one is not None and self.new in vars(one):
            return vars(one)[self.new]
        value = vars(self.home)[self.new]
        return value.__get__(one, kind) if hasattr(value, "__get__") else value

    def __set__(self, one: Any, value: Any) -> None:
        self._tell(type(one))
        setattr(one, self.new, value)

    def _tell(self, kind: type) -> None:
        if not _ours(_caller()):
            _say(f"{kind.__name__}.{self.old}", self.new, kind.__module__)


def _with_old_parameters(kind: type) -> Any:
    """The ``__init__`` of ``kind``, which takes renamed parameters under their old names too."""
    real = vars(kind)["__init__"]
    code = getattr(real, "__code__", None)
    taken = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount] if code else ()
    renamed = {old: new for old, new in RENAMED_PARAMETERS.items() if new in taken and old not in taken}
    if not renamed or hasattr(real, "__wrapped__"):
        return real

    @wraps(real)
    def init(self: Any, *args: Any, **named: Any) -> None:
        for old in [name for name in named if name in renamed]:
            _say(f"{type(self).__name__}({old}=)", f"{renamed[old]}=", type(self).__module__)
            named[renamed[old]] = named.pop(old)
        real(self, *args, **named)

    return init


def install() -> None:
    """Make old modules importable in this process."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())


class Finder:
    """Lets users import what has moved, as one of ``sys.meta_path``.

    It stands in front: others would find the modules of a moved package a second time.
    """

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(f"{_HOME}."):
            return None
        new = current(name)
        if new != name:
            if _asked_for() and not _ours(_caller()):
                _say(name, new)
            return ModuleSpec(name, _Moved(new))
        lost, left = _lost(name), any(old.startswith(f"{name}.") for old in (*MODULES, *NAMES))
        found = PathFinder.find_spec(name, path) if lost or left else None
        if found is None:  # without `left` another finder may know it
            return ModuleSpec(name, _Moved(None), is_package=True) if left else None
        if lost and type(found.loader) is SourceFileLoader:
            found.loader = _Losing(name, found.loader.path)
        return found


class _Moved(Loader):
    """Puts the new module in the place of the old one, so that there is only one of each class."""

    def __init__(self, new: str | None):
        """``new``: None for a package that is gone, because all that was in it lies elsewhere now."""
        self.new = new

    def create_module(self, spec: ModuleSpec) -> None:
        """As Python makes one."""

    def exec_module(self, module: ModuleType) -> None:
        if self.new is not None:
            sys.modules[module.__name__] = importlib.import_module(self.new)


class _Losing(SourceFileLoader):
    """Of a module from which names have gone: it still answers to them."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = partial(_old_name, module.__name__)
        super().exec_module(module)


def _old_name(module: str, name: str) -> Any:
    old = _lost(module).get(name)
    if old is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    where, _, new = current(old).partition(":")
    if not _ours(_caller()):
        _say(old.replace(":", "."), f"{where}.{new}")
    return getattr(importlib.import_module(where), new)


def _lost(module: str) -> Mapping[str, str]:
    """Names that a module of now no longer has, with their whole old ones."""
    parts = ((old, *old.partition(":")[::2]) for old in NAMES)
    return {name: old for old, where, name in parts if module in (where, _module(where))}


def _asked_for() -> bool:
    """Whether the module that is being imported was named, and not a part of it."""
    frame: FrameType | None = sys._getframe(2)
    loads = 0
    while frame is not None and _imports(frame.f_globals):
        loads += frame.f_code.co_name == "_find_and_load"
        frame = frame.f_back
    return loads < 2


def _caller() -> str:
    """The module that imports, or reads, what this module gives."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_globals is globals() or _imports(frame.f_globals)):
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def _imports(names: dict[str, Any]) -> bool:
    return str(names.get("__name__", "")).partition(".")[0] == "importlib"


def _ours(module: str) -> bool:
    return module == _HOME or module.startswith(f"{_HOME}.")


def _say(old: str, new: str, *of: str) -> None:
    """Tell of a name once; ``of``: what tells it from others that are written alike."""
    if (old, *of) in _said:
        return
    _said.add((old, *of))
    with suppress(OSError, ValueError, AttributeError):  # stderr may be closed, or none
        print(f"gmner: {old} is now {new}; the old name goes with the next release", file=sys.stderr)
