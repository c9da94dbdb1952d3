"""Every command killed at every write, and run again: ``python -m tests.bench.bench_kills``.

For each command: what it leaves when it is killed before the N-th step of writing, for
every N (or ``--most`` of them, drawn with ``--seed``), and when it is killed in the middle of a
line; then the same command again, with --resume where there is one. Old files are whole
or the new ones are, files that belong together are of one run, and the second run
gives what an unbroken one gives, with nothing left over. Exit code 1 where not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork has no other thread of its parent's
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # so that it runs from a checkout that is not installed

from tests import kills  # noqa: E402
from tests.bench.markdown import conditions, show  # noqa: E402
from tests.conftest import SMALL_POSTS, tiny_settings, write_jsonl  # noqa: E402

COLUMNS = ("command", "kills", "faults", "seconds")
Files = dict[str, bytes]
KEPT = ".before"
"""At the end of the name of what a run replaced and kept."""
XML = (
    "<annotation><size><width>40</width><height>32</height></size><object><name>{word}</name><bndbox><xmin>1</xmin><ymin>2</ymin>"
    "<xmax>30</xmax><ymax>20</ymax></bndbox></object></annotation>")


@dataclass
class Scenario:
    """A command in a folder that holds its input and what an earlier run left.

    ``outputs``: what it writes, each by itself whole, old or new. ``together``: of them those
    that must all be of one run, or missing. ``loose``: names of which only the presence is compared.
    """

    name: str
    earlier: list[object]
    words: list[object]
    outputs: list[str]
    resume: bool = False
    together: bool = False
    loose: tuple[str, ...] = ()
    change: Callable[[Path], None] = field(default=lambda folder: None)
    """What happens to the inputs between the earlier run and this one."""


class Fault(Exception):
    """What a kill left is not as it should be."""


def look(folder: Path) -> Files:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def alike(one: object, other: object) -> bool:
    """Equal but for the last digits of numbers, which depend on how posts were batched."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return abs(one - other) < 1e-3
    return one == other


def same(name: str, one: bytes | None, other: bytes | None) -> bool:
    if one is None or other is None or one == other:
        return one == other
    if not name.endswith(".jsonl") or one.endswith(b"\n") != other.endswith(b"\n"):
        return False
    try:
        records = [[json.loads(line) for line in file.decode().splitlines()] for file in (one, other)]
    except ValueError:  # one of them is torn
        return False
    return alike(*records)


class Bench:
    """Runs scenarios in one folder, which always has the same name, because records of a run may hold it."""

    def __init__(self, place: Path, most: int | None, torn: int, seed: int):
        self.place, self.work = place, place / "work"
        self.most, self.torn, self.seed = most, torn, seed
        self.kills = 0

    def run(self, scenario: Scenario, inputs: Path) -> list[str]:
        """The faults that were found."""
        rng = random.Random(f"{self.seed} {scenario.name}")
        base = self._copy(inputs, self.place / "base")
        self._copy(inputs, self.work)
        self._unbroken(scenario.earlier)
        scenario.change(self.work)
        self._copy(self.work, base)
        old = look(self.work)
        steps = self._unbroken(scenario.words).steps
        new = look(self.work)
        cuts = [{"step": step} for step in _some(range(1, steps + 1), self.most, rng)]
        longest = max(len(new[name]) for name in new if name not in old or new[name] != old[name])
        cuts += [{"room": room} for room in _some(range(1, longest), self.torn, rng)]
        faults = []
        for cut in cuts:
            self._copy(base, self.work)
            try:
                self._cut(scenario, cut, old, new)
            except Fault as fault:
                faults.append(f"{scenario.name}, {cut}: {fault}")
        return faults

    def _cut(self, scenario: Scenario, cut: dict[str, int], old: Files, new: Files) -> None:
        ended = kills.run(kills.gmner(scenario.words), self.work, **cut)
        if not ended.killed:  # with room enough for every file
            if ended.code:
                raise Fault(f"ended with {ended.code}: {ended.said}")
            return
        self.kills += 1
        _sound(scenario, look(self.work), old, new)
        self._again(scenario)
        _finished(scenario, look(self.work), new)

    def _again(self, scenario: Scenario) -> None:
        words = [*scenario.words, "--resume"] if scenario.resume else scenario.words
        ended = kills.run(kills.gmner(words), self.work)
        if ended.code == 1 and scenario.resume and "without --resume" in ended.said:
            # Killed before it began, so that only the earlier run is there to go on with.
            ended = kills.run(kills.gmner(scenario.words), self.work)
        if ended.code or "Traceback" in ended.said:
            raise Fault(f"the second run ended with {ended.code}: {ended.said}")

    def _unbroken(self, words: list[object]) -> kills.Ended:
        ended = kills.run(kills.gmner(words), self.work)
        if ended.code:
            raise SystemExit(f"gmner {' '.join(map(str, words))} ended with {ended.code}: {ended.said}")
        ended.preload()
        return ended

    def _copy(self, source: Path, target: Path) -> Path:
        shutil.rmtree(target, ignore_errors=True)
        return shutil.copytree(source, target)


