"""``gmner segment``: what comes out for what comes in, with every backend; failures of one post are its
own."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from gmner_cli.pictures.masks import decode
from gmner_cli.records import Mask, Post
from tests.conftest import read_jsonl, write_jsonl
from tests.segmentation.conftest import Evil, noise

CPU = ("--device", "cpu", "--threads", "1", "--offline")


@pytest.fixture
def segment(gmner, posts):
    """``segment(*args)``: the command over ``posts``."""
    return lambda *args, **options: gmner("segment", posts, *CPU, *args, **options)


def masks_of(entity):
    return [decode(Mask.from_builtins(mask)) for mask in entity["masks"]]


@pytest.mark.parametrize("backend", ["grabcut", "hf", "segment-anything"])
def test_masks_stand_beside_boxes_and_all_else_passes(segment, posts, hf_sam, pth_sam, backend):
    done = segment("--model", {"grabcut": "grabcut", "hf": hf_sam, "segment-anything": pth_sam}[backend])
    assert done.returncode == 0, done.stderr
    came, found = read_jsonl(posts.read_text()), read_jsonl(done.stdout)
    for record in found:
        Post.from_builtins(record).check()
    first, unseen, outside = found[0]["entities"]
    assert [m.shape for m in masks_of(first)
            ] == [(120, 160)] * 2 and first["boxes"] == came[0]["entities"][0]["boxes"]
    assert unseen["masks"] == [] and [m.any() for m in masks_of(outside)] == [False]
    assert found[1] == came[1], "not assessed: left alone"
    assert found[2]["entities"][0]["masks"] == [] and "error" not in found[2]
    assert found[3] == came[3], "its missing picture is not needed"
    pointed = found[4]["entities"][0]
    assert pointed["points"] == [[60, 50]] and len(pointed["boxes"]) == len(pointed["masks"]) <= 1
    for entities in found:
        for entity in entities.get("entities", []):
            entity.pop("masks", None)
    pointed.pop("boxes")
    found[0].pop("image_size"), found[4].pop("image_size")
    assert found == came, "nothing else changed"


def test_grabcut_cuts_out_what_was_drawn(segment):
    found = read_jsonl(segment().stdout)
    mask, corner = masks_of(found[0]["entities"][0])
    assert mask[50, 55] and not mask[95, 25] and not mask[25, 85]
    assert corner.any() and not corner[:, 31:].any() and not corner[41:].any()
    (x1, y1, x2, y2), = found[4]["entities"][0]["boxes"]
    assert x1 <= 60 < x2 and y1 <= 50 < y2
    again = read_jsonl(segment("--threads", "3", "--seed", "9").stdout)
    assert again == found, "it depends neither on threads nor on the seed"


def test_old_masks_are_replaced_and_boxes_win_over_points(gmner, tmp_path):
    noise(40, 30).save(tmp_path / "a.png")
    entity = {"start": 0, "end": 4, "type": "LOC", "boxes": [[2, 2, 20, 20]], "points": [[35, 25]],
              "masks": [{"size": [30, 40], "counts": "not a mask"}]}
    path = write_jsonl(tmp_path / "p.jsonl",
                       [{"id": "1", "text": "Rome", "image": "a.png", "entities": [entity]}])
    done = gmner("segment", path, *CPU)
    made = read_jsonl(done.stdout)[0]["entities"][0]
    assert done.returncode == 0 and made["boxes"] == [[2, 2, 20, 20]]
    assert masks_of(made)[0][:21, :21].any() and not masks_of(made)[0][21:].any()


def test_a_post_that_fails_takes_no_other_with_it(segment, posts):
    records = read_jsonl(posts.read_text())
    records[3]["entities"] = [{"start": 0, "end": 6, "type": "PER", "boxes": [[1, 1, 5, 5]]}]
    records[4]["entities"][0]["points"] = [[1]]
    write_jsonl(posts, records)
    done = segment()
    found = read_jsonl(done.stdout)
    assert done.returncode == 3
    assert "no such image" in found[3]["error"] and "entities[0].points" in found[4]["error"]
    assert len(found[0]["entities"][0]["masks"]) == 2 and "error" not in found[0]
    done = segment("--on-missing-image", "text-only", "--limit", "4")
    found = read_jsonl(done.stdout)
    assert done.returncode == 0 and "masks" not in found[3]["entities"][0] and "no such image" in found[3][
        "image_problem"]
    found = read_jsonl(segment("--on-missing-image", "skip", "--limit", "4").stdout)
    assert "no such image" in found[3]["skipped"]


def test_resume_makes_only_what_failed_and_refuses_another_model(segment, posts, tmp_path, pth_sam):
    out = tmp_path / "out.jsonl"
    (tmp_path / "b.jpg").rename(tmp_path / "away.jpg")
    records = read_jsonl(posts.read_text())
    records[1]["entities"][0]["boxes"] = [[5, 5, 45, 80]]
    write_jsonl(posts, records)
    assert segment("-o", out).returncode == 3
    made = read_jsonl(out.read_text())
    made[0]["mood"] = "not made again"
    write_jsonl(out, made)
    (tmp_path / "away.jpg").rename(tmp_path / "b.jpg")
    refused = segment("-o", out, "--resume", "--model", pth_sam)
    assert refused.returncode in (1, 2) and "model" in refused.stderr and "Traceback" not in refused.stderr
    done = segment("-o", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert "1 posts in" in done.stderr and "4 were finished before" in done.stderr
    found = {r["id"]: r for r in read_jsonl(out.read_text())}
    assert found["1"]["mood"] == "not made again" and len(
        found["2"]["entities"][0]["masks"]) == 1 and "error" not in found["2"]


@pytest.mark.parametrize("model, code, message", [("grabcat", 2, "did you mean 'grabcut'?"),
                                                  ("sam:vit_x", 2, "did you mean 'sam:vit_"),
                                                  ("./nothing", 1, "is not a folder with a model"),
                                                  ("gone/sam.pth", 1, "no such checkpoint"),
                                                  ("sam:vit_h", 1, "--offline forbids to download it"),
                                                  ("org/sam", 1, "--offline forbids to download it")])
def test_a_model_that_is_not_there_is_told_before_out_is_touched(segment, tmp_path, model, code, message):
    out = tmp_path / "out.jsonl"
    out.write_text("old\n")
    done = segment(
        "--model", model, "-o", out, "--overwrite",
        env={"HF_HOME": str(tmp_path / "hub"), "TORCH_HOME": str(tmp_path / "torch"), "GMNER_CACHE": ""})
    assert (done.returncode, out.read_text()) == (code, "old\n"), done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr


def test_another_kind_of_model_is_refused(segment, tiny_encoder):
    done = segment("--model", tiny_encoder)
    assert done.returncode == 1 and "is a model of type 'bert', not 'sam'" in done.stderr


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(segment, tmp_path):
    torch.save(Evil(tmp_path / "ran"), tmp_path / "evil.pth")
    done = segment("--model", tmp_path / "evil.pth")
    assert done.returncode == 1 and "is refused" in done.stderr and "a pickle can run code" in done.stderr
    assert not (tmp_path / "ran").exists() and done.stdout == ""


def test_grabcut_is_a_stage_of_recipes_too(gmner, posts, segment, tmp_path):
    recipe = tmp_path / "cut.yaml"
    recipe.write_text("about: masks of given boxes\nstages: [segment]\n"
                      "segment:\n  stage: gmner_cli.segmentation.grabcut_stage:GrabCut\n")
    done = gmner("predict", "--texts", posts, "--recipe", recipe, "--gold", "boxes", "--limit", "1", *CPU)
    assert done.returncode == 0, done.stderr
    made, direct = json.loads(done.stdout), read_jsonl(segment("--limit", "1").stdout)[0]
    assert [e["masks"] for e in made["entities"]] == [e["masks"] for e in direct["entities"]]


def test_a_picture_of_one_pixel_and_one_turned_by_exif(gmner, tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    noise(60, 40).save(tmp_path / "turned.jpg", exif=turned)
    path = write_jsonl(tmp_path / "p.jsonl", [{
        "id": n, "text": "Rome", "image": n,
        "entities": [{"start": 0, "end": 4, "type": "LOC", "boxes": [box]}]
    } for n, box in (("dot.png", [0, 0, 1, 1]), ("turned.jpg", [0, 30, 40, 60]))])
    done = gmner("segment", path, *CPU)
    assert done.returncode == 0, done.stderr
    dot, upright = (masks_of(r["entities"][0])[0] for r in read_jsonl(done.stdout))
    assert dot.tolist() == [[True]]
    assert upright.shape == (60, 40) and upright[30:].any() and not upright[:30].any()
