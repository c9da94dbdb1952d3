"""What all parts of a record share: declared fields are typed, all others pass through."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import msgspec

from gmner_cli.errors import RecordError

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, kw_only=True):
    """Base of all parts of a post: declared fields are typed, all others pass through ``extra``."""

    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    parts: ClassVar[dict[str, type[Record]]] = {}

    @classmethod
    def from_builtins(cls: type[R], obj: Any, path: str = "") -> R:
        """Build from decoded JSON.

        Raises RecordError that names the path of the first field of a wrong type.
        """
        if not isinstance(obj, dict):
            raise RecordError(f"expected an object{at_path(path)}, got {json_type(obj)}")
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        names = cls.__struct_fields__
        for key, value in obj.items():
            if key == "extra" or key not in names:
                extra[key] = value
            elif value is not None:
                part = cls.parts.get(key)
                known[key] = value if part is None else _convert_list(part, value, f"{path}.{key}")
        try:
            record = msgspec.convert(known, cls, strict=True)
        except msgspec.ValidationError as problem:
            raise RecordError(_readable(str(problem), path)) from None
        record.extra = extra
        return record

    def to_builtins(self) -> dict[str, Any]:
        """The JSON object: absent fields left out, passed-through fields put back."""
        out: dict[str, Any] = {}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name == "extra" or value is None:
                continue
            out[name] = [v.to_builtins() for v in value] if name in self.parts else value
        out.update(self.extra)
        return out


def id_text(value: Any) -> str:
    """An id as it is compared and written: 7 and "7" are the same. Raises RecordError for what is neither."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    hint = {float: "whole numbers alone are read as ids",
            bool: "true and false name no post"}.get(type(value))
    raise RecordError(f"expected text or a whole number at id, got {json_type(value)}"
                      + (f" ({str(value).lower()})" if hint else ""),
                      hint=(f"{hint}; " if hint else "") + 'write it as text, as in {"id": "7"}')


def _convert_list(part: type[Record], value: Any, path: str) -> list[Record]:
    if not isinstance(value, list):
        raise RecordError(f"expected an array{at_path(path)}, got {json_type(value)}")
    return [part.from_builtins(v, f"{path}[{n}]") for n, v in enumerate(value)]


_JSON_TYPES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number",
               float: "a number", type(None): "null"}


def json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), type(value).__name__)


def at_path(path: str) -> str:
    return f" at {path.lstrip('.')}" if path else ""


def _readable(problem: str, path: str) -> str:
    """msgspec says "Expected `int`, got `str` - at `$.start`"; we give the whole path, without the marks."""
    what, _, where = problem.partition(" - at `$")
    what = what.replace("Object missing required field", "missing field").replace("`", "")
    return f"{what[0].lower()}{what[1:]}{at_path(path + where.rstrip('`'))}"