def _sound(scenario: Scenario, left: Files, old: Files, new: Files) -> None:
    """What a reader finds after the kill is of the old run or of the new one."""
    runs = set()
    for name in sorted({*old, *new}):
        if not any(name == out or name.startswith(f"{out}/")
                   for out in scenario.outputs) or name.endswith(scenario.loose or "\0"):
            continue
        there = left.get(name)
        are = {run for run, files in (("old", old), ("new", new)) if same(name, there, files.get(name))}
        if there is None and (scenario.together or left.get(_before(name)) == old.get(name)):
            continue
        if not are:
            raise Fault(f"{name} is neither the old nor the new one: "
                        f"{'missing' if there is None else there[:200]}")
        if scenario.together and len(are) == 1:
            runs |= are
    # Pictures may stand alone for a moment; records never beside another run's.
    records = any(
        name.endswith(".jsonl") and name in left
        for name in {*old, *new}
        if name.startswith(tuple(scenario.outputs)))
    if scenario.together and records and len(runs) > 1:
        raise Fault("files of both runs stand together: " + ", ".join(sorted(left)))
    if any(name not in left or left[name] != content for name, content in old.items()
           if not name.startswith(tuple(scenario.outputs))):
        raise Fault("an input was changed")


def _before(name: str) -> str:
    first, *rest = name.split("/")
    return "/".join([first + KEPT, *rest])


def _finished(scenario: Scenario, left: Files, new: Files) -> None:
    """The second run gave what an unbroken one gives, and nothing else is there."""
    names = [{name for name in files if KEPT not in name} for files in (left, new)]
    if names[0] != names[1]:
        raise Fault(f"left over: {sorted(names[0] - names[1])}, missing: {sorted(names[1] - names[0])}")
    for name in names[1]:
        if not name.endswith(scenario.loose or "\0") and not same(name, left[name], new[name]):
            raise Fault(f"{name} is not what an unbroken run gives: {left[name][:200]}")


def _some(values: range, most: int | None, rng: random.Random) -> Iterable[int]:
    return values if most is None or most >= len(values) else sorted(rng.sample(values, most))


def make_inputs(folder: Path) -> None:
    """Invented posts with pictures, captions, a data set, a pool and a tagger that is trained for a
    moment."""
    from PIL import Image

    from tests.tiny import save_bert

    (folder / "photos").mkdir()
    for number in range(4):
        Image.effect_mandelbrot((40, 32), (-2, -1, 1 + number, 1),
                                20).convert("RGB").save(folder / "photos" / f"{number}.png")
    posts = [{
        "id": f"ö{n}", "text": f"Allen {n} swims in Zürich with NASA", "image": f"{n % 4}.png",
        "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": [[1 + n, 2, 20 + n, 30]]}]
    } for n in range(6)]
    write_jsonl(folder / "posts.jsonl", posts)
    write_jsonl(folder / "fewer.jsonl", posts[:2])
    write_jsonl(folder / "train.jsonl", SMALL_POSTS)
    (folder / "captions.txt").write_text("".join(f"{n}.png :a picture of {n}\n" for n in range(4)))
    (folder / "older.txt").write_text("0.png :an old caption\n")
    for name, word in (("old", "Oslo"), ("new", "Paris")):
        (folder / name / "txt").mkdir(parents=True)
        (folder / name / "xml").mkdir()
        for split in ("train", "dev", "test"):
            (folder / name / "txt" /
             f"{split}.txt").write_text(f"IMGID:{split}{word}\n{word}\tB-LOC\nwakes\tO\n\n")
            (folder / name / "xml" / f"{split}{word}.xml").write_text(XML.format(word=word))
    (folder / "pool").mkdir()
    (folder / "pool" / "p.txt").write_text("".join(f"ö{n}\nSwimmer {n}.\n" for n in range(4)))
    (folder / "pool" / "p_GPT.txt").write_text("".join(f"ö{n}\n['Allen', 'PER']\n" for n in range(4)))
    save_bert(folder / "bert")


