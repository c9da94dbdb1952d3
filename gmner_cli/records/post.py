"""The record: one post with its entities, as every command reads and writes it.

Every field says below it what it means and, last, who fills it: `gmner schema` prints that.

Spans are the key; nothing is ever joined by an entity's text. A field that is
``None`` here is absent in the file and means "not assessed yet"; an empty list
of boxes means "assessed, and the picture does not show it".

Names of files (``image``, the pictures made from text, crops, and the annotation files of data sets) follow
one rule, that of ``inside``: the name, ".." reckoned with, stays inside its folder as it is written; a
symbolic link there may lead out of it only with --follow-links or GMNER_FOLLOW_LINKS=1, never by
``gmner.yaml``, and then only to a regular file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from gmner_cli.errors import RecordError, did_you_mean
from gmner_cli.records import rle
from gmner_cli.records.record import Record, at_path, id_text
from gmner_cli.records.units import in_other_units

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the image as a person sees it (EXIF applied), x1 < x2, y1 < y2."""

ABSTAINED = "abstained"
"""Of ``Post.grounding``."""


class Knowledge(Record):
    """What a language model said about a post."""

    text: str
    """The answer. Filled by `expand`."""
    source: str | None = None
    """Who said it, such as "llm:smollm2". Filled by `expand`."""


class Expansion(Record):
    """What an entity is, in plain words."""

    text: str
    """The words, such as "a basketball player". Filled by `expand`."""
    source: str | None = None
    """Who said it, such as "llm:smollm2". Filled by `expand`."""


class Mask(Record):
    """COCO run-length encoding; ``size`` is [height, width].

    Runs that come in as numbers, COCO's uncompressed form, are held and written compressed.
    """

    size: tuple[int, int]
    """Height and width of the whole picture. Filled by `segment`, `predict`."""
    counts: str
    """The runs: pixels down the columns, outside and inside by turns. Filled by `segment`, `predict`."""

    @classmethod
    def from_builtins(cls, obj: Any, path: str = "") -> Mask:
        """As every record; raises RecordError also for a list of runs that does not fill ``size``."""
        runs = obj.get("counts") if isinstance(obj, dict) else None
        if not isinstance(runs, list):
            return super().from_builtins(obj, path)
        mask = super().from_builtins({**obj, "counts": ""}, path)
        try:
            rle.check(runs, *mask.size)
        except ValueError as problem:
            raise RecordError(f"counts are no run-length encoding{at_path(path)}: {problem}") from None
        mask.counts = rle.write(runs)
        return mask


class Proposal(Record):
    """A candidate region of a detector."""

    box: Box
    """Corners in pixels, as in `boxes` of an entity. Filled by you, `prepare --boxes`."""
    score: float | None = None
    """The detector's confidence. Filled by you."""
    label: str | None = None
    """What the detector takes it for. Filled by you, `prepare --boxes`."""


class Generated(Record):
    """A picture that was made from text; ``image`` follows the rules of a post's."""

    image: str
    """File of the picture. Filled by you."""
    prompt: str | None = None
    """The text that it was made from. Filled by you."""
    source: str | None = None
    """What made it. Filled by you."""


class Entity(Record):
    """A named entity: characters ``start``..``end`` (end exclusive) of the post's text."""

    start: int
    """First character, counted from 0. Filled by annotators, `predict`."""
    end: int
    """The character after the last. Filled by annotators, `predict`."""
    type: str
    """Coarse type, such as PER; which there are, the data set or the recipe says. Filled by annotators,
    `predict`."""
    text: str | None = None
    """What stands there in the post's text. Filled by `prepare`, `predict`."""
    token_start: int | None = None
    """Number of the first token, where the post has `tokens`. Filled by `prepare`, `predict`."""
    token_end: int | None = None
    """Number of the token after the last. Filled by `prepare`, `predict`."""
    fine_type: str | None = None
    """Fine type, such as sports_team. Filled by annotators, `predict`."""
    score: float | None = None
    """Confidence in span and type. Filled by `predict`."""
    entropy: float | None = None
    """How unsure the tagger is of the type. Filled by a model of your own."""
    candidates: list[Any] | None = None
    """Types that it may be, ranked. Filled by a model of your own."""
    expansions: list[Expansion] | None = None
    """What it is, in plain words, once or several times. Filled by `expand`."""
    expression: str | None = None
    """The words that visual entailment and grounding were asked with. Filled by `predict`."""
    groundable: float | None = None
    """Probability that the picture shows it. Filled by `predict`."""
    visible: bool | None = None
    """What visual entailment decided: grounding does not look for what is not; boxes have the last word.
    Filled by `predict`."""
    boxes: list[Box] | None = None
    """x1, y1, x2, y2 of each in pixels, best first; [] is not visible, and absent not assessed. Filled by
    annotators, `predict`."""
    box_scores: list[float] | None = None
    """Confidence in each box. Filled by `predict`."""
    masks: list[Mask] | None = None
    """The pixels of each of `boxes`. Filled by annotators, `predict`, `segment`."""
    slices: list[str] | None = None
    """Groups of gold entities that `score` reports rows of, such as "held-out". Filled by you, `prepare
    scenes`."""
    generated: list[Generated] | None = None
    """Pictures of the entity that were made from text. Filled by you."""
    parts: ClassVar = {"expansions": Expansion, "masks": Mask, "generated": Generated}

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


