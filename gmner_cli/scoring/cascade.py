"""Which stage loses what: the scores of runs that believe more and more of the gold.

Each run of ``gmner predict --gold LEVEL`` believes one thing more than the run before, so it has one source
of errors fewer: the difference of their scores is what that stage loses. The stages are those of RiVEG:
tagger, entailment, grounding, segmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gmner_cli.errors import GmnerError, UsageError, did_you_mean
from gmner_cli.records import Post
from gmner_cli.records.fields import LEVELS
from gmner_cli.scoring.counts import Settings
from gmner_cli.scoring.task_scores import score

STAGES = ("tagger", "entailment", "grounding", "segmentation")
"""STAGES[n] is what still errs with LEVELS[:n] believed, and no longer with LEVELS[n]."""

ROWS = ("MNER", "EEG", "GMNER", "EES", "SMNER")

_BELIEVED = {"spans": "MNER", "groundable": "MNER", "boxes": "EEG"}
"""The row that must be perfect in a run that believes so much."""


def cascade(predicted: Iterable[Post], oracles: Mapping[str, Iterable[Post]],
            gold: Callable[[], Iterable[Post]], settings: Settings | None = None) -> dict[str, Any]:
    """The report of ``predicted``, as ``score`` gives it, with a part "cascade" more.

    Parameters
    ----------
    predicted: the run without ``--gold``.
    oracles: runs over the same posts, by LEVELS; some may be left out.
    gold: gives the gold posts afresh; called once for every run.

    ``cascade.f1`` holds the F1 in percent of every run by level ("predicted" is the one without), and
    ``cascade.lost`` the points between one run and the next, from the last one to 100, by the
    stages in between ("entailment+grounding" where the run between them was not given). A figure is None
    where a run has no boxes or masks. A stage may lose less than nothing, when gold serves the next one
    badly.

    Raises what ``score`` raises, UsageError for an unknown level, and GmnerError when a run is
    of other posts than ``predicted``.
    """
    for level in oracles:
        check_level(level)
    runs = {"predicted": predicted, **{level: oracles[level] for level in LEVELS if level in oracles}}
    first: set[str] | None = None
    reports: dict[str, dict[str, Any]] = {}
    for level, posts in runs.items():
        known: set[str] = set()
        ids: set[str] = set()
        reports[level] = _score(level, _noting(posts, ids), _noting(gold(), known), settings)
        ids &= known  # what is in no gold file is left out of every run (ignore_extra)
        first = ids if first is None else first
        if first != ids:
            raise GmnerError(f"{len(first ^ ids)} post(s) are in only one of PRED and {_option(level)}; "
                             f"the first is id {min(first ^ ids)!r}",
                             hint="make all runs from the same posts, without --limit or with the same one")
    f1 = {level: {row: report["rows"].get(row, {}).get("f1") for row in ROWS}
          for level, report in reports.items()}
    said = {part: [text for level in reports for text in _new_lines(part, level, reports)]
            for part in ("warnings", "notes")}
    return {**reports["predicted"], "cascade": {"f1": f1, "lost": _lost(f1)}, **said}


def check_level(name: str) -> None:
    """Raise UsageError unless ``name`` is one of LEVELS."""
    if name not in LEVELS:
        raise UsageError(f"unknown level {name!r} of --cascade", hint=did_you_mean(name, LEVELS))


def _score(level: str, posts: Iterable[Post], gold: Iterable[Post],
           settings: Settings | None) -> dict[str, Any]:
    try:
        report = score(posts, gold, settings)
    except GmnerError as problem:
        if level == "predicted" or problem.where is not None:  # the place names the file already
            raise
        raise type(problem)(problem.message, where=_option(level), hint=problem.hint) from None
    row = report["rows"].get(_BELIEVED.get(level, ""))
    if row is not None and row["gold"] and row["f1"] < 100:
        report["warnings"].append(f"{_BELIEVED[level]} is {row['f1']:.2f} and not 100, so this is not a "
                                  "whole run "
                                  f"of `gmner predict --gold {level}` on these gold posts")
    return report


def _lost(f1: dict[str, dict[str, float | None]]) -> dict[str, dict[str, float | None]]:
    levels = list(f1)
    # The run of LEVELS[n] has STAGES[n + 1:] left to err, the plain one all of them.
    starts = [0 if level == "predicted" else LEVELS.index(level) + 1 for level in levels] + [len(STAGES)]
    lost = {}
    for number, level in enumerate(levels):
        after = f1[levels[number + 1]] if number + 1 < len(levels) else dict.fromkeys(ROWS, 100.0)
        lost["+".join(STAGES[starts[number]:starts[number + 1]])] = {
            row: _gain(f1[level][row], after[row]) for row in ROWS
        }
    return lost


def _gain(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 4)


def _new_lines(part: str, level: str, reports: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The warnings or notes of a run that the plain run has not got already."""
    for text in reports[level][part]:
        if level == "predicted":
            yield text
        elif text not in reports["predicted"][part]:
            yield f"{_option(level)}: {text}"


def _option(level: str) -> str:
    return "PRED" if level == "predicted" else f"--cascade {level}"


def _noting(posts: Iterable[Post], ids: set[str]) -> Iterator[Post]:
    for post in posts:
        ids.add(post.id)
        yield post
