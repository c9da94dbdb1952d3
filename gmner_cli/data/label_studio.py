"""Label Studio: the JSON export, or JSON-MIN, of posts whose entities and boxes were marked there.

    [{"id": 7, "data": {"text": "Lady Gaga sings", "image": "/data/upload/1/7.jpg"},
      "annotations": [{"result": [
      {"id": "a", "type": "labels", "value": {"start": 0, "end": 9, "text": "Lady Gaga", "labels": ["PER"]}},
      {"id": "b", "type": "rectanglelabels", "original_width": 640, "original_height": 480,
       "value": {"x": 10, "y": 20, "width": 50, "height": 60, "rotation": 0, "rectanglelabels": ["PER"]}},
      {"type": "relation", "from_id": "a", "to_id": "b"}]}]}]

A box belongs to the entity that a relation links it to, else to the one whose
text its own text (a text area, ``meta``) or label is, else to the only one of its label.
Of several annotations of a task the ground truth is taken, or the first that was not
cancelled. JSON-MIN has no relations. Pictures are assessed where a file has boxes at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.boxes_file import add_boxes
from gmner_cli.data.doccano import objects
from gmner_cli.data.findings import Report
from gmner_cli.data.label_studio_results import IMAGES, Results, read_results, to_draw, unpack
from gmner_cli.data.offsets import counting, entities_of, in_order
from gmner_cli.data.own_boxes import assign, picture_name
from gmner_cli.errors import GmnerError, RecordError
from gmner_cli.records import Post, id_text

_TEXTS = ("text", "tweet", "post", "sentence", "content", "body", "message")


@dataclass
class _Task:
    where: str
    id: str
    text: str
    image: str | None
    rest: dict[str, Any]
    results: Results | None


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """One post a task; a task without an annotation has no ``entities``. Raises GmnerError when the file
    cannot be read."""
    if not source.is_file():
        raise GmnerError("is not a file", where=str(source), hint="label-studio reads one file: --source "
                                                                  "export.json")
    tasks = []
    for number, value in objects(source, report):
        where = f"{source}: task {str(value.get('id', number))[:40]}"
        try:
            tasks.append(_task(value, where, f"{source.stem}-{number}", report))
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecordError) as problem:
            reason = f"no {problem}" if isinstance(problem, KeyError) else problem
            report.add("unusable_entry", where, f"is not a task of Label Studio: {reason}", lossy=True)
    marked = [(task.text, task.results.marks) for task in tasks if task.results]
    way = counting(marked, source, report)
    boxed = any(task.results and (task.results.drawn or task.results.unread) for task in tasks)
    posts = [_post(task, way, boxed, options, report) for task in tasks]
    add_boxes(posts, options, report)
    return {source.stem: posts}


def _task(value: dict[str, Any], where: str, name: str, report: Report) -> _Task:
    data, raw = unpack(value, where, report)
    key = next((key for key in _TEXTS if isinstance(data.get(key), str)), None) or next(
        (key for key, item in data.items() if isinstance(item, str) and " " in item.strip()), None)
    if key is None:
        raise ValueError(f"no text among its data ({', '.join(map(repr, data))[:80]}); call it text")
    picture = next((key for key in IMAGES if isinstance(data.get(key), str) and data[key]), None)
    own = next((item for item in (data.get("id"), value.get("id")) if item is not None), name)
    return _Task(where, id_text(own), data[key],
                 picture_name(data.get(picture), where, report) if picture else None,
                 {k: item for k, item in data.items() if k not in (key, picture, "id")},
                 None if raw is None else read_results(raw, where, report))


def _post(task: _Task, way: str, boxed: bool, options: Options, report: Report) -> Post:
    post = Post(id=task.id, text=task.text, image=task.image, meta={"dataset": "label-studio", **task.rest})
    if not task.text.strip():
        report.add("empty_post", task.where, f"post {task.id} has no text")
    if task.results is None:
        return post
    results = task.results
    made = entities_of(task.text, results.marks, way, options.label_map, task.where, report)
    post.entities = in_order(made)
    if not (boxed and task.image) and not results.drawn:
        return post
    by_region = dict(zip(results.mark_ids, made, strict=True))
    drawn = []
    for key, region, texts in results.drawn:
        linked = [by_region[other] for other in results.linked(key) if other in by_region]
        # An entity that a box is linked to, but that is left out, takes its box with it.
        drawn += [
            replace(to_draw(region, texts, options.label_map), entity=entity)
            for entity in linked or [None]
            if entity is not None or not linked
        ]
    assign(post, drawn, results.size, task.where, report, unread=results.unread, fix=options.fix)
    return post


ADAPTERS = (Adapter(name="label-studio", read=read, family="label-studio",
                    accepts=frozenset({"boxes", "label_map"}), own_file=True,
                    published="nobody: your own export", layout="the JSON or JSON-MIN export of a project"), )
