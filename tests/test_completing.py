"""What Tab gives, through the protocol that the shells speak, and how it is found: without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gmner_cli.commands import completing
from gmner_cli.recipes import names
from tests.conftest import ROOT

ASK = """
import json, os, sys
from gmner_cli.app import build
found = {}
for line in json.loads(sys.argv[1]):
    words = line.split(" ")
    os.environ.update(_GMNER_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    kept, sys.stdout = sys.stdout, __import__("io").StringIO()
    try:
        build()(prog_name="gmner", args=[])
    except SystemExit:
        pass
    found[line], sys.stdout = sys.stdout.getvalue().split(), kept
print(json.dumps({"found": found, "heavy": sorted({"torch", "transformers", "numpy"} & sys.modules.keys())}))
"""
LINES = {
    "gmner predict --recipe ": names(), "gmner predict --recipe z": ["zero-shot"],
    "gmner train-vg a --recipe riveg": [name for name in names() if name.startswith("riveg")],
    "gmner expand --recipe mini": ["mini"], "gmner recipes pl": ["plim-bert", "plim-mini"],
    "gmner recipes m": ["mini", "mine.yaml"], "gmner predict --recipe sub/": ["sub/own.yml", "sub/more/"],
    "gmner prepare ": ["twitter-gmner", "twitter-2017", "conll",
                       "scenes"], "gmner prepare twitter-f": ["twitter-fmnerg"],
    "gmner predict --device ": ["auto", "cpu"], "gmner train-ner x --device a": ["auto"],
    "gmner predict --gold ": ["spans", "groundable", "boxes"], "gmner score a b --cascade s": ["spans="],
    "gmner expand --llm ": ["template", "smollm2", "hf:", "openai:"], "gmner trust --f": ["--forget"],
    "gmner predict --follow": ["--follow-links"], "gmner train ": ["ner", "ve", "vg"],
    "gmner train --recipe plim-bert ": ["ner"], "gmner predict --weights v": ["ve=", "vg="]
}
EXACT = ("z", "riveg", "mini", "pl", "m", "twitter-f", "a", "s", "--f", "--follow", "v")


def test_tab_gives_what_is_there_and_imports_no_torch(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: mini")
    (tmp_path / "gmner.yaml").write_text("device: cpu")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "sub" / "more").mkdir(parents=True)
    (tmp_path / "sub" / "own.yml").touch()
    done = subprocess.run([sys.executable, "-c", ASK, json.dumps(list(LINES))], cwd=tmp_path,
                          env={"PYTHONPATH": str(ROOT),
                               "PATH": ""}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert not {"torch", "transformers"} & set(answer["heavy"])
    for line, expected in LINES.items():
        found = answer["found"][line]
        assert set(expected) <= set(found), line
        if line.rpartition(" ")[2] in EXACT:
            assert set(expected) == set(found), line
    assert not {"notes.txt", "gmner.yaml"} & set(answer["found"]["gmner predict --recipe "])


def test_devices_are_those_of_the_driver(monkeypatch):
    monkeypatch.setattr(completing, "glob", lambda pattern: ["/dev/nvidia1", "/dev/nvidia0", "/dev/nvidia0x"])
    assert completing.devices("") == ["auto", "cpu", "cuda", "cuda:0", "cuda:1"]
    monkeypatch.setattr(completing, "glob", lambda pattern: [])
    assert completing.devices("c") == ["cpu"]


def test_levels_are_those_of_the_library():
    from gmner_cli.flow.build import GOLD

    assert completing.GOLD == GOLD


@pytest.mark.parametrize("name", completing.LLMS)
def test_kinds_of_language_models_are_those_that_expand_knows(name):
    from gmner_cli.language.llm import READY, SPELLINGS

    assert name.rstrip(":") in {spelled.partition(":")[0] for spelled in (*READY, *SPELLINGS)}


def test_a_path_that_leads_nowhere_gives_nothing(tmp_path):
    assert completing.recipes(f"{tmp_path}/none/") == [] and completing.recipes("x" * 300 + "/") == []
