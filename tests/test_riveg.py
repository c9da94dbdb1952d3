"""train-ve and train-vg by recipes riveg and riveg-blip, with small random networks: they learn drawn
pictures, and words are read."""

from __future__ import annotations

import json
import shutil

import pytest

from gmner_cli.records.jsonl import read_lines
from gmner_cli.scoring.task_scores import score
from gmner_cli.weights.model_folder import load_model
from tests import tiny
from tests.conftest import read_jsonl
from tests.shapes import WORDS, answered, draw, swapped

VE = {
    "riveg": (tiny.save_florence, {"ve.settings.prompt": "'{expression}'"}),
    "riveg-blip": (tiny.save_blip, {})
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("drawn"))


def trained(gmner, drawn, out, stage, checkpoint, recipe="riveg", **values):
    """``gmner train-STAGE`` on the drawn posts; the network it started from is thrown away afterwards."""
    values = {
        "epochs": 40, "lr": "4e-3", f"{stage}.train.batch_size": 6,
        f"{stage}.settings.checkpoint": checkpoint, **values
    }
    changes = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    done = gmner(f"train-{stage}", drawn, "--dev", drawn, "--recipe", recipe, "-o", out, "--threads", "1",
                 "--offline", *WORDS, *changes)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(checkpoint)
    return out


@pytest.fixture(scope="module", params=VE)
def entailer(request, gmner, drawn, tmp_path_factory):
    """The recipe and the trained folder."""
    folder = tmp_path_factory.mktemp(request.param)
    save, values = VE[request.param]
    # a batch is so many pairs: here all three of all six pictures
    values = {**values, "ve.train.batch_size": 18}
    return request.param, trained(gmner, drawn, folder / "ve", "ve", save(folder / "net"), request.param,
                                  **values)


@pytest.fixture(scope="module")
def grounder(gmner, drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grounder")
    return trained(gmner, drawn, folder / "vg", "vg", tiny.save_florence(folder / "net"), lr="5e-3",
                   epochs=50, **{"vg.settings.prompt": "'{expression}'"})


def test_trained_folders_predict_the_posts_they_learned_and_need_nothing_else(
        gmner, drawn, entailer, grounder, tmp_path):
    recipe, folder = entailer
    done = gmner("predict", "--texts", drawn, "--recipe", recipe, "--gold", "spans", "--ve", folder, "--vg",
                 grounder, "--set", f"segment.settings.checkpoint={tiny.save_sam(tmp_path / 'sam')}", *WORDS,
                 "--offline")
    assert done.returncode == 0, done.stderr
    (tmp_path / "found.jsonl").write_text(done.stdout)
    gold, found = ([line.post for line in read_lines(path)] for path in (drawn, tmp_path / "found.jsonl"))
    rows = score(found, gold)["rows"]
    assert rows["EEG"]["f1"] == rows["GMNER"]["f1"] == 100
    entities = [e for r in read_jsonl(done.stdout) for e in r["entities"]]
    assert all(len(e.get("box_scores", [])) == len(e["boxes"]) for e in entities)
    assert all(e["visible"] == bool(e["boxes"]) for e in entities)
    visible = [e["groundable"] for e in entities if e["boxes"]]
    assert min(visible) > max(e["groundable"] for e in entities if not e["boxes"])


def test_entailment_reads_the_words(drawn, entailer):
    _, folder = entailer
    model, gold = load_model(folder), [line.post for line in read_lines(drawn)]
    said = [[bool(e.groundable > 0.5)
             for e in post.entities]
            for post in answered(model, swapped(gold, 1, 2), drawn.parent)]
    # The second and the third entity are asked for in each other's words: the second is there, the third is
    # not.
    assert sum(a and not b and c for a, b, c in said) >= 0.75 * len(said)


def test_grounding_reads_the_words(drawn, grounder):
    model, gold = load_model(grounder), [line.post for line in read_lines(drawn)]
    right = model.evaluate(answered(model, swapped(gold), drawn.parent), gold)
    wrong = model.evaluate(answered(model, swapped(gold, 0, 1), drawn.parent), gold)
    assert right["prec@0.5"] == 100 and wrong["prec@0.5"] <= 25


def test_the_run_says_how_it_went(entailer, grounder):
    for folder, metric in ((entailer[1], "accuracy"), (grounder, "prec@0.5")):
        run = json.loads((folder / "run.json").read_text())
        assert run["finished"] and max(row[metric] for row in run["epochs"]) == run["best_score"] == 100
    assert {"ece", "threshold", "tp", "fp", "fn", "tn", "accuracy_PER", "accuracy_LOC"} <= set(
        json.loads((entailer[1] / "run.json").read_text())["epochs"][0])
