"""Posts of a page beside their gold, and the score of them: all by the score's own code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from gmner_cli.errors import RecordError
from gmner_cli.records import Entity, Post
from gmner_cli.report.compare import Pair, describe, pairs_of
from gmner_cli.scoring.audit import Audit, all_boxes, renames_nothing
from gmner_cli.scoring.counts import Settings
from gmner_cli.scoring.judging import Judgement, judge
from gmner_cli.scoring.published_count import Picture, gather, image_key, judge_picture, score_by_text
from gmner_cli.scoring.task_scores import Scorer
from gmner_cli.scoring.visual_measures import is_small_gold, is_small_prediction, small_area

MOST_ENTITIES = 500
"""Of a post that are drawn: marks stand in each other, so a page of thousands would be larger than memory."""


@dataclass
class Item:
    """A post of the page, its entities beside those of gold where it is ``compared``, and ``notes``."""

    post: Post
    pairs: list[Pair] = field(default_factory=list)
    compared: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass
class _Case:
    """A post that can be compared: what counts on both sides, and the post whose size its gold boxes have."""

    item: Item
    found: list[Entity]
    gold: list[Entity]
    judged: Judgement
    texts: list[str | None]
    small: float | None = None


def alone(posts: Iterable[Post], settings: Settings) -> list[Item]:
    """Posts that nothing is held against. Types are shown as ``settings.renames`` says."""
    return [_drawn(Item(_read(post, settings))) for post in posts]


def against_gold(posts: Sequence[Post], gold: Iterable[Post], settings: Settings,
                 by_text: bool = False) -> tuple[list[Item], dict[str, Any] | None]:
    """The posts beside gold, and the score's report of those that are compared (None where none is).

    ``by_text``: pairs and report are those of ``score --match text``. Gold posts that the page does not show
    are left out of both, with a note in the report. Types are read, and shown, as ``settings.renames`` says.
    """
    gold, renames = list(gold), settings.renames
    met = {entity.type for post in (*posts, *gold) for entity in post.entities or []}
    shown = [_read(post, settings) for post in posts]
    truths = [_read(post, settings) for post in gold]
    settings = replace(settings, renames={}, ignore_extra=True)
    key = image_key if by_text else (lambda post: post.id)
    own = {key(post) for post in shown}
    on_page = [truth for truth in truths if key(truth) in own]
    items = [Item(post) for post in shown]
    whole = [truth for truth in on_page if truth.error is None]
    cases, report = (_by_text if by_text else _by_span)(items, whole, settings)
    refused = {truth.id: truth for truth in on_page if truth.error is not None}
    for item in items:
        if item.post.id in refused:
            item.notes.append("the gold post carries an error, so it is not compared")
        elif not item.compared and not item.notes:
            item.notes.append("there is no gold for this post")
    for item in items:
        if not item.compared:
            _drawn(item)
    if report is not None:
        for case in cases:
            _fill(case, report["rows"])
        report["warnings"] += [renames_nothing(old, new) for old, new in renames.items() if old not in met]
    left = [len(truth.entities or []) for truth in truths if key(truth) not in own]
    if report is not None and left:
        report["notes"].append(f"{len(left)} gold posts with {sum(left)} entities are not on this page; "
                               "`gmner score` counts their entities as not found")
    return items, report


def _read(post: Post, settings: Settings) -> Post:
    """The post with its types as they are to be read."""
    if not settings.renames or not post.entities:
        return post
    return msgspec.structs.replace(post, entities=[
        msgspec.structs.replace(entity, type=settings.renames.get(entity.type, entity.type))
        for entity in post.entities])


def _by_span(items: Sequence[Item], gold: Sequence[Post],
             settings: Settings) -> tuple[list[_Case], dict[str, Any] | None]:
    by_id = {post.id: post for post in gold}
    scorer, cases = Scorer(settings), []
    for item in items:
        truth = by_id.get(item.post.id)
        if truth is None:
            continue
        post = item.post
        item.notes += _notes(post, truth)
        try:
            found, wanted = _counted(post), list(truth.entities or [])
            judged, trouble = _judged(wanted, found, settings)
        except RecordError as problem:
            item.notes.append(f"{problem.message}; `gmner score` refuses such a file")
            continue
        if trouble is not None:
            item.notes.append(f"masks are not compared: {trouble}; `gmner score` refuses such a file")
            post, truth = _without(post, "masks"), _without(truth, "masks")
        scorer.add(post, _without(truth, "slices"))
        text = None if truth.text == post.text else truth.text
        small = small_area(settings.small, truth, post)
        cases.append(_Case(item, found, wanted, judged, [text] * len(wanted), small))
        item.compared = True
    return cases, scorer.report() if cases else None


def _judged(gold: list[Entity], found: list[Entity], settings: Settings) -> tuple[Judgement, str | None]:
    """The judgement, and what is wrong with masks, which then have no say in it."""
    try:
        return judge(gold, found, settings), None
    except RecordError as problem:
        gold, found = ([msgspec.structs.replace(entity, masks=None) for entity in side]
                       for side in (gold, found))
        return judge(gold, found, settings), problem.message


def _without(post: Post, name: str) -> Post:
    return msgspec.structs.replace(post, entities=None if post.entities is None else [
        msgspec.structs.replace(entity, **{name: None}) for entity in post.entities])


def _by_text(items: Sequence[Item], gold: Sequence[Post],
             settings: Settings) -> tuple[list[_Case], dict[str, Any] | None]:
    posts, truths = [item.post for item in items], {post.id: post for post in gold}
    pictures = gather(posts, gold, Audit(settings))
    of_picture: dict[str, list[_Case]] = {}
    for item in items:
        if image_key(item.post) in pictures:
            case = _Case(item, _counted(item.post), [], Judgement([], {}, {}), [])
            of_picture.setdefault(image_key(item.post), []).append(case)
    for key, cases in of_picture.items():
        _deal(pictures[key], judge_picture(pictures[key], settings.iou), cases, truths)
    cases = [case for of_one in of_picture.values() for case in of_one]
    for case in cases:
        case.item.compared = True
        if case.item.post.id in truths:
            case.item.notes += _notes(case.item.post, truths[case.item.post.id])
    return cases, score_by_text(posts, gold, settings) if cases else None


def _deal(picture: Picture, judged: Judgement, cases: Sequence[_Case], truths: Mapping[str, Post]) -> None:
    """Give each post of a picture its part of the judgement, and the gold entities that are shown with it."""
    by_id = {case.item.post.id: case for case in cases}
    for p, (post_id, number) in enumerate(picture.predicted_at):
        by_id[post_id].judged.predicted_rows[number] = judged.predicted_rows.get(p, [])
    held = {one.gold: one for one in judged.held}
    for g, (post_id, number) in enumerate(picture.gold_at):
        # A gold entity stands with the prediction that it is held against, else with its own post.
        case = by_id.get(post_id, cases[0])
        if g in held:
            shown_in, predicted = picture.predicted_at[held[g].predicted]
            case = by_id[shown_in]
            case.judged.held.append(replace(held[g], gold=len(case.gold), predicted=predicted))
        case.judged.gold_rows[len(case.gold)] = judged.gold_rows.get(g, [])
        case.gold.append((truths[post_id].entities or [])[number])
        text = truths[post_id].text
        case.texts.append(None if text == case.item.post.text else text)


def _counted(post: Post) -> list[Entity]:
    """The entities of a prediction that count."""
    return [] if post.set_aside else list(post.entities or [])


def _fill(case: _Case, rows: Mapping[str, Any]) -> None:
    most = max(len(case.found), len(case.gold))
    if most > MOST_ENTITIES:
        case.item.compared = False
        case.item.notes.append(f"{most} entities are more than can be compared here; "
                               "the score above counts them")
        return
    unassessed = sum(entity.boxes is None for entity in case.found + case.gold)
    if unassessed and "GMNER" in rows:
        case.item.notes.append(f"boxes of {unassessed} entities were not assessed; as in the score, these "
                               "count as not visible")
    pairs = pairs_of(case.found, case.gold, case.judged, list(rows), case.texts)
    case.item.pairs = [_sized(pair, case.small) for pair in pairs]


def _sized(pair: Pair, most: float | None) -> Pair:
    if most is None:
        return pair
    small = (("found", pair.found is not None and is_small_prediction(pair.found, most)),
             ("gold", pair.gold is not None and is_small_gold(pair.gold, most)))
    return replace(pair, small=tuple(side for side, is_small in small if is_small))


def _drawn(item: Item) -> Item:
    """The item with its entities as they are, without a verdict."""
    found = item.post.entities or []
    if len(found) > MOST_ENTITIES:
        item.notes.append(f"the first {MOST_ENTITIES} of its {len(found)} entities are drawn")
    item.pairs = describe(found[:MOST_ENTITIES])
    return item


def _notes(post: Post, truth: Post) -> list[str]:
    notes = []
    if truth.text != post.text:
        notes.append("gold has another text under this id, so its spans may not mean the same characters; "
                     "as in the score, they are compared all the same")
    if post.set_aside:
        what = "failed" if post.error is not None else "was skipped"
        notes.append(f"this post {what}, so nothing in it was assessed; as in the score, it counts as having "
                     "no entities")
    elif post.entities is None:
        notes.append("no entities were assessed in this post; as in the score, it counts as having none")
    if truth.entities is None:
        notes.append("no entities were assessed in gold; as in the score, it counts as having none")
    here, there = post.image_size, truth.image_size
    if here and there and tuple(here) != tuple(there) and (all_boxes(post) or all_boxes(truth)):
        (w, h), (gold_w, gold_h) = here, there
        notes.append(f"the picture is {w}x{h} here and {gold_w}x{gold_h} in gold, so its boxes may not mean "
                     "the same places")
    return notes
