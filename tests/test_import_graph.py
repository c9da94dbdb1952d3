"""The house stands as it was planned: no cycle of packages, one name for one thing, short files, a small
root."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "gmner_cli"
ROOT_HOLDS = {
    "__init__", "__main__", "app", "errors", "manual", "model", "moved", "old_names", "sections", "version"}
"""Modules that stand in no room: what a newcomer reads first, and how the tool is entered."""
POINTING_UP: dict[tuple[str, str], str] = {}
"""Imports inside functions that may point up, against the order of the rooms: (from, to) and why. There is
none."""
MOST_LINES = 300


def modules(package: Path) -> dict[str, Path]:
    """Every module below ``package`` by its dotted name; a package stands for its ``__init__``."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


class Imports(ast.NodeVisitor):
    """What a module imports of its own package, also inside functions; not under TYPE_CHECKING."""

    def __init__(self, name: str, path: Path, known: dict[str, Path]):
        self.top, self.known, self.found = name.partition(".")[0], known, set()
        self.base = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        self.visit(ast.parse(path.read_text(encoding="utf-8")))

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update(alias.name for alias in node.names if alias.name.partition(".")[0] == self.top)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            module = ".".join(filter(None, [*self.base[:len(self.base) - node.level + 1], module]))
        if module.partition(".")[0] == self.top:
            whole = (f"{module}.{alias.name}" for alias in node.names)
            self.found.update(name if name in self.known else module for name in whole)


def graph(package: Path, deep: bool) -> dict[str, set[str]]:
    """Which node imports which: nodes are packages and the modules of the root; ``deep``: packages in
    packages apart."""
    known = modules(package)

    def node(name: str) -> str:
        parts = name.split(".")
        if not deep:
            return ".".join(parts[:2])
        return name if known[name].name == "__init__.py" or len(parts) == 2 else ".".join(parts[:-1])

    edges = defaultdict(set)
    for name, path in known.items():
        for other in Imports(name, path, known).found:
            if node(name) != node(other) and (node(name), node(other)) not in POINTING_UP:
                edges[node(name)].add(node(other))
    return edges


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """The nodes of one cycle, in order; empty when there is none."""
    done: set[str] = set()

    def walk(node: str, above: list[str]) -> list[str]:
        if node in above:
            return above[above.index(node):]
        if node in done:
            return []
        for other in sorted(edges.get(node, ())):
            if found := walk(other, [*above, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(edges) if (found := walk(node, []))), [])


@pytest.mark.parametrize("deep", [False, True])
def test_no_package_needs_itself(deep):
    edges = graph(PACKAGE, deep)
    assert len(edges) > 10, "the graph was drawn"
    assert not cycle(edges), " -> ".join(cycle(edges))


def test_the_graph_sees_what_would_make_a_cycle(tmp_path):
    for name, text in {
            "a/__init__": "", "b/__init__": "", "a/one": "def f():\n    from p.b import two\n",
            "b/two": "import p.a.one\n", "b/three": "from typing import TYPE_CHECKING\n", "__init__": ""
    }.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / f"{name}.py").write_text(text)
    assert cycle(graph(tmp_path / "p", False)) == ["p.a", "p.b"]
    (tmp_path / "p" / "b" / "two.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
                                                 "import p.a.one\n")
    assert not cycle(graph(tmp_path / "p", False))
    (tmp_path / "p" / "b" / "two.py").write_text("from ..a import one\n")
    assert cycle(graph(tmp_path / "p", True))


def test_a_name_stands_for_one_module_alone():
    """A command's file has the command's name, and may so share it with the room that does the work."""
    places = defaultdict(list)
    for name, path in modules(PACKAGE).items():
        if not path.stem.startswith("__") and "commands" not in path.parts:
            places[path.stem].append(name)
        elif path.name == "__init__.py":
            places[name.rpartition(".")[2]].append(name)
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_the_root_holds_what_is_read_first():
    assert {path.stem for path in PACKAGE.glob("*.py")} == ROOT_HOLDS


def test_files_are_short_and_none_is_called_utils():
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files
    }
    assert not {name: length for name, length in lengths.items() if length > 1.1 * MOST_LINES}
    assert not [name for name in lengths if "util" in name]
