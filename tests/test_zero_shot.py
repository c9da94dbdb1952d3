"""Recipe zero-shot end to end, with small random models of the same Hugging Face classes loaded by path."""

from __future__ import annotations

import pytest
from PIL import Image

from gmner_cli.records import Post
from tests import tiny
from tests.conftest import read_jsonl, write_jsonl


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visual")
    return {"ve": tiny.save_blip(folder / "blip"), "vg": tiny.save_grounding_dino(folder / "dino"),
            "segment": tiny.save_sam(folder / "sam")}


@pytest.fixture(scope="module")
def posts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posts")
    Image.new("RGB", (120, 80), "red").save(folder / "red.png")
    Image.new("RGB", (50, 90), "blue").save(folder / "blue.jpg")
    write_jsonl(folder / "posts.jsonl", [
        {
            "id": "1", "text": "Allen swims in London", "image": "red.png", "entities": [{
                "start": 0, "end": 5, "type": "PER", "boxes": [[1, 2, 30, 40]],
                "expansions": [{"text": "a man. in red"}]
            }, {"start": 15, "end": 21, "type": "LOC", "boxes": []}]
        },
        {
            "id": "2", "text": "NASA flies", "image": "blue.jpg",
            "entities": [{"start": 0, "end": 4, "type": "ORG", "boxes": [[0, 0, 50, 90]]}]
        },
        {
            "id": "3", "text": "Maria without a picture",
            "entities": [{"start": 0, "end": 5, "type": "PER", "boxes": []}]
        },
        {"id": "4", "text": "no entity here", "image": "red.png", "entities": []},
    ])
    return folder / "posts.jsonl"


def settings(models):
    return [w for stage, folder in models.items() for w in ("--set", f"{stage}.settings.checkpoint={folder}")]


def test_the_whole_cascade_gives_boxes_inside_the_picture_and_masks_beside_them(gmner, models, posts):
    done = gmner("predict", "--texts",
                 posts, "--recipe", "zero-shot", "--gold", "spans", "--offline", "--device", "cpu",
                 *settings(models), "--set", "ve.settings.threshold=0", "--set", "vg.settings.threshold=0")
    assert done.returncode == 0, done.stderr
    found = {r["id"]: r for r in read_jsonl(done.stdout)}
    assert list(found) == ["1", "2", "3", "4"]
    for record in found.values():
        Post.from_builtins(record).check()
    first = found["1"]["entities"][0]
    assert first["expression"] == "Allen (PER) - a man. in red"
    assert found["1"]["entities"][1]["expression"] == "London, a place"
    assert found["1"]["image_size"] == [120, 80]
    for record, (width, height) in (("1", (120, 80)), ("2", (50, 90))):
        for entity in found[record]["entities"]:
            assert 0 < entity["groundable"] < 1
            (x1, y1, x2, y2), = entity["boxes"]
            assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
            assert entity["masks"][0]["size"] == [height, width]
    assert found["3"]["entities"][0]["boxes"] == [] and found["3"]["entities"][0]["groundable"] == 0
    assert found["4"]["entities"] == []


def test_what_entailment_denies_gets_no_box(gmner, models, posts):
    done = gmner("predict", "--texts", posts, "--recipe", "zero-shot", "--gold", "spans", "--offline",
                 "--device", "cpu", *settings(models), "--set", "ve.settings.threshold=1")
    assert done.returncode == 0, done.stderr
    assert [e["boxes"] for r in read_jsonl(done.stdout) for e in r["entities"]] == [[], [], [], []]


def test_gold_boxes_are_only_segmented(gmner, models, posts):
    done = gmner("predict", "--texts", posts, "--recipe", "zero-shot", "--gold", "boxes", "--offline",
                 "--device", "cpu", *settings(models))
    assert done.returncode == 0, done.stderr
    entities = [e for r in read_jsonl(done.stdout) for e in r["entities"]]
    assert [e["boxes"] for e in entities] == [[[1, 2, 30, 40]], [], [[0, 0, 50, 90]], []]
    assert [len(e["masks"]) for e in entities] == [1, 0, 1, 0]


def test_the_slots_of_a_detector_pass_hold_the_words_of_their_expressions(models):
    from gmner_cli.classes.class_paths import new_model
    from gmner_cli.records import Entity

    model = new_model("gmner_cli.grounding.grounding_dino:GroundingDino", {"checkpoint": str(models["vg"])},
                      [], recipe="test", offline=True)
    post = Post(
        id="p", text="ab cd ef", image="x", entities=[
            Entity(start=0, end=2, type="PER"),
            Entity(start=3, end=5, type="PER", boxes=[]),
            Entity(start=6, end=8, type="PER")
        ])
    examples = model.examples([post], False)
    batch = model.collate(examples, [Image.new("RGB", (64, 48), "green")])
    words = [model.tokenizer.decode(batch["ids"][0, a:b]).replace(" ", "") for a, b in batch["slots"][0]]
    assert words == ["ab", "ef"]
    assert [sought.entity for sought in examples[0].data] == [0, 2]
