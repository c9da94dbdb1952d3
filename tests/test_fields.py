"""Gold is believed by field: what stages declare in ``finds`` decides which run and what they are shown."""

from __future__ import annotations

import copy
import json

import msgspec
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from gmner_cli import recipes
from gmner_cli.app import build as app
from gmner_cli.classes.class_paths import find_class
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import UsageError
from gmner_cli.flow.build import build, known_posts, needed_stages
from gmner_cli.flow.compose import compose
from gmner_cli.flow.keep_gold import KeepGold
from gmner_cli.flow.model_stage import ModelStage, predict_posts
from gmner_cli.pictures.images import NO_PICTURES, Pictures
from gmner_cli.pictures.masks import encode
from gmner_cli.records import Entity, Post
from gmner_cli.records.fields import LEVELS, VISUAL
from gmner_cli.segmentation.mask_prompts import empty_mask, prompts_of, put_masks
from gmner_cli.weights import trained_on
from tests.conftest import DUMMIES, read_jsonl, write_jsonl

CPU = Runtime(torch.device("cpu"))

MASK = {"size": [12, 16], "counts": encode(np.indices((12, 16)).sum(0) % 3 == 0).counts}
SHOWN = {"start": 0, "end": 5, "type": "PER", "fine_type": "swimmer", "token_start": 0, "token_end": 1,
         "score": 0.9, "entropy": 0.1, "candidates": ["PER"], "expression": "a swimmer",
         "expansions": [{"text": "he swims"}], "groundable": 0.4, "visible": True,
         "boxes": [[2.0, 2.0, 9.0, 9.0]], "box_scores": [0.5], "masks": [MASK], "slices": ["held-out"],
         "evidence": "old", "mine": 1}
HIDDEN = {"start": 15, "end": 21, "type": "LOC", "boxes": [], "masks": [], "mine": 2}
GOLD = {"id": "a", "text": "Allen swims in London", "tokens": ["Allen", "swims", "in", "London"],
        "caption": "old", "knowledge": [{"text": "old"}], "proposals": [{"box": [0.0, 0.0, 9.0, 9.0]}],
        "grounding": "abstained", "evidence": "old", "mine": 3, "entities": [SHOWN, HIDDEN]}


def gold(**changes):
    return Post.from_builtins(copy.deepcopy({**GOLD, **changes}))


@pytest.fixture
def recipe(tmp_path):
    """``recipe(section=Class, ...)``: a file with these models, in this order; "module:Class" is a stage."""

    def make(**sections):
        content = {"name": "own", "about": "dummies", "stages": list(sections)}
        for name, kind in sections.items():
            content[name] = {"stage": kind} if ":" in kind else {"model": f"{DUMMIES}/finders.py:{kind}"}
        path = tmp_path / f"{'-'.join(sections)}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return make


def predicted(recipe, posts, level, pictures=NO_PICTURES):
    """The posts that come out, and by section what its model was shown."""
    stages = build(recipes.load(str(recipe)), CPU, pictures, gold=level, offline=True)
    found = list(compose(stages, posts))
    return found, {stage.name: stage.model.seen for stage in stages if isinstance(stage, ModelStage)}


# --- which stages run ---------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["mini", "zero-shot"])
def test_what_is_left_out_does_not_follow_from_the_names_of_sections(name):
    mini = recipes.load(name)
    other = dict(zip(mini.stages, ("one", "two", "three", "four", "five"), strict=True))
    sections = {other[name]: mini.values[name] for name in mini.stages}
    renamed = recipes.Recipe("renamed", {"stages": [*other.values()], **sections})
    runs = {None: mini.stages, "spans": ["expressions", "ve", "vg", "segment"],
            "groundable": ["expressions", "vg", "segment"], "boxes": ["expressions", "segment"]}
    for level, kept in runs.items():
        assert needed_stages(mini, level) == kept
        assert needed_stages(renamed, level) == [other[name] for name in kept]


