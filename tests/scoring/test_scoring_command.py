"""``gmner score`` as a user runs it: real processes, exit codes, pipes and a terminal."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from posts_to_score import BOX, HALF, SPANS, encoded, entity, pixels, post, save

from gmner_cli.records import Entity

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "COLUMNS": "100"}


def run(*args, stdin="", cwd=None):
    return subprocess.run([sys.executable, "-m", "gmner_cli", "score", *map(str, args)], input=stdin,
                          capture_output=True, text=True, env=ENV, cwd=cwd or ROOT)


@pytest.fixture
def files(tmp_path):
    gold = save(tmp_path / "gold.jsonl", post("a", entity(boxes=[BOX]), entity(SPANS[1], boxes=[])),
                post("b", entity(boxes=[])))
    pred = save(tmp_path / "pred.jsonl", post("b", entity(boxes=[])),
                post("a", entity(boxes=[HALF]), entity(SPANS[1], boxes=[])))
    return pred, gold


def test_piped_it_prints_json_and_leaves_the_files_alone(files):
    before = [Path(f).read_bytes() for f in files]
    done = run(*files)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('{\n  "posts": 2,'), "pretty, for people who read it in a log"
    report = json.loads(done.stdout)
    assert report["rows"]["MNER"] == {
        "precision": 100, "recall": 100, "f1": 100, "predicted": 3, "gold": 3, "correct": 3
    }
    assert report["rows"]["GMNER"]["correct"] == 2
    assert set(report) >= {
        "rows", "per_type", "sweep", "groundability", "grounding", "masks", "slices", "small_objects",
        "proposals", "abstained", "warnings", "notes", "missing", "failed", "not_assessed"
    }
    assert [Path(f).read_bytes() for f in files] == before


def test_options_reach_the_counting(files):
    assert json.loads(run(*files, "--match", "text").stdout)["rows"]["GMNER"]["correct"] == 3
    assert json.loads(run(*files, "--iou", "0.4").stdout)["rows"]["GMNER"]["correct"] == 3
    assert "HUMAN" in json.loads(run(*files, "--label-map", "PER=HUMAN").stdout)["per_type"]["MNER"]


def test_boxes_and_masks_fill_every_row(tmp_path):
    """Five gold entities: right, wrong mask, wrong box, seen where there is nothing, and not found."""
    whole, part, off = (encoded(pixels(*box)) for box in ((0, 0, 8, 8), (0, 0, 8, 5), (8, 0, 16, 8)))
    far, nothing = (50.0, 50.0, 60.0, 60.0), {"boxes": [], "masks": []}
    spans = [*SPANS, (6, 9)]
    gold = [{"boxes": [BOX], "masks": [whole]}] * 3 + [nothing, {"boxes": [far], "masks": [off]}]
    found = [{"boxes": [BOX], "masks": [part]}, {"boxes": [BOX], "masks": [off]},
             {"boxes": [far], "masks": [off]}, {"boxes": [BOX], "masks": [whole]}]
    sides = [
        save(
            tmp_path / name,
            post(
                "a",
                *(Entity(start=span[0], end=span[1], type="PER", **fields)
                  for span, fields in zip(spans, rows, strict=False)), image_size=(60, 60)))
        for name, rows in (("pred.jsonl", found), ("gold.jsonl", gold))
    ]
    report = json.loads(run(*sides).stdout)
    assert {name: row["correct"] for name, row in report["rows"].items()} == {
        "span": 4, "MNER": 4, "EEG": 2, "GMNER": 2, "EES": 1, "SMNER": 1}
    assert report["groundability"] == {"accuracy": 75, "entities": 4, "tp": 3, "fp": 1, "fn": 0, "tn": 0}
    assert (report["grounding"]["correct"], report["grounding"]["found"],
            report["grounding"]["gold"]) == (2, 3, 4)
    assert report["masks"]["mean_iou"] == pytest.approx(100 * (5 / 8) / 3, abs=1e-4)
    assert (report["masks"]["found"], report["masks"]["gold"]) == (3, 4)
    assert report["small_objects"] is None, "100 of 3600 square pixels are 2.8 %"
    small = json.loads(run(*sides, "--small", "0.03").stdout)["small_objects"]["EEG"]
    assert (small["predicted"], small["gold"], small["correct_gold"]) == (4, 4, 2)
    assert [row["correct"] for row in report["sweep"]["SMNER"].values()] == [1, 1, 1, 1, 0, 0, 0]
    assert [row["correct"] for row in report["sweep"]["GMNER"].values()] == [2] * 7


def test_stdin_and_the_table(files):
    done = run("-", files[1], "--table", stdin=Path(files[0]).read_text())
    assert done.returncode == 0 and "\x1b" not in done.stdout
    assert ["MNER", "100.00", "100.00", "100.00", "3", "3",
            "3"] in [line.split() for line in done.stdout.splitlines()]


def in_a_terminal(*args):
    """What the command writes when its stdout is a terminal."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen([sys.executable, "-m", "gmner_cli", "score", *args], stdout=theirs,
                             stderr=subprocess.DEVNULL, env=ENV, cwd=ROOT)
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not chunk:
            break
        written += chunk
    os.close(ours)
    assert child.wait() == 0
    return written.decode()


