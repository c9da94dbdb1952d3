"""The report as plain text for a terminal: no colour, no control characters, any width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

LONGEST_NAME = 32


def render(report: dict[str, Any], width: int = 80) -> str:
    """Lay out a report of ``task_scores.score`` or ``published.score_by_text``; ends with a newline.

    ``width``: columns that notes are wrapped to. Rows of fine types stay in the
    JSON alone, because there may be dozens of them.
    """
    parts = [_heading(report), _table("", report["rows"])]
    for task in ("MNER", "GMNER"):
        if report["per_type"].get(task):
            parts.append(_table(f"{task} by type", report["per_type"][task]))
    for task, by_iou in (report["sweep"] or {}).items():
        parts.append(_table(f"{task} by IoU", by_iou))
    if report["small_objects"]:
        small = report["small_objects"]
        rows = {
            name: {
                **small[name], "correct": f"{small[name]['correct_predicted']}/{small[name]['correct_gold']}"
            } for name in ("EEG", "GMNER")
        }
        parts.append(_table(f"regions under {small['share']:g} of the image", rows))
    if report["slices"]:
        parts.append(_slices(report["slices"], report["iou"]))
    parts.append("\n".join(_facts(report)))
    return _page(parts, report["notes"], width)


def render_cascade(report: dict[str, Any], width: int = 80) -> str:
    """Lay out the part "cascade" of a report of ``cascade.cascade``: F1 of the runs above what each stage
    loses."""
    f1, lost = report["cascade"]["f1"], report["cascade"]["lost"]
    given = [name for name in next(iter(f1.values())) if any(row[name] is not None for row in f1.values())]
    last = list(lost)[-1]
    runs = [("as predicted" if level == "predicted" else f"+ gold {level}", *(_figure(row[name])
                                                                              for name in given))
            for level, row in f1.items()]
    losses = [(f"{stages.replace('+', ' + ')}{' (to 100)' if stages == last else ''}", *(_figure(row[name])
                                                                                         for name in given))
              for stages, row in lost.items()]
    blank = ("",) * (1 + len(given))
    table = _aligned([("F1", *given), *runs, blank, ("points lost by", *given), *losses])
    return _page([_heading(report), table], report["notes"], width)


def _page(parts: Iterable[str], notes: Iterable[str], width: int) -> str:
    told = "\n".join(
        textwrap.fill(clean(f"note: {note}"), max(width, 20), subsequent_indent="  ") for note in notes)
    return "\n\n".join(part for part in (*parts, told) if part) + "\n"


def clean(text: str) -> str:
    """``text`` without what could steer a terminal; names of types come from files."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _heading(report: dict[str, Any]) -> str:
    compared = "above" if report["match"] == "span" else "of at least"
    return (f"{report['posts']} posts, matched by {report['match']}, a region is right with an IoU "
            f"{compared} {report['iou']:g}")


def _table(title: str, rows: dict[str, dict[str, Any]]) -> str:
    head = (title, "precision", "recall", "F1", "predicted", "gold", "correct")
    body = [(_short(name), *(f"{r[key]:.2f}" for key in ("precision", "recall", "f1")),
             *(str(r[key]) for key in ("predicted", "gold", "correct"))) for name, r in rows.items()]
    return _aligned([head, *body])


def _slices(slices: dict[str, dict[str, Any]], iou: float) -> str:
    """A line for each slice. A ratio over no entities is left open, and what it is over stands beside it."""
    tasks = [
        task for task in ("MNER", "GMNER", "EES", "SMNER") if task in next(iter(slices.values()))["recall"]
    ]
    parts = {
        "groundability": ("visible?", "accuracy", "entities"),
        "grounding": (f"Prec@{iou:g}", "precision", "found"), "masks": ("mIoU", "mean_iou", "found")
    }
    given = {part: keys for part, keys in parts.items() if next(iter(slices.values()))[part] is not None}
    head = ("slice", "gold", *(f"{task} R" for task in tasks), *(cell for title, *_ in given.values()
                                                                 for cell in (title, "of")))
    body = [(_short(name), str(row["gold"]), *(f"{row['recall'][task]:.2f}" for task in tasks),
             *(cell for part, (_, ratio, whole) in given.items()
               for cell in (_figure(row[part][ratio] if row[part][whole] else None), str(row[part][whole]))))
            for name, row in slices.items()]
    return _aligned([head, *body])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _aligned(lines: list[tuple[str, ...]]) -> str:
    """Columns of one width each, the first to the left and the others to the right."""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join("  ".join(
        [line[0].ljust(widths[0]), *(c.rjust(w)
                                     for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
                     for line in lines)


def _facts(report: dict[str, Any]) -> Iterable[str]:
    iou = f"{report['iou']:g}"
    if report["groundability"]:
        g = report["groundability"]
        yield (f"groundability accuracy {g['accuracy']:.2f} over {g['entities']} gold entities whose span is "
               "found "
               f"(tp {g['tp']}, fp {g['fp']}, fn {g['fn']}, tn {g['tn']})")
    if report["grounding"]:
        g = report["grounding"]
        yield (f"grounding Prec@{iou} {g['precision']:.2f} over {g['found']} of {g['gold']} groundable gold "
               "entities "
               f"whose span is found; {g['precision_given_box']:.2f} over the {g['given_box']} that were "
               "given a box")
    if report["masks"]:
        m = report["masks"]
        yield (f"mask mIoU {m['mean_iou']:.2f} over {m['found']} of {m['gold']} gold entities with masks "
               "whose span is "
               f"found; {m['mean_iou_given_mask']:.2f} over the {m['given_mask']} that were given a mask")
    if report["proposals"]:
        p = report["proposals"]
        yield (f"proposals TopN-Prec@0.5: top 10 {p['top10']:.2f}, top 15 {p['top15']:.2f}, top 20 "
               f"{p['top20']:.2f} "
               f"over {p['gold']} groundable gold entities")
    if report.get("reused"):
        yield (f"{report['reused']} more predictions would be right if a gold entity could be found twice, "
               "as in the script")


def _short(name: str) -> str:
    name = clean(name)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
