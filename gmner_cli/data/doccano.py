"""doccano: one JSON object a line, with spans in its old or its new form; also one array of such objects.

    {"id": 7, "text": "Lady Gaga sings", "label": [[0, 9, "PER"]], "image": "7.jpg"}
    {"id": 7, "text": "Lady Gaga sings",
     "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 9}]}

An object without spans of any form has no ``entities``: nobody looked. Everything else that an object holds
goes to ``meta``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.boxes_file import add_boxes
from gmner_cli.data.conll import read_lines
from gmner_cli.data.findings import Report
from gmner_cli.data.offsets import Mark, counting, entities_of, in_order
from gmner_cli.data.own_boxes import picture_name
from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.records import Post, id_text
from gmner_cli.records.jsonl import loads

_SPANS = ("label", "labels", "entities", "annotations", "spans")
"""Where an object holds its spans: its old and new form, the oldest one (whose types are numbers), and
spaCy's."""
_IMAGES = ("image", "picture", "filename", "upload_name")


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """One post an object; without an id it is called NAME-NUMBER. Raises GmnerError when the file cannot be
    read."""
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source),
                         hint="doccano reads one file: --source all.jsonl")
    entries = []
    for number, value in objects(source, report):
        where = f"{source}:{number}"
        try:
            text = value["text"] if "text" in value else value["data"]
            if not isinstance(text, str):
                raise TypeError("its text is no text")
            marks = [_mark(span) for key in _SPANS for span in value.get(key) or []]
            own = id_text(value["id"]) if value.get("id") is not None else f"{source.stem}-{number}"
        except (KeyError, TypeError, ValueError, RecordError) as problem:
            reason = f"it has no {problem}" if isinstance(problem, KeyError) else problem
            report.add("unusable_entry", where, f"is not an object of doccano: {reason}", lossy=True)
            continue
        entries.append((where, value, own, text, marks))
    way = counting([(text, marks) for *_, text, marks in entries], source, report)
    posts = []
    for where, value, own, text, marks in entries:
        # an object that says nothing of spans is not one without entities
        told = any(key in value for key in _SPANS)
        entities = in_order(entities_of(text, marks, way, options.label_map, where, report)) if told else None
        image = next((picture_name(value[key], where, report) for key in _IMAGES if value.get(key)), None)
        rest = {
            key: item
            for key, item in value.items()
            if key not in ("id", "text", "data", *_SPANS, *_IMAGES) and item not in (None, [], {}, "")
        }
        posts.append(
            Post(id=own, text=text, image=image, entities=entities, meta={"dataset": "doccano", **rest}))
        if not text.strip():
            report.add("empty_post", where, f"post {own} has no text")
    add_boxes(posts, options, report)
    return {source.stem: posts}


def _mark(span: Any) -> Mark:
    """A span of either form. Raises KeyError, TypeError or ValueError."""
    if isinstance(span, dict):
        start, end = (span[f"{side}_offset"] if f"{side}_offset" in span else span[side]
                      for side in ("start", "end"))
        kind = span["label"]
    else:
        start, end, kind = span
    kind = str(kind) if type(kind) is int else kind
    if type(start) is not int or type(end) is not int or not isinstance(kind, str) or not kind.strip():
        raise TypeError(f"{str(span)[:80]} is no span of two whole numbers and a type")
    return Mark(start, end, kind.strip())


def objects(source: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """``(number, object)`` of a file of JSON Lines, by line, or of one JSON array, by place; others are
    reported."""
    lines = read_lines(source)
    try:
        whole = loads("\n".join(lines))
        numbered = list(enumerate(whole if isinstance(whole, list) else [whole], start=1))
    except ValueError:
        numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, value in numbered:
        problem = "is no object"
        if isinstance(value, str):
            try:
                value = loads(value)
            except ValueError as reason:
                problem = f"malformed JSON: {reason}"
        if isinstance(value, dict):
            yield number, value
        else:
            report.add("unusable_entry", f"{source}:{number}", problem, lossy=True)


ADAPTERS = (Adapter(name="doccano", read=read, family="doccano", accepts=frozenset({"boxes", "label_map"}),
                    own_file=True, published="nobody: your own export",
                    layout="the JSONL export of a sequence-labelling project"), )