def test_in_a_terminal_it_prints_a_table_unless_asked_for_json(files, tmp_path):
    shown = in_a_terminal(*files)
    assert shown.startswith("2 posts, matched by span") and "GMNER by IoU" in shown
    assert json.loads(in_a_terminal(*files, "--json"))["posts"] == 2
    evil = save(tmp_path / "evil.jsonl", post("a", entity(type="\x1b[2JPER", boxes=[])), post("b"))
    assert "\x1b" not in in_a_terminal(evil, evil), "a type must not steer the terminal"


@pytest.mark.parametrize("options", [("--iou", "0"), ("--iou", "1"), ("--iou", "nan"), ("--small", "2"),
                                     ("--match", "id"), ("--json", "--table"), ("--label-map", "OTHER")])
def test_wrong_usage_exits_2(files, options):
    done = run(*files, *options)
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr


def test_both_from_stdin_is_wrong_usage():
    assert run("-", "-").returncode == 2


def test_an_id_that_gold_has_not_exits_1_and_is_named(files, tmp_path):
    other = save(tmp_path / "other.jsonl", post("a"), post("zzz"))
    done = run(other, files[1])
    assert done.returncode == 1 and "'zzz'" in done.stderr and "--ignore-extra" in done.stderr
    assert done.stdout == ""
    ignored = run(other, files[1], "--ignore-extra")
    assert ignored.returncode == 0 and json.loads(ignored.stdout)["ignored"] == 1


def test_warnings_go_to_stderr_alone(files, tmp_path):
    short = save(tmp_path / "short.jsonl", post("a", entity(type="HUMAN", boxes=[])))
    done = run(short, files[1])
    assert done.returncode == 0 and json.loads(done.stdout)["missing"] == 1
    assert "warning: 1 of 2 gold posts are not in PRED (first: b)" in done.stderr
    assert "--label-map HUMAN=PER" in done.stderr


def test_data_that_cannot_be_read_exits_1_and_says_where(files, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_text(Path(files[0]).read_text() + '{"id": "c", "text": "x", "entities": [{"start": "0"}]}\n')
    done = run(broken, files[1])
    assert done.returncode == 1 and f"{broken}:3" in done.stderr and "Traceback" not in done.stderr
    missing = run(tmp_path / "none.jsonl", files[1])
    assert missing.returncode == 1 and "no such file" in missing.stderr


def imported_by(code):
    """Names of the heavy libraries that a fresh interpreter holds after ``code``."""
    heavy = {"torch", "transformers", "pycocotools", "numpy"}
    code += f"\nprint('HEAVY', *sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", "import sys\n" + code], capture_output=True, text=True,
                          env=ENV, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rsplit("HEAVY", 1)[1].split())


def test_no_model_library_is_imported_on_the_way(files):
    found = imported_by("import runpy\n"
                        f"sys.argv = ['gmner', 'score', {files[0]!r}, {files[1]!r}]\n"
                        "try:\n    runpy.run_module('gmner_cli', run_name='__main__')\n"
                        "except SystemExit as end:\n    assert not end.code, end.code")
    assert not found & {"torch", "transformers"}


def test_the_library_needs_pycocotools_only_for_masks(files, tmp_path):
    code = ("from gmner_cli.records.jsonl import read_posts\nfrom gmner_cli.scoring.task_scores import "
            "score\n"
            "score(read_posts({0!r}), read_posts({0!r}))")
    assert not imported_by(code.format(files[1]))
    masked = save(tmp_path / "masked.jsonl",
                  post("a", entity(boxes=[BOX], masks=[encoded(pixels(0, 0, 8, 8))])))
    assert imported_by(code.format(masked)) == {"pycocotools", "numpy"}