def scenarios(inputs: Path) -> list[Scenario]:
    tiny = [*tiny_settings(inputs / "bert"), "--offline", "--device", "cpu", "--threads", "1"]
    train = ["train-ner", "train.jsonl", "--dev", "train.jsonl", "-o", "tagger", *tiny, "--set"]
    predict = [
        "predict", "--ner", inputs / "tagger", "--images", "photos", "--offline", "--device", "cpu",
        "--threads", "1", "-o", "out.jsonl", "--texts"
    ]
    segment = ["segment", "--images", "photos", "-o", "out.jsonl"]
    expand = ["expand", "--task", "expansions", "-o", "out.jsonl", "--device", "cpu"]
    scenes = ["prepare", "scenes", "--jobs", 1, "--dev", 0, "-o", "set"]
    return [
        Scenario("prepare scenes", [*scenes, "--seed", 1, "--train", 3, "--test", 0, "--sheet", 1],
                 [*scenes, "--seed", 2, "--train", 2, "--test", 1], ["set"], together=True),
        Scenario("prepare twitter-gmner", ["prepare", "twitter-gmner", "--source", "old", "-o", "set"],
                 ["prepare", "twitter-gmner", "--source", "new", "-o", "set"], ["set"], together=True),
        Scenario("prepare conll over scenes", [*scenes, "--seed", 1, "--train", 2, "--test", 1],
                 ["prepare", "conll", "--source", "new/txt/train.txt", "-o", "set"], ["set"], together=True),
        Scenario("view", ["view", "fewer.jsonl", "--images", "photos", "-o", "page.html"],
                 ["view", "posts.jsonl", "--images", "photos", "-o", "page.html"], ["page.html"]),
        Scenario("caption --from", ["caption", "posts.jsonl", "--from", "older.txt", "-o", "out.jsonl"],
                 ["caption", "posts.jsonl", "--from", "captions.txt", "-o", "out.jsonl"], ["out.jsonl"],
                 resume=True),
        Scenario("pool", ["pool", "pool", "--posts", "fewer.jsonl", "-o", "out.jsonl"],
                 ["pool", "pool", "--posts", "posts.jsonl", "-o", "out.jsonl"], ["out.jsonl"]),
        Scenario("segment", [*segment, "fewer.jsonl"], [*segment, "posts.jsonl"], ["out.jsonl"], resume=True),
        Scenario("expand", [*expand, "fewer.jsonl"], [*expand, "posts.jsonl"], ["out.jsonl"], resume=True),
        Scenario("predict", [*predict, "fewer.jsonl"], [*predict, "posts.jsonl"], ["out.jsonl"], resume=True),
        Scenario("train-ner", [*train, "epochs=1"], [*train, "epochs=2", "--set", "lr=0.02"], ["tagger"],
                 resume=True, together=True, loose=("run.json", )),
    ]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="scenarios; default: all")
    parser.add_argument("--most", type=int, help="steps of writing that are tried for each command, drawn; "
                                                 "default: every one")
    parser.add_argument("--torn", type=int, default=40, help="kills within a line, for each command")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(words)
    print(conditions(), flush=True)
    faults, rows = [], []
    with tempfile.TemporaryDirectory() as place:
        inputs = Path(place) / "inputs"
        inputs.mkdir()
        # in a fork, because transformers starts threads
        made = kills.run(lambda: make_inputs(inputs), inputs)
        assert made.code == 0, (made.code, made.said)
        made.preload()
        chosen = [s for s in scenarios(inputs) if not given.names or s.name in given.names]
        bench = Bench(Path(place), given.most, given.torn, given.seed)
        if any(s.name == "predict" for s in chosen):
            trained = kills.run(
                kills.gmner([
                    "train-ner", "train.jsonl", "--dev", "train.jsonl", "-o", "tagger",
                    *tiny_settings(inputs / "bert"), "--set", "epochs=20", "--offline", "--device", "cpu"
                ]), inputs)
            assert trained.code == 0, (trained.code, trained.said)
        for scenario in chosen:
            began, before = time.perf_counter(), bench.kills
            only = inputs
            if scenario.name == "train-ner":  # which makes its own
                only = shutil.copytree(inputs,
                                       Path(place) / "untrained", ignore=shutil.ignore_patterns("tagger"))
            found = bench.run(scenario, only)
            row = (scenario.name, bench.kills - before, len(found), f"{time.perf_counter() - began:.1f}")
            rows.append(row)
            print(f"{row[0]}: {row[1]} kills, {row[2]} faults, {row[3]} s", flush=True)
            for fault in found:
                print(f"  {fault}", flush=True)
            faults += found
    show("Killed and run again", COLUMNS, [*rows, ("in all", bench.kills, len(faults), "")])
    return int(bool(faults) or not bench.kills)


if __name__ == "__main__":
    sys.exit(main())