class Post(Record):
    """A social-media post: text, perhaps an image, and what is known about both."""

    id: str
    """Name of the post, once in a file; a whole number is read as text, and a missing one is made. Filled by
    you, `prepare`."""
    text: str
    """What was written. Filled by you, `prepare`."""
    tokens: list[str] | None = None
    """The words of `text`, where the data set has them. Filled by `prepare`."""
    image: str | None = None
    """File of the picture, inside the folder of --images. Filled by you, `prepare`."""
    image_size: tuple[int, int] | None = None
    """Width and height of the picture as a person sees it, in pixels. Filled by what opens it."""
    caption: str | None = None
    """What the picture shows, in a sentence. Filled by `caption`."""
    detailed_caption: str | None = None
    """What the picture shows, at length. Filled by `caption --detailed`."""
    knowledge: list[Knowledge] | None = None
    """What language models said about the post. Filled by `expand`, `pool`."""
    proposals: list[Proposal] | None = None
    """Candidate regions of a detector. Filled by you, `prepare --boxes`."""
    generated: list[Generated] | None = None
    """Pictures of the whole post that were made from text. Filled by you."""
    entities: list[Entity] | None = None
    """What the post names; [] is nothing, and absent not assessed. Filled by annotators, `predict`."""
    grounding: str | None = None
    """"abstained": the models declined to look, because the picture is unlike those they know; then nothing
    is assessed, and no entity has `boxes`. Filled by `predict`."""
    error: str | None = None
    """Why the post failed; --resume, and a run that reads this record, try again. Filled by every command."""
    skipped: str | None = None
    """Why the post was passed on as it came in (--on-missing-image skip); --resume, and a run that reads this
    record, try again. Filled by what opens pictures."""
    image_problem: str | None = None
    """Why the post was read without its image (--on-missing-image text-only); --resume counts it as finished,
    a run that reads this record tries again. Filled by what opens pictures."""
    meta: dict[str, Any] | None = None
    """Where the post is from: data set, version, split. Filled by `prepare`."""
    parts: ClassVar = {"knowledge": Knowledge, "proposals": Proposal, "generated": Generated,
                       "entities": Entity}

    @classmethod
    def from_builtins(cls, obj: Any, path: str = "") -> Post:
        """As every record; an ``id`` that is a whole number is read as text."""
        if isinstance(obj, dict) and obj.get("id") is not None:
            obj = {**obj, "id": id_text(obj["id"])}
        return super().from_builtins(obj, path)

    @property
    def set_aside(self) -> bool:
        """Whether stages leave the post alone, because it failed or is skipped."""
        return self.error is not None or self.skipped is not None

    def offsets(self) -> list[tuple[int, int]]:
        """Character span of every token. Raises RecordError when a token is not in the text."""
        if self.tokens is None:
            raise RecordError("the post has no tokens", where=self.id)
        return token_offsets(self.text, self.tokens)

    def clear(self, *fields: str) -> Post:
        """A copy whose entities are copies with these fields absent."""
        if self.entities is None:
            return msgspec.structs.replace(self)
        absent = dict.fromkeys(fields)
        return msgspec.structs.replace(self,
                                       entities=[msgspec.structs.replace(e, **absent) for e in self.entities])

    def check(self, labels: Iterable[str] | None = None) -> Post:
        """Return self when it is consistent; raise RecordError otherwise.

        ``labels``: the declared coarse types; a type outside them is an error.
        """
        if not self.id:
            raise RecordError("id is empty")
        if self.image_size is not None and min(self.image_size) <= 0:
            raise RecordError(f"image_size {list(self.image_size)} is not positive")
        offsets = self.offsets() if self.tokens is not None else None
        for number, proposal in enumerate(self.proposals or []):
            check_box(proposal.box, f"proposals[{number}].box")
        allowed = None if labels is None else set(labels)
        for number, entity in enumerate(self.entities or []):
            at = f"entities[{number}]"
            _check_span(entity, self.text, offsets, at)
            _check_visual(entity, at)
            if allowed is not None and entity.type not in allowed:
                near = did_you_mean(entity.type, allowed)
                raise RecordError(
                    f"{at}.type {entity.type!r} is not one of {', '.join(sorted(allowed))}",
                    hint=f"rename it with --label-map {entity.type}=NEW" + (f"; {near}" if near else ""),
                )
        return self


