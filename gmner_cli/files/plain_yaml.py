"""YAML as people write settings in it: text keys and plain values, bounded, that mean what they seem to.

YAML 1.1 takes ``no`` for a boolean, ``010`` for eight, ``1:30`` for ninety and ``5e-5`` for text. The last is
read as a number here. The others are refused with their place, as are dates and rarer things.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from gmner_cli.errors import UsageError, printable, shown
from gmner_cli.files.bounded import read_regular

MOST_BYTES = 200_000
"""Of a file; the largest recipe that comes with the tool has 4,000."""
MOST_NODES = 20_000
"""Values of a file, every alias counted as what it stands for: some lines of aliases can stand for
billions."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {"null": "nothing", "bool": "a boolean", "int": "a whole number", "float": "a number", "str": "text"}
_RARE = {
    "timestamp": "a date", "binary": "binary data", "set": "a set", "omap": "an ordered mapping",
    "pairs": "a list of pairs", "merge": "a merge", "value": "a default value"
}


class _Settings(_Loader):
    """The safe loader, with numbers such as 5e-5."""


_Settings.add_implicit_resolver("tag:yaml.org,2002:float",
                                re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+\Z"),
                                list("-+.0123456789"))


def read_file(path: Path) -> Any:
    """The content of a YAML file; None of an empty one. Raises UsageError, in one sentence with file, line
    and key."""
    where = printable(str(path))
    try:
        content = read_regular(path, MOST_BYTES)
    except (OSError, ValueError) as problem:
        raise UsageError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}",
                         where=where) from None
    return parse(content, where)


def parse(content: str | bytes, where: str) -> Any:
    """What a YAML text holds. Raises UsageError, which names ``where``, the line and the key."""
    if len(content) > MOST_BYTES:
        raise UsageError(f"is larger than {MOST_BYTES} bytes", where=where)
    try:
        loader = _Settings(content)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(node, where)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as problem:
        line = f":{problem.problem_mark.line + 1}" if problem.problem_mark else ""
        what = ", ".join(part for part in (problem.context, problem.problem) if part)
        raise UsageError(f"is not valid YAML: {' '.join(what.split())}", where=f"{where}{line}") from None
    except RecursionError:
        raise UsageError("is not valid YAML: nested too deeply", where=where) from None
    except (yaml.YAMLError, ValueError, LookupError, OverflowError) as problem:
        raise UsageError(f"is not valid YAML: {' '.join(str(problem).split())}", where=where) from None


def _check(root: yaml.Node, where: str) -> None:
    """Raise UsageError for what is no plain setting, before anything is made of it."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def refuse(node: yaml.Node, problem: str, hint: str | None = None) -> None:
        raise UsageError(problem, where=f"{where}:{node.start_mark.line + 1}", hint=hint)

    def visit(node: yaml.Node, key: str) -> int:
        if id(node) in open_nodes:
            refuse(node, f"the value of {shown(key)!r} holds itself")
        if id(node) in sizes:
            return sizes[id(node)]
        open_nodes.add(id(node))
        size = 1
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(node, key, refuse)
        elif node.tag != f"tag:yaml.org,2002:{'map' if isinstance(node, yaml.MappingNode) else 'seq'}":
            refuse(node, f"the value of {shown(key)!r} is {_kind(node)}, which no setting is")
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                size += visit(item, key)
        else:
            seen: set[str] = set()
            for name, value in node.value:
                if name.tag == "tag:yaml.org,2002:merge":
                    size += visit(value, key)
                    continue
                inner = _key(name, key, refuse)
                if inner in seen:
                    refuse(name,
                           f"the key {shown(inner)!r} stands twice" + (f" in {shown(key)!r}" if key else ""))
                seen.add(inner)
                size += 1 + visit(value, f"{key}.{inner}".lstrip("."))
        if size > MOST_NODES:
            refuse(node, f"holds more than {MOST_NODES} values, aliases counted as what they stand for")
        open_nodes.discard(id(node))
        sizes[id(node)] = size
        return size

    visit(root, "")


def _key(node: yaml.Node, within: str, refuse: Any) -> str:
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
        return node.value
    written = shown(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
    return refuse(
        node,
        f"the key {written}" + (f" in {shown(within)!r}" if within else "") + f" is {_kind(node)}, not text",
        f'write it in quotes, as in "{written}":' if isinstance(node, yaml.ScalarNode) else None)


def _check_scalar(node: yaml.ScalarNode, key: str, refuse: Any) -> None:
    kind, text = node.tag.rpartition(":")[2], node.value
    named = f"the value of {shown(key)!r}" if key else "the value"
    quoted = f'write it in quotes, "{shown(text)}", if it is text'
    if not node.tag.startswith("tag:yaml.org,2002:") or kind not in _PLAIN:
        refuse(node, f"{named} is {_kind(node)}, which no setting is",
               quoted if kind == "timestamp" else None)
    if "\0" in text:
        refuse(node, f"{named} holds a NUL character, which no name of a file can")
    if kind == "int" and (":" in text or re.match(r"[-+]?0[0-9_]", text)):
        refuse(node, f"{named}, {shown(text)}, would be read as {'sixtieths' if ':' in text else 'octal'}",
               f"write a decimal number, or {quoted.removeprefix('write ')}")
    if kind == "float" and (":" in text or not _is_finite(text)):
        refuse(node, f"{named}, {shown(text)}, is not a finite decimal number", quoted)


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace("_", "")))
    except ValueError:  # .inf and .nan
        return False


def _kind(node: yaml.Node) -> str:
    kind = node.tag.rpartition(":")[2]
    if node.tag.startswith("tag:yaml.org,2002:") and "/" not in kind:
        known = {**_PLAIN, **_RARE, "map": "a mapping", "seq": "a list"}
        if kind in known:
            return known[kind]
    return f"of the tag {shown(node.tag.replace('tag:yaml.org,2002:', '!!'))}"
