"""Data sets: one module per family, found by name, all giving the same posts.

    from gmner_cli.data import load
    splits = load("twitter-gmner", "data/twitter-gmner-v2")
    splits["train"][0].entities
    splits.report.counts()

A new data set is one new module here that holds ``ADAPTERS``, a tuple of
``Adapter``; nothing else has to be touched.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from gmner_cli.data.adapter import NO_ENTITY, Adapter, Options, Splits
from gmner_cli.data.findings import Finding, Report
from gmner_cli.errors import GmnerError, UsageError, did_you_mean
from gmner_cli.records import Post

__all__ = ["Adapter", "Finding", "Options", "Report", "Splits", "adapters", "find_source", "get", "load",
           "siblings"]


def adapters() -> dict[str, Adapter]:
    """Every data set by name, from all modules of this package that declare ADAPTERS."""
    found = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for adapter in getattr(importlib.import_module(module.name), "ADAPTERS", ()):
            found[adapter.name] = adapter
    return dict(sorted(found.items()))


def get(name: str) -> Adapter:
    """The adapter of a data set. Raises UsageError, with the closest known name, when there is none."""
    known = adapters()
    if name not in known:
        raise UsageError(f"unknown data set {name!r}", hint=did_you_mean(name, [*known, "scenes"]))
    return known[name]


def find_source(name: str) -> Path:
    """``$GMNER_DATA/NAME``, then ``data/NAME``; raises GmnerError that says where the data is published."""
    adapter = get(name)
    if adapter.own_file:
        raise GmnerError(f"{name} reads a file of your own", hint=f"name it: --source FILE, {adapter.layout}")
    root = os.environ.get("GMNER_DATA")
    places = [Path(root) / name] if root else []
    places.append(Path("data") / name)
    for place in places:
        if place.is_dir():
            return place
    raise GmnerError(
        f"{name} is not at {' or '.join(map(str, places))}",
        hint=f"its authors publish it with {adapter.published}; put {adapter.layout} into {places[-1]}, "
             f"set GMNER_DATA to the folder that holds {name}, or name the place with --source",
    )


def load(name: str, source: str | Path | None = None, *, options: Options | None = None,
         images: str | Path | None = None, against: Mapping[str, str | Path] | None = None,
         beside: bool = False, stop: bool = True) -> Splits:
    """Read a whole data set, checked.

    Parameters
    ----------
    source: its folder (for a data set of one's own a file); found by ``find_source`` when absent.
    options: see Options.
    images: folder of the pictures; every one is opened, and its true size recorded.
    against: other data sets (name to folder) whose test posts are looked for in train and dev.
    beside: likewise for the data sets that ``siblings`` finds; one that cannot be read is reported.
    stop: raise at malformed lines and duplicate ids; otherwise they are only reported.

    Raises GmnerError when files are absent, hold no posts, or (with ``stop``, and without
    ``options.fix``) cannot give whole records; with it, ``report.lost()`` tells
    what the records lack. Raises UsageError for an option that the data set has no use for.
    """
    from gmner_cli.data import inspection

    adapter = get(name)
    options = options or Options()
    for option in ("boxes", "orphans", "column", "label_map"):
        if option not in adapter.accepts and getattr(options, option) != getattr(Options(), option):
            raise UsageError(f"--{option.replace('_', '-')} means nothing for {name}")
    for old, new in options.label_map.items():
        if adapter.labels is not None and new not in adapter.labels | {NO_ENTITY}:
            raise UsageError(f"--label-map {old}={new}: {new!r} is not a type of {name}",
                             hint=did_you_mean(new, [*adapter.labels, NO_ENTITY]))
    place = Path(source) if source is not None else find_source(name)
    if not place.exists():
        raise GmnerError("no such file or folder", where=str(place),
                         hint=f"--source must hold {adapter.layout}")
    report = Report()
    posts = adapter.read(place, options, report)
    if not any(posts.values()) and not report.fatal():
        raise GmnerError("holds no posts", where=str(place), hint=f"--source must hold {adapter.layout}, and "
                                                                  "the file may be damaged")
    for split in (split for split, read in posts.items() if not read and not adapter.own_file):
        report.add("empty_split", place, f"{split} has no posts")
    inspection.duplicates(posts, report, fix=options.fix)
    inspection.overlaps(posts, report)
    if images is not None:
        inspection.pictures(posts, Path(images), report, fix=options.fix, follow_links=options.follow_links)
    splits = Splits(name, place, posts, report)
    for other, folder in (against or {}).items():
        splits.leaks[other] = inspection.leaks(posts, _read(other, folder), other, report)
    for other, folder in (siblings(name, place) if beside else {}).items():
        try:
            splits.leaks[other] = inspection.leaks(posts, _read(other, folder), other, report)
        except GmnerError as problem:
            report.add("unread_neighbour", folder, str(problem).split("\n")[0])
    fatal = report.fatal()
    if fatal and stop and not options.fix:
        raise GmnerError(
            f"{fatal[0].message}" + (f" (and {len(fatal) - 1} more like it)" if len(fatal) > 1 else ""),
            where=fatal[0].where, hint=_way_out(fatal))
    if options.fix or not fatal:
        for post in (p for split in posts.values() for p in split):
            post.check(adapter.labels)
    return splits


def _way_out(fatal: Sequence[Finding]) -> str:
    """The next step; --fix is named only where it mends something."""
    lossy = sum(finding.lossy for finding in fatal)
    if not lossy:
        return "see all with --check, or repair them with --fix"
    tags = any(finding.kind == "unknown_tag" for finding in fatal)
    return ("see all with --check; " +
            ("--label-map OLD=NEW names a type, OLD=O leaves it out" if tags else "mend the file") +
            (f"; --fix repairs {len(fatal) - lossy} of {len(fatal)}" if lossy < len(fatal) else ""))


def _read(name: str, folder: str | Path) -> dict[str, list[Post]]:
    return get(name).read(Path(folder), Options(), Report())


def siblings(name: str, source: str | Path) -> dict[str, Path]:
    """Other data sets in the folder that holds ``source``, by name: the places leaks can come from.

    A folder counts when it is called as a data set is (``twitter-2015``), or so
    with a version (``twitter-gmner-v2``, the highest is taken). Data sets of the
    same family are left out: they share their posts by design.
    """
    known = adapters()
    family = known[name].family
    found: dict[str, Path] = {}
    taken = {family}
    # The set that a family is named after comes first: its relatives hold the same posts.
    for other, adapter in sorted(known.items(), key=lambda item: item[0] != item[1].family):
        if adapter.family in taken or adapter.own_file:
            continue
        parent = Path(source).resolve().parent
        places = [p for p in [parent / other, *sorted(parent.glob(f"{other}-v[0-9]*"))] if p.is_dir()]
        if places:
            found[other] = places[-1]
            taken.add(adapter.family)
    return found