def token_offsets(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Spans of ``tokens`` in ``text``, found left to right with only white space skipped between.

    Raises RecordError when a token is empty or does not follow.
    """
    spans, at = [], 0
    for number, token in enumerate(tokens):
        if not token:
            raise RecordError(f"tokens[{number}] is empty")
        start = at
        # A token may itself begin with white space (U+200A and the like), so try before skipping.
        while not text.startswith(token, start):
            if start >= len(text) or not text[start].isspace():
                raise RecordError(f"tokens[{number}] {token!r} does not follow in the text at character {at}")
            start += 1
        at = start + len(token)
        spans.append((start, at))
    return spans


def check_box(box: Box, name: str) -> None:
    """Raise RecordError unless ``box`` is finite with x1 < x2 and y1 < y2."""
    if not all(math.isfinite(v) for v in box):
        raise RecordError(f"{name} {list(box)} is not finite")
    if not (box[0] < box[2] and box[1] < box[3]):
        raise RecordError(f"{name} {list(box)} needs x1 < x2 and y1 < y2")


def _check_span(entity: Entity, text: str, offsets: list[tuple[int, int]] | None, at: str) -> None:
    start, end = entity.span
    if not 0 <= start < end <= len(text):
        raise RecordError(f"{at} span {start}..{end} is not inside the text of {len(text)} characters",
                          hint=_units(entity, text))
    if entity.text is not None and entity.text != text[start:end]:
        raise RecordError(f"{at}.text {entity.text!r} is not what stands at {start}..{end}: "
                          f"{text[start:end]!r}", hint=_units(entity, text))
    if not entity.type:
        raise RecordError(f"{at}.type is empty")
    if (entity.token_start is None) != (entity.token_end is None):
        raise RecordError(f"{at} has only one of token_start and token_end")
    first, last = entity.token_start, entity.token_end
    if first is None or last is None or offsets is None:
        return
    if not 0 <= first < last <= len(offsets):
        raise RecordError(f"{at} tokens {first}..{last} are not inside the {len(offsets)} tokens")
    if (offsets[first][0], offsets[last - 1][1]) != (start, end):
        raise RecordError(
            f"{at} tokens {first}..{last} are characters {offsets[first][0]}..{offsets[last - 1][1]}, "
            f"but the span says {start}..{end}"
        )


def _units(entity: Entity, text: str) -> str | None:
    """A hint where the span is right, or at least possible, in other units than characters."""
    for unit, start, end in in_other_units(text, *entity.span):
        if start < end and entity.text in (None, text[start:end]):
            return f"the offsets seem to count {unit}; they must count characters (Unicode code points)"
    return None


def _check_visual(entity: Entity, at: str) -> None:
    for name in ("score", "entropy", "groundable"):
        value = getattr(entity, name)
        if value is not None and not math.isfinite(value):
            raise RecordError(f"{at}.{name} is not finite")
    if entity.groundable is not None and not 0 <= entity.groundable <= 1:
        raise RecordError(f"{at}.groundable {entity.groundable} is not a probability")
    for number, box in enumerate(entity.boxes or []):
        check_box(box, f"{at}.boxes[{number}]")
    for name in ("box_scores", "masks"):
        values = getattr(entity, name)
        if values is not None and len(values) != len(entity.boxes or []):
            raise RecordError(f"{at}.{name} has {len(values)} entries for {len(entity.boxes or [])} boxes")


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a post; fields beyond it are allowed and pass through."""
    schema = msgspec.json.schema(Post)
    for definition in schema["$defs"].values():
        definition.get("properties", {}).pop("extra", None)
        definition["additionalProperties"] = True
    # What is read beside what is written: see Post.from_builtins and Mask.from_builtins.
    schema["$defs"]["Post"]["properties"]["id"] = {"type": ["string", "integer"]}
    schema["$defs"]["Mask"]["properties"]["counts"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer", "minimum": 0}}]}
    return schema