def test_sections_called_ner_ve_vg_that_find_other_things_run_under_gold(recipe):
    own = recipe(ner="Proposes", ve="Explains", vg="Retypes", segment="Tags")
    found, seen = predicted(own, [gold()], "spans")
    assert set(seen) == {"ner", "ve"}
    assert found[0].proposals[0].label == "thing" and [e.type for e in found[0].entities] == ["PER", "LOC"]


def test_nothing_is_said_of_training_data_of_models_that_do_not_run(recipe, tmp_path):
    trained_on.write(tmp_path, [Post(id="1", text="Allen swims in London")])
    own, weights = recipes.load(str(recipe(words="Tags", ve="Boxes"))), {"words": tmp_path, "ve": tmp_path}
    assert len(known_posts(own, weights).models) == 2
    assert len(known_posts(own, weights, "spans").models) == 1
    assert not known_posts(own, weights, "boxes").models


def test_a_stage_of_two_levels_runs_and_sees_neither(recipe):
    own = recipe(both="BoxesAndMasks")
    found, seen = predicted(own, [gold()], "boxes")
    assert ["boxes" in e for e in seen["both"][0]["entities"]] == [False, False]
    assert all("masks" not in e and "box_scores" not in e for e in seen["both"][0]["entities"])
    assert [e.boxes for e in found[0].entities] == [[(1.0, 1.0, 5.0, 4.0)], []]


# --- what comes out -----------------------------------------------------------------------------

def command(*words, code=0):
    done = CliRunner().invoke(app(), ["predict", *map(str, words), "--offline", "--device", "cpu"])
    assert done.exit_code == code, done.stderr
    return done


@pytest.fixture
def posts(tmp_path):
    Image.effect_mandelbrot((16, 12), (-2, -1, 1, 1), 20).convert("RGB").save(tmp_path / "a.png")
    return write_jsonl(tmp_path / "posts.jsonl", [{**GOLD, "image": "a.png"}])


@pytest.mark.parametrize("level", ["spans", "groundable"])
def test_a_recipe_of_text_alone_emits_no_boxes_and_no_masks(tmp_path, posts, level):
    (tmp_path / "text.yaml").write_text("extends: mini\nabout: text alone\nstages: [ner]\n")
    done = command("--texts", posts, "--recipe", tmp_path / "text.yaml", "--gold", level)
    (record,) = read_jsonl(done.stdout)
    shown, hidden = record["entities"]
    assert not {"boxes", "box_scores", "masks", "score", "entropy", "candidates", "expression"} & shown.keys()
    said = [entity.get("visible") for entity in (shown, hidden)]
    assert said == ([None, None] if level == "spans" else [True, False])
    assert shown["slices"] == ["held-out"] and shown["expansions"]
    assert record["knowledge"] and record["proposals"]
    if level == "spans":
        assert not hidden.keys() & {*VISUAL} and shown["text"] == "Allen" and shown["token_end"] == 1


@pytest.mark.parametrize("level", [None, *LEVELS])
@pytest.mark.parametrize("sections", [["Boxes"], ["Sees", "Boxes"], ["BoxesAndMasks"], ["Sees"]])
def test_gold_masks_never_stand_beside_boxes_that_were_found(recipe, level, sections):
    own = recipe(**{f"s{n}": kind for n, kind in enumerate(["Tags", *sections])})
    found, _ = predicted(own, [gold()], level)
    for entity, true in zip(found[0].entities, gold().entities, strict=False):
        if entity.masks:
            assert entity.boxes == true.boxes or entity.masks != true.masks
        if level != "boxes" and "BoxesAndMasks" not in sections:
            assert not entity.masks


def test_masks_of_gold_boxes_are_made_anew_by_a_segmenter_and_kept_without_one(recipe, posts):
    cut = recipe(anything="gmner_cli.segmentation.grabcut_stage:GrabCut")
    seeing = ("--texts", posts, "--images", posts.parent)
    (made,) = read_jsonl(command(*seeing, "--recipe", cut, "--gold", "boxes").stdout)
    assert made["entities"][0]["boxes"] == SHOWN["boxes"] and made["entities"][0]["masks"][0] != MASK
    (kept,) = read_jsonl(command("--texts", posts, "--recipe", recipe(x="Tags"), "--gold", "boxes").stdout)
    assert kept["entities"][0]["masks"] == [MASK] and kept["entities"][0]["box_scores"] == [0.5]
    (none,) = read_jsonl(command(*seeing, "--recipe", cut, "--gold", "spans").stdout)
    assert "masks" not in none["entities"][0]


