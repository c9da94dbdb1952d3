"""The score of what a page shows, as a table above the posts: the report of ``scoring``, unchanged."""

from __future__ import annotations

from html import escape
from typing import Any

HEAD = ("Row", "Precision", "Recall", "F1", "Predicted", "Gold", "Correct")


def score_table(report: dict[str, Any] | None) -> str:
    """HTML of the rows of ``task_scores.score`` or ``published.score_by_text``; "" where nothing is
    compared."""
    if report is None:
        return ""
    rows = dict(report["rows"])
    if small := report["small_objects"]:
        share = f"{small['share']:g}"
        rows |= {f"{name}, regions under {share} of the image": small[name] for name in ("EEG", "GMNER")}
    body = "".join(_row(name, figures) for name, figures in rows.items())
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in (*report["warnings"], *report["notes"]))
    above = "above" if report["match"] == "span" else "of at least"
    said = f"Score: matched by {report['match']}, a region is right with an IoU {above} {report['iou']:g}"
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    return (f'<details class="totals"><summary>{said}</summary><div class="scroll"><table><thead><tr>{head}'
            f"</tr></thead><tbody>{body}</tbody></table></div>{notes}</details>")


def _row(name: str, figures: dict[str, Any]) -> str:
    ratios = "".join(f"<td>{figures[key]:.2f}</td>" for key in ("precision", "recall", "f1"))
    # Of small regions precision and recall have a count of their own.
    correct = figures.get("correct", f"{figures.get('correct_predicted')}/{figures.get('correct_gold')}")
    return (f'<tr data-row="{escape(name)}"><td>{escape(name)}</td>{ratios}<td>{figures["predicted"]}</td>'
            f'<td>{figures["gold"]}</td><td>{correct}</td></tr>')
