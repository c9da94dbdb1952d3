"""Boxes, labels and masks over a picture, as one SVG of the shown picture's size."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from gmner_cli.errors import RecordError
from gmner_cli.records import Entity
from gmner_cli.report.compare import Pair
from gmner_cli.report.page_picture import Shown, mask_layer
from gmner_cli.report.palette import Palette

LABEL_LENGTH = 24
FRAME_WIDTH, FRAME_HEIGHT = 470, 440
"""CSS pixels that a picture gets on a wide page; the stylesheet has the same."""
LABEL_HEIGHT, LABEL_FONT, LABEL_PAD = 17.0, 11.5, 5.0

Area = tuple[float, float, float, float]


def overlay(shown: Shown, text: str, pairs: Sequence[Pair], palette: Palette) -> tuple[str, list[str]]:
    """The SVG over the picture of a post with this ``text``, and a sentence for each mask that could not be
    drawn.

    Gold is drawn first and dashed, the prediction over it and solid.
    """
    # Shown pixels per CSS pixel: labels are then equally large on every picture of the page.
    unit = max(shown.width / FRAME_WIDTH, shown.height / FRAME_HEIGHT)
    taken: list[Area] = []
    layers: list[str] = []
    trouble: list[str] = []
    for side in ("gold", "found"):
        for number, pair in enumerate(pairs):
            entity = getattr(pair, side)
            if entity is not None and entity.boxes:
                layers.append(_group(entity, number, side, shown, palette, trouble))
    labels = [_labels(getattr(pair, side), (side == "gold" and pair.gold_text) or text, number, side, shown,
                      palette, unit, taken)
              for side in ("found", "gold") for number, pair in enumerate(pairs)
              if _has_label(pair, side)]
    svg = (f'<svg viewBox="0 0 {shown.width} {shown.height}" role="group" aria-label="boxes in the picture">'
           f"{''.join(layers)}{''.join(labels)}</svg>")
    return svg, trouble


def _has_label(pair: Pair, side: str) -> bool:
    """A gold box beside a right prediction needs no second label."""
    entity = getattr(pair, side)
    return bool(entity is not None and entity.boxes) and (side == "found" or pair.kinds != ("correct",)
                                                          or not (pair.found and pair.found.boxes))


def _group(entity: Entity, number: int, side: str, shown: Shown, palette: Palette, trouble: list[str]) -> str:
    parts = []
    for mask in entity.masks or []:
        try:
            layer = mask_layer(mask, shown, palette.colour(entity.type), 80 if side == "found" else 0)
        except RecordError as problem:
            trouble.append(problem.message)
            continue
        parts.append(f'<image class="mask" href="{layer}" width="{shown.width}" height="{shown.height}"/>')
    for box in entity.boxes or []:
        x1, y1, x2, y2 = shown.place(box)
        shape = f'x="{x1:.1f}" y="{y1:.1f}" width="{max(x2 - x1, 1):.1f}" height="{max(y2 - y1, 1):.1f}"'
        # A pale line under the coloured one keeps a box visible on any picture.
        parts.append(f'<rect class="under" {shape}/><rect class="box" {shape}/>')
    return f'<g class="region {side} {palette.css(entity.type)}" data-e="{number}">{"".join(parts)}</g>'


def _labels(entity: Entity, text: str, number: int, side: str, shown: Shown, palette: Palette,
            unit: float, taken: list[Area]) -> str:
    name = text[entity.start:entity.end]
    name = name if len(name) <= LABEL_LENGTH else name[:LABEL_LENGTH - 1] + "…"
    words = f"{'gold ' if side == 'gold' else ''}{entity.type[:LABEL_LENGTH]} · {name}"
    width, height = (_width(words) * LABEL_FONT + 2 * LABEL_PAD) * unit, LABEL_HEIGHT * unit
    parts = []
    for box in entity.boxes or []:
        x1, y1, x2, y2 = shown.place(box)
        # Above the box where there is room, gold below it; then further down until nothing is covered.
        y = y1 - height if side == "found" else y2
        area = _free((x1, y, x1 + width, y + height), shown, taken)
        taken.append(area)
        parts.append(
            f'<rect x="{area[0]:.1f}" y="{area[1]:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'rx="{3 * unit:.1f}"/>'
            f'<text x="{area[0] + LABEL_PAD * unit:.1f}" y="{area[1] + 12.2 * unit:.1f}" '
            f'font-size="{LABEL_FONT * unit:.1f}" textLength="{width - 2 * LABEL_PAD * unit:.1f}" '
            f'lengthAdjust="spacingAndGlyphs">{escape(words)}</text>')
    return f'<g class="label {side} {palette.css(entity.type)}" data-e="{number}">{"".join(parts)}</g>'


def _free(area: Area, shown: Shown, taken: Sequence[Area]) -> Area:
    """``area`` moved into the picture, and down (then up) past the labels that are already there."""
    x1, y1, x2, y2 = area
    width, height = x2 - x1, y2 - y1
    x1 = max(0.0, min(x1, shown.width - width))
    wanted = max(0.0, min(y1, shown.height - height))
    for step in (0, 1, 2, 3, -1, -2, -3):
        y = wanted + step * height
        if 0 <= y <= shown.height - height and not any(
                x1 < t[2] and t[0] < x1 + width and y < t[3] - 0.5 and t[1] < y + height - 0.5
                for t in taken):
            return x1, y, x1 + width, y + height
    return x1, wanted, x1 + width, wanted + height


def _width(words: str) -> float:
    """Rough width in ems; ``textLength`` makes it exact in the browser."""
    total = 0.0
    for sign in words:
        if unicodedata.combining(sign) or unicodedata.category(sign) in ("Cf", "Mn"):
            continue
        if unicodedata.east_asian_width(sign) in "WF":
            total += 1.0
        elif sign in "ijlI.,:;|'!·()[]ft ":
            total += 0.32
        elif sign.isupper() or sign in "mwMW&@%…":
            total += 0.74
        else:
            total += 0.58
    return total
