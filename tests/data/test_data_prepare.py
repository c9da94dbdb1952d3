"""``gmner prepare`` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import ROOT, conll

from gmner_cli.records.jsonl import read_posts

RECORDS = ["dev.jsonl", "test.jsonl", "train.jsonl"]


def written(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_records_and_report_are_written_and_stdout_stays_empty(cli, gmner, tmp_path):
    gmner.xml("t1", [("Ada Brook", (5, 6, 50, 70))])
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert written(tmp_path / "out") == sorted([*RECORDS, "report.json"])
    (post,) = read_posts(tmp_path / "out" / "train.jsonl", labels={"PER"})
    assert post.entities[0].boxes == [(5.0, 6.0, 50.0, 70.0)]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["problems"] == 0 and report["splits"]["train"]["groundable"] == 1
    for row in (["entities", "1", "0", "1", "2"], ["groundable", "1", "-", "0",
                                                   "1"], ["PER", "1", "0", "0", "1"]):
        assert row in [line.split() for line in done.stderr.splitlines()]


def test_check_stops_at_problems_and_lists_them(cli, gmner, tmp_path):
    gmner.xml("t1", [("Adah", (5, 6, 50, 70))])
    gmner.write(dev="IMGID:d1\nrain\nagain\tO\n")
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--check")
    assert done.returncode == 1
    assert "dev.txt:2: expected 2 tab-separated columns, found 1" in done.stderr and "'Adah'" in done.stderr
    assert written(tmp_path / "out") == ["report.json"]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["counts"] == {
        "malformed_line": 1, "box_without_entity": 1}


def test_check_passes_clean_data(cli, gmner, tmp_path):
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--check")
    assert done.returncode == 0, done.stderr
    assert set(RECORDS) <= set(written(tmp_path / "out"))


def test_fix_says_what_it_mended_and_satisfies_check(cli, gmner, tmp_path):
    gmner.xml("t1", [("ada brook", (5, 6, 500, 70))])
    gmner.write(dev=conll(("d1", "Oslo/I-LOC")) + "broken\n")
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--check", "--fix")
    assert done.returncode == 0, done.stderr
    for kind in ("malformed_line", "orphan_tag", "box_without_entity", "box_outside"):
        assert f"problem: {kind} 1 (1 fixed)" in done.stderr
    assert json.loads(
        (tmp_path / "out" / "train.jsonl").read_text())["entities"][0]["boxes"] == [[5.0, 6.0, 100.0, 70.0]]


def test_malformed_data_writes_nothing(cli, gmner, tmp_path):
    gmner.write(test="IMGID:s1\nOslo\n")
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out")
    assert done.returncode == 1 and "test.txt:2" in done.stderr and "--fix" in done.stderr
    assert "Traceback" not in done.stderr and written(tmp_path / "out") == []


@pytest.mark.parametrize(("name", "project"), [("twitter-gmner", "NUSTM/GMNER"),
                                               ("twitter-fmnerg", "NUSTM/FMNERG"),
                                               ("twitter-smner", "JinYuanLi0012/RiVEG"),
                                               ("twitter-2015", "jefferyYu/UMT")])
def test_without_a_source_it_says_where_the_data_is(cli, name, project):
    done = cli("prepare", name, "-o", "out")
    assert done.returncode == 1 and project in done.stderr and f"data/{name}" in done.stderr


def test_sources_are_found_in_the_data_folders(cli, gmner, tmp_path):
    (tmp_path / "data").mkdir()
    gmner.root.rename(tmp_path / "data" / "twitter-gmner")
    assert cli("prepare", "twitter-gmner", "-o", "out").returncode == 0
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    assert cli("prepare", "twitter-gmner", "-o", "out2",
               GMNER_DATA=str(tmp_path / "elsewhere")).returncode == 0
    assert written(tmp_path / "out") == written(tmp_path / "out2")


def test_conll_gives_one_file(cli, tmp_path):
    (tmp_path / "tagged.txt").write_text("Ada\tB-PER\n")
    done = cli("prepare", "conll", "--source", "tagged.txt", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / "out") == ["report.json", "tagged.jsonl"]


@pytest.mark.parametrize("args",
                         [("twitter-gmnr", "-o", "out"), ("twitter-gmner", ),
                          ("twitter-gmner", "-o", "out", "--source", ".", "--against", "twitter-2015")])
def test_wrong_usage_ends_with_2(cli, args):
    done = cli("prepare", *args)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_against_counts_leaks(cli, gmner, tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text(conll(("t1", "a b")))
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--against",
               f"twitter-2017={tmp_path}")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["leaks"]["twitter-2017"]["train"]["id"] == 1


def test_preparing_imports_no_torch(gmner, tmp_path):
    script = ("import sys; from gmner_cli.commands import prepare; from gmner_cli import data; from "
              "gmner_cli.data import output;"
              f"output.write(data.load('twitter-gmner', {str(gmner.root)!r}), {str(tmp_path / 'out')!r});"
              "heavy = {'torch', 'transformers'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert set(RECORDS) <= set(written(tmp_path / "out"))
