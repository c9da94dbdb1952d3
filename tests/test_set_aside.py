"""A post that failed or was skipped comes out as it came in, but for the mark that says why."""

from __future__ import annotations

import copy

import pytest
import torch
from PIL import Image

from gmner_cli import recipes
from gmner_cli.classes.class_paths import find_class
from gmner_cli.compute.runtime import Runtime
from gmner_cli.flow.build import GOLD, build
from gmner_cli.flow.check_images import CheckImages
from gmner_cli.flow.model_stage import ModelStage
from gmner_cli.flow.run_file import run_file
from gmner_cli.language import ready
from gmner_cli.language.expand import Expand
from gmner_cli.language.prompts import read_prompt
from gmner_cli.language.published.import_captions import ImportCaptions
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.segmentation.choosing import segmenter
from tests.conftest import DUMMIES, read_jsonl, write_jsonl

CPU = Runtime(torch.device("cpu"))

FULL = {
    "id": "a",
    "text": "Allen swims in London",
    "tokens": ["Allen", "swims", "in", "London"],
    "image": "a.png",
    "caption": None,
    "knowledge": [{"text": "old", "source": "llm:other"}],
    "grounding": "abstained",
    "own": [{"kept": True}],
    "meta": {"split": "test"},
    "entities": [{
        "start": 0, "end": 5, "type": "PER", "score": 0.5, "expression": "as it was", "groundable": 0.9,
        "visible": True, "boxes": [[1, 1, 9, 9]], "box_scores": [0.5],
        "masks": [{"size": [12, 16], "counts": "P6"}], "expansions": [{"text": "a swimmer", "source": "x"}]
    }, {"start": 15, "end": 21, "type": "OTHER", "boxes": [], "own": 1},
                 {"start": 15, "end": 21, "type": "LOC", "points": [[3, 3]]}],
}
FULL = {key: value for key, value in FULL.items() if value is not None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    Image.effect_mandelbrot((16, 12), (-2, -1, 1, 1), 20).convert("RGB").save(folder / "a.png")
    (folder / "broken.png").write_text("no picture")
    write_jsonl(folder / "captions.jsonl", [{"id": "a", "caption": "another caption"}])
    return folder


@pytest.fixture(scope="module")
def stages(folder):
    """Every kind of stage that a command runs."""
    pictures, mini = Pictures(folder), recipes.load("mini")
    kind = find_class(f"{DUMMIES}/squares.py:FindsColour", trusted=[f"{DUMMIES}/squares.py:FindsColour"])
    found = {
        f"mini {stage.name} {gold}": stage
        for gold in (None, *GOLD)
        for stage in build(mini, CPU, pictures, gold=gold, offline=True)
    }
    found["segment"] = segmenter("grabcut", CPU, pictures)
    found["caption"] = ImportCaptions([folder / "captions.jsonl"], overwrite=True)
    for task in ("knowledge", "expansions"):
        backend = ready.make("template", task=task, posts="-", quality="right")
        found[f"expand {task}"] = Expand(task, backend, read_prompt(task, None), overwrite=True)
    found["a model of one's own"] = ModelStage("vg", kind(kind.Config(), {}, None), CPU, 4, pictures)
    found["images"] = CheckImages(pictures, print)
    return found


@pytest.mark.parametrize("mark", ["error", "skipped"])
@pytest.mark.parametrize("image", ["a.png", "broken.png"])
def test_no_stage_touches_a_post_that_is_set_aside(stages, mark, image):
    for name, stage in stages.items():
        record = {**copy.deepcopy(FULL), "image": image, mark: "an earlier stage"}
        (out,) = stage([Post.from_builtins(copy.deepcopy(record))])
        assert out.to_builtins() == Post.from_builtins(record).to_builtins(), name
    assert {"expressions", "gold", "ner", "ve", "vg", "segment",
            "images"} <= {name.split()[1] for name in stages if name.startswith("mini")}


class Spoils:
    """A stage that has changed a post before it finds that it cannot bear it."""

    name = "spoils"

    def __call__(self, posts):
        for post in posts:
            post.image_size, post.caption = (1, 1), "half done"
            for entity in post.entities or []:
                entity.expression = "half done"
            if post.id == "bad":
                raise RuntimeError("odd")
        return posts


def through(tmp_path, records, stages, **options):
    source, out = write_jsonl(tmp_path / "in.jsonl", records), tmp_path / "out.jsonl"
    run_file(source, out, lambda: stages, config={}, tell=lambda message: None, **options)
    return read_jsonl(out.read_text(encoding="utf-8"))


@pytest.mark.parametrize("missing,mark", [("error", "error"), ("skip", "skipped")])
def test_a_post_whose_picture_is_not_read_leaves_the_whole_cascade_as_it_came(
        folder, tmp_path, missing, mark):
    pictures = Pictures(folder, missing)
    records = [{**FULL, "id": "broken", "image": "broken.png"},
               {**FULL, "id": "none", "image": "none.png", "error": "old",
                "image_problem": "old"}, {**FULL, "id": "good"}]
    found = build(recipes.load("mini"), CPU, pictures, offline=True, tell=lambda message: None)
    out = through(tmp_path, records, found, label_map={"OTHER": "MISC"})
    for came, record in zip(records[:2], out, strict=False):
        assert record.pop(mark)
        came = {key: value for key, value in came.items() if key not in ("error", "skipped", "image_problem")}
        assert record == came
    assert out[2]["image_size"] == [16, 12] and out[2]["entities"] != FULL["entities"]


def test_a_post_that_a_late_stage_cannot_bear_comes_out_as_it_came(folder, tmp_path):
    records = [{**FULL, "id": "good"}, {**FULL, "id": "bad"}, {**FULL, "id": "also good"}]
    found = [*build(recipes.load("mini"), CPU, Pictures(folder), offline=True)[:3], Spoils()]
    out = through(tmp_path, records, found, label_map={"OTHER": "MISC"})
    assert "unexpected RuntimeError: odd" in out[1].pop("error")
    assert out[1] == records[1] and [record.get("caption")
                                     for record in out] == ["half done", None, "half done"]


def test_expand_keeps_the_answers_that_a_failed_post_got(tmp_path):
    (out,) = through(tmp_path, [{**FULL, "id": "bad"}], [Spoils()], keep_partial=True)
    assert out["error"] and out["caption"] == "half done"
