"""The fields of the record in words, read from where they are declared: what `gmner schema` prints.

A field's meaning is the text below it in ``records``, whose last sentence is "Filled by WHO.".
"""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from textwrap import dedent, fill
from typing import Any

import msgspec

from gmner_cli.records import Post, Record, json_schema

_FILLED = " Filled by "
_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", dict: "object",
          Any: "anything"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: the record that it is of, its name and type, what it means, and who fills it."""

    record: str
    name: str
    type: str
    required: bool
    meaning: str
    filled_by: str


def record_types(start: type[Record] = Post) -> list[type[Record]]:
    """``start`` and every kind of record that it holds, each once."""
    found = [start]
    for kind in found:
        found += [part for part in kind.parts.values() if part not in found]
    return found


def fields(kinds: Iterable[type[Record]] | None = None) -> list[Field]:
    """Every declared field of a post and its parts (or of ``kinds``), in their order.

    Raises ValueError for one of which it is not said what it means and who fills it.
    """
    return [field for kind in kinds or record_types() for field in _fields(kind)]


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a post, with what each field means, as `gmner schema --json` prints it.

    Fields beyond it are allowed and pass through.

    >>> import gmner_cli
    >>> gmner_cli.schema()["$defs"]["Entity"]["properties"]["end"]["description"]
    'The character after the last. Filled by annotators, `predict`.'
    """
    content = json_schema()
    for field in fields():
        entry = content["$defs"][field.record]["properties"][field.name]
        entry["description"] = f"{field.meaning} Filled by {field.filled_by}."
    return content


def table(width: int) -> str:
    """The fields for people, in lines of at most ``width`` characters (60 at least)."""
    width = max(width, 60)
    parts = []
    for kind in record_types():
        rows = _fields(kind)
        parts.append(fill(f"{kind.__name__}: {_first_sentence(kind)}", width, break_on_hyphens=False) + "\n")
        indent = " " * (2 + max(len(row.name) for row in rows) + 2)
        for row in rows:
            parts.append(f"  {row.name:{len(indent) - 2}}{row.type}{', required' if row.required else ''}")
            text = f"{row.meaning} Filled by {row.filled_by}."
            parts.append(fill(text, width, initial_indent=indent, subsequent_indent=indent,
                              break_on_hyphens=False))
        parts.append("")
    return "\n".join(parts)


def _fields(kind: type[Record]) -> list[Field]:
    texts, hints = _texts(kind), typing.get_type_hints(kind)
    found = []
    for info in msgspec.structs.fields(kind):
        if info.name == "extra":
            continue
        meaning, mark, who = texts.get(info.name, "").rpartition(_FILLED)
        if not (mark and meaning and who.endswith(".")):
            raise ValueError(f"{kind.__name__}.{info.name} does not say what it means and who fills it: "
                             f'write both below the field, as in """What it is.{_FILLED}`predict`."""')
        found.append(Field(kind.__name__, info.name, in_words(hints[info.name]), info.required, meaning,
                           who[:-1]))
    return found


@cache
def _texts(kind: type[Record]) -> dict[str, str]:
    """By field, the text below its declaration, in one line."""
    written = ast.parse(dedent(inspect.getsource(kind))).body
    declared = next(node for node in written if isinstance(node, ast.ClassDef))
    return dict(_described(declared.body))


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in zip(body, body[1:], strict=False):
        if (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)):
            yield field.target.id, " ".join(text.value.value.split())


def _first_sentence(kind: type[Record]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("``", "`").split())


def in_words(hint: Any) -> str:
    """A type as a reader of JSON calls it; null, which is the same as absent, is left out."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(in_words(kind) for kind in inner if kind is not type(None))
    if origin is typing.Annotated:
        return in_words(inner[0])
    if origin is list:
        return f"list of {_plural(in_words(inner[0]))}"
    if origin is tuple:
        return f"array of {len(inner)} {_plural(in_words(inner[0]))}"
    return _WORDS.get(origin or hint) or hint.__name__


def _plural(words: str) -> str:
    if words.endswith("number"):
        return f"{words}s"
    return words.replace("array", "arrays", 1) if words.startswith("array") else words