@pytest.mark.parametrize("level", LEVELS)
def test_a_one_stage_model_takes_no_gold(recipe, posts, level):
    told = command("--texts", posts, "--recipe", recipe(joint="OneStage"), "--gold", level, code=2)
    assert "stage 'joint' of recipe 'own' finds entities together with boxes, visible" in told.stderr
    assert "leave --gold out" in told.stderr and not told.stdout


def test_a_one_stage_model_sees_nothing_of_what_came_in(recipe):
    found, seen = predicted(recipe(joint="OneStage"), [gold()], None)
    assert "entities" not in seen["joint"][0] and "grounding" not in seen["joint"][0]
    assert [(e.type, e.text) for e in found[0].entities] == [("FOUND", "Al")]


@pytest.mark.parametrize("level", [None, "spans"])
def test_declared_fields_of_the_post_and_of_the_users_own_are_cleared_and_others_pass(recipe, level):
    own = recipe(words="Tags", regions="Proposes", why="Explains")
    found, seen = predicted(own, [gold()], level)
    (shown,) = seen["regions"]
    assert "proposals" not in shown and "evidence" not in shown
    assert shown["mine"] == 3 and shown["caption"] == "old"
    for entity in shown["entities"]:
        assert "evidence" not in entity and "expansions" not in entity
    assert found[0].extra == {"mine": 3, "evidence": "new"}
    if level:
        assert [e.extra for e in found[0].entities] == [{"mine": n, "evidence": "new"} for n in (1, 2)]
    kept, _ = predicted(recipe(words="Tags", see="Sees"), [gold()], level)
    assert kept[0].proposals and kept[0].extra == {"mine": 3, "evidence": "old"}


# --- models and stages --------------------------------------------------------------------------

def dummy(name):
    path = f"{DUMMIES}/finders.py:{name}"
    kind = find_class(path, trusted=[path])
    return kind(kind.Config(), {}, None)


def test_a_model_never_sees_what_is_void_with_what_it_finds():
    for kind, kept in (("Sees", set()), ("Boxes", {"groundable", "visible"}),
                       ("BoxesAndMasks", {"groundable", "visible"}), ("Proposes", {*VISUAL})):
        given = gold()
        found = dummy(kind).blank(given)
        assert {name for name in VISUAL if getattr(found.entities[0], name) is not None} == kept
        assert given == gold()


def test_what_a_model_writes_into_fields_of_its_own_does_not_reach_the_post_it_was_given():
    given = gold()
    (found,) = predict_posts(dummy("Explains"), [given], CPU, 4)
    assert found.extra["evidence"] == found.entities[0].extra["evidence"] == "new" and given == gold()


def test_text_is_filled_by_the_runner_for_models_and_stages_that_find_entities():
    (found,) = predict_posts(dummy("Tags"), [Post(id="a", text="Allen")], CPU, 4)
    assert found.entities[0].text == "Al"

    class Gazetteer:
        name, finds = "gazetteer", ("entities",)

        def __call__(self, posts):
            for post in posts:
                spans = ((5, None), (2, "Al"))
                post.entities = [Entity(start=0, end=end, type="X", text=text) for end, text in spans]
            return posts

    (found,) = compose([Gazetteer()], [Post(id="a", text="Allen")])
    assert [e.text for e in found.entities] == ["Allen", "Al"]
    given = Post(id="a", text="Allen", entities=[Entity(start=0, end=5, type="PER")])
    (same,) = compose([ModelStage("vg", dummy("Boxes"), CPU, 4)], [given])
    assert same.entities[0].text is None, "of what was there before, nothing is changed"


