"""``prepare`` and ``train``: from data sets to posts, and from posts to models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gmner_cli.api.given import Changes, File, Folder, Progress, Tell, changes, no_progress, path, undisturbed
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.weights import hub

if TYPE_CHECKING:
    from gmner_cli.data import Splits
    from gmner_cli.training.loop import History

SCENES = "scenes"
"""The data set that is drawn, not read."""
READING = {"source": None, "images": None, "follow_links": False, "boxes": None, "check": False, "fix": False,
           "against": None, "orphans": None, "column": -1, "label_map": None}
"""Arguments of ``prepare`` for what is read, with their defaults."""
DRAWING = {"seed": 0, "train": 2000, "dev": 250, "test": 500, "captions": 0, "set": (), "sheet": 0,
           "jobs": None}
"""Those for scenes."""


def prepare(dataset: str, out: Folder, *, source: File | None = None, images: Folder | None = None,
            follow_links: bool = False, boxes: File | None = None, check: bool = False, fix: bool = False,
            against: Mapping[str, Folder] | None = None,
            orphans: Literal["start", "drop"] | None = None, column: int = -1,
            label_map: Mapping[str, str] | None = None, train: int = 2000, dev: int = 250, test: int = 500,
            captions: int = 0, set: Mapping[str, Any] | tuple[()] = (), sheet: int = 0,
            jobs: int | None = None, overwrite: bool = False, seed: int = 0, tell: Tell = hub.say,
            shown: Callable[[Splits], Any] = lambda splits: None, progress: Progress = no_progress) -> Splits:
    """Turn a published data set or a file of your own into records, or draw one, as `gmner prepare` does.

    Parameters
    ----------
    dataset: twitter-gmner, twitter-fmnerg, twitter-smner, twitter-2015, twitter-2017, scenes; of your own
        conll, text, csv, label-studio, doccano.
    out: folder for SPLIT.jsonl and report.json, all of which appear at the end.
    source: the data set as its authors publish it, or your own file. None: $GMNER_DATA/DATASET, then
        data/DATASET.
    check: write no records if there are problems, and raise. fix: repair what can be.
    against: further data sets, name to folder, whose test posts are looked for in train and dev.
    label_map: types of the data set to types of the records; "O" leaves entities out.
    train, dev, test, captions, set, sheet, jobs, seed: of scenes alone.
    shown: called with what was read before records are written. progress: with the number of scenes just
        drawn.

    Returns the splits, by name in ``posts``; ``report`` lists every finding. Raises GmnerError when the data
    cannot be read, when ``check`` finds problems, and, after writing, when ``fix`` could not mend all without
    loss; UsageError for arguments that mean nothing for the data set.

    >>> import gmner_cli
    >>> from pathlib import Path
    >>> _ = Path("tagged.txt").write_text("Ada\\tB-PER\\nsings\\tO\\n")
    >>> splits = gmner_cli.prepare("conll", "posts", source="tagged.txt", tell=lambda line: None)
    >>> [(entity.text, entity.type) for [post] in splits.posts.values() for entity in post.entities]
    [('Ada', 'PER')]
    """
    given = {"source": source, "images": images, "follow_links": follow_links, "boxes": boxes,
             "check": check, "fix": fix, "against": against, "orphans": orphans, "column": column,
             "label_map": label_map, "seed": seed, "train": train, "dev": dev, "test": test,
             "captions": captions, "set": set, "sheet": sheet, "jobs": jobs}
    others = READING if dataset == SCENES else DRAWING
    if odd := sorted(name for name, default in others.items() if given[name] != default):
        raise UsageError(f"{odd[0]} means nothing for {dataset}")
    out = Path(out)
    if dataset == SCENES:
        return _draw(out, dict(set), sheet, overwrite, tell, seed=seed, train=train, dev=dev, test=test,
                     captions=captions, jobs=jobs, progress=progress)
    from gmner_cli import data
    from gmner_cli.data import output

    reading = data.Options(fix=fix, boxes=path(boxes), orphans=orphans, column=column,
                           label_map=dict(label_map or {}), follow_links=follow_links)
    splits = data.load(dataset, path(source), options=reading, images=path(images),
                       against={name: Path(folder) for name, folder in (against or {}).items()},
                       beside=not against, stop=not check)
    shown(splits)
    problems = splits.report.problems()
    failed = bool(check and problems)
    written = output.write(splits, out, records=not failed, inputs=(splits.source, reading.boxes),
                           overwrite=overwrite)
    if failed:
        raise GmnerError(f"{len(problems)} problems, listed in {out / 'report.json'}; no records written")
    for file in written:
        tell(f"wrote {file}")
    if lost := splits.report.lost():
        raise GmnerError(f"{len(lost)} problems cannot be mended without loss, so the records lack what "
                         f"these say; they are listed in {out / 'report.json'}")
    return splits


def _draw(out: Path, settings: dict[str, Any], sheet: int, overwrite: bool, tell: Tell,
          **counts: Any) -> Splits:
    from gmner_cli.data import scenes
    from gmner_cli.data.scenes.knobs import parse

    splits = scenes.write(out, knobs=parse(settings), shown=sheet, overwrite=overwrite, **counts)
    for split in splits.posts:
        tell(f"wrote {out / split}.jsonl")
        if sheet:
            tell(f"wrote {out / split}-sheet.png")
    return splits


@undisturbed
def train(section: str, posts: File, out: Folder, *, dev: File, recipe: File = "mini",
          images: Folder | None = None, follow_links: bool = False, on_missing_image: str = "error",
          init: File | None = None, set: Changes = (), label_map: Mapping[str, str] | None = None,
          limit: int | None = None, resume: bool = False, device: str = "auto", threads: int | None = None,
          seed: int = 0, offline: bool = False, tell: Tell = hub.say,
          step: Callable[[int, int, int, float], Any] = lambda epoch, step, steps, loss: None,
          epoch: Callable[[dict[str, Any]], Any] = lambda row: None) -> History:
    """Train the model of one section of a recipe, as `gmner train SECTION` does.

    Parameters
    ----------
    section: name of a section with `train` values, such as "ner", "ve", "vg".
    posts, dev: JSONL of posts with gold; ``dev`` chooses the best epoch.
    out: folder that the model appears in when it is whole; the one before is kept in OUT.before.
    init: a trained model's folder, or a recipe with weights, to start from.
    set: changes values of the recipe; short keys are looked up in ``section`` first.
    resume: go on where a killed training stopped.
    step: called with (epoch, step, steps of the epoch, loss) after each step; epoch: with the row of each
        epoch.

    Returns ``rows`` (one dict per epoch), ``best_epoch`` (counted from 1) and ``best_score``. Raises
    UsageError for what cannot be trained, RecordError for posts that cannot be used, GmnerError for files,
    data and losses that are wrong.

    >>> import gmner_cli
    >>> gold, changes = "sample_data/gold.jsonl", {"ner.train.epochs": 1, "ner.settings.max_length": 32}
    >>> done = gmner_cli.train("ner", gold, "tagger", dev=gold, set=changes, limit=4, tell=lambda line: None)
    >>> done.best_epoch, len(done.rows)
    (1, 1)
    """
    from gmner_cli.recipes import load

    chosen = load(str(recipe), changes(set), within=section)
    if offline:
        hub.go_offline()
    from gmner_cli.compute import runtime
    from gmner_cli.training.loop import Watcher
    from gmner_cli.training.runs import train as run

    precision = (chosen.section(section).train or {}).get("precision", "auto")
    where = runtime.start(device, precision=precision, seed=seed, threads=threads)
    return run(section, chosen, posts, dev, Path(out), where, seed=seed, images=path(images),
               follow_links=follow_links, on_missing_image=on_missing_image, resume=resume, offline=offline,
               init=init, label_map=dict(label_map or {}), limit=limit,
               watcher=Watcher(step=step, epoch=epoch), tell=tell)