def test_what_points_find_no_mask_for_is_not_visible():
    post = gold(entities=[{"start": 0, "end": 5, "type": "PER", "visible": True, "points": [[3, 3]]}])
    assert len(prompts_of(post)) == 1
    put_masks(post, [empty_mask(16, 12)])
    assert (post.entities[0].visible, post.entities[0].boxes, post.entities[0].masks) == (False, [], [])


def test_a_declined_picture_is_looked_at_by_what_finds_nothing_of_entities():
    for kind, looks in (("Captions", True), ("OneStage", False)):
        model = dummy(kind)
        post = Post(id="a", text="Allen", grounding="abstained", entities=[])
        ModelStage("x", model, CPU, 4)([post])
        assert bool(model.seen) == looks


def test_what_could_not_be_looked_at_is_not_assessed_by_a_one_stage_model(tmp_path, recipe):
    post = Post(id="a", text="Allen", image="none.png")
    (found,), seen = predicted(recipe(joint="OneStage"), [post], None, Pictures(tmp_path, "text-only"))
    assert seen["joint"][0].get("image") is None and found.image == "none.png" and found.image_problem
    assert [(e.type, e.visible, e.boxes) for e in found.entities] == [("FOUND", None, None)]


@pytest.mark.parametrize(("number", "finds", "words"), [
    (1, '("start",)', "no stage finds: start"), (2, '("image", "boxes")', "no stage finds: image"),
    (3, '["entities"]', "does not say which fields")])
def test_finds_names_what_can_be_found(tmp_path, number, finds, words):
    path = tmp_path / f"odd{number}.py"
    path.write_text((DUMMIES / "finders.py").read_text() + f"\n\nclass Odd(Finder):\n    finds = {finds}\n")
    with pytest.raises(UsageError, match=words):
        find_class(f"{path}:Odd", trusted=[f"{path}:Odd"])


def test_records_with_visible_are_scored_and_shown(tmp_path):
    record = {**GOLD, "grounding": None, "entities": [SHOWN, {**HIDDEN, "visible": False}]}
    path = write_jsonl(tmp_path / "a.jsonl", [record])
    done = CliRunner().invoke(app(), ["score", str(path), str(path), "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["rows"]["GMNER"]["f1"] == 100
    done = CliRunner().invoke(app(), ["view", str(path), "-o", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("level", [None, "spans"])
@pytest.mark.parametrize("marks", [{"image": "x.png", "image_problem": "none"}, {"grounding": "abstained"}])
def test_a_type_is_found_anew_also_where_the_picture_says_nothing(level, marks):
    """Else gold would lose the type that was cleared for it, and a tagger's would stay as it was."""
    stage = ModelStage("rerank", dummy("Reranks"), CPU, 4, Pictures(None, "text-only"))
    post = gold(grounding=None, entities=[{"start": 0, "end": 5, "type": "PER"}])
    (post,) = KeepGold("spans", stage.finds if level else ())([post])
    (found,) = stage([msgspec.structs.replace(post, **marks)])
    assert [(e.type, e.candidates) for e in found.entities] == [("NEW", ["NEW"])]
    assert found.image == marks.get("image") and found.check()


@pytest.mark.parametrize(("finds", "said"), [(("candidates",), "type"), (("types",), "type")])
def test_what_a_model_changes_it_must_declare_or_it_may_have_read_it_from_gold(finds, said):
    model = dummy("Reranks")
    model.finds = finds
    with pytest.raises(UsageError, match=f"Reranks.write changes {said}, which is not among"):
        ModelStage("rerank", model, CPU, 4, Pictures(None, "text-only"))([gold(grounding=None, image=None)])


def test_what_finds_types_stands_before_what_reads_them():
    (post,) = KeepGold("spans", ("type",))([gold(grounding=None, image=None)])
    with pytest.raises(UsageError, match="entities without a type, which a stage after it finds"):
        ModelStage("ve", dummy("Sees"), CPU, 4, Pictures(None, "text-only"))([post])
