"""A one-stage model over candidate regions, with a contrastive phase before it, is one file of a user's."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path

import pytest
import torch
import yaml

from gmner_cli import recipes
from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute.runtime import Runtime
from gmner_cli.flow.build import build
from gmner_cli.flow.compose import compose
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post, check_box
from gmner_cli.records.jsonl import read_posts
from gmner_cli.scoring.task_scores import score
from gmner_cli.training.runs import train
from tests.colour_world import world
from tests.conftest import DUMMIES, read_jsonl
from tests.dummies.one_stage import GROUNDABLE, STOP, TYPES, UNGROUNDABLE, OneStage, Propose

CPU = Runtime(torch.device("cpu"))
MOST_LINES = 230


def test_the_file_is_as_short_as_a_newcomer_may_expect():
    source = (DUMMIES / "one_stage.py").read_text()
    told = {line for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            for line in range(node.lineno, node.end_lineno + 1)}
    code = [line for number, line in enumerate(source.splitlines(), 1)
            if line.strip() and not line.strip().startswith("#") and number not in told]
    assert len(code) <= MOST_LINES


@pytest.fixture(scope="module")
def posts(tmp_path_factory):
    """Folder, training posts and posts to choose and test by, with proposals."""
    folder = tmp_path_factory.mktemp("squares")
    return folder, world(folder, 240, 1, proposals=True), world(folder, 24, 2, proposals=True)


def recipe(folder: Path, kind: str, **values) -> recipes.Recipe:
    """The dummy's recipe for posts that bring their proposals."""
    content = yaml.safe_load((DUMMIES / "one_stage.yaml").read_text())
    content["stages"] = ["joint"]
    content["joint"]["model"] = f"{DUMMIES / 'one_stage.py'}:{kind}"
    content["joint"]["train"].update(values)
    del content["propose"]
    (folder / f"{kind}.yaml").write_text(yaml.safe_dump(content))
    return recipes.load(str(folder / f"{kind}.yaml"))


@pytest.fixture(scope="module")
def aligned(posts, tmp_path_factory):
    folder, training, dev = posts
    out = tmp_path_factory.mktemp("aligned")
    train("joint", recipe(out, "Align", epochs=6), training, dev, out / "model", CPU, images=folder)
    return out / "model"


@pytest.fixture(scope="module")
def trained(posts, aligned, tmp_path_factory):
    folder, training, dev = posts
    out, said = tmp_path_factory.mktemp("trained"), []
    train("joint", recipe(out, "OneStage"), training, dev, out / "model", CPU, images=folder, init=aligned,
          tell=said.append)
    return out, said


def gmner_f1(out: Path, found: list, gold: Path, folder: Path) -> float:
    weights = {"joint": out / "model"}
    stages = build(recipe(out, "OneStage"), CPU, Pictures(folder), weights=weights, offline=True)
    return score(compose(stages, found), read_posts(gold))["rows"]["GMNER"]["f1"]


def test_it_finds_entities_and_regions_and_looks_at_the_picture(posts, trained):
    folder, _, dev = posts
    out, _ = trained
    assert gmner_f1(out, list(read_posts(dev)), dev, folder) >= 90
    others = list(read_posts(dev))
    looks = [(post.image, post.proposals) for post in others]
    for post, (image, proposals) in zip(others, looks[1:] + looks[:1], strict=True):
        post.image, post.proposals = image, proposals
    assert gmner_f1(out, others, dev, folder) <= 60


def test_the_contrastive_phase_learns_and_its_weights_are_gone_on_from(aligned, trained):
    rows = json.loads((aligned / "run.json").read_text())["epochs"]
    assert rows[-1]["pointed"] > 0.9 and rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["dev_loss"] < rows[0]["dev_loss"]
    (said,) = [line for line in trained[1] if line.startswith("starts from")]
    used, held = map(int, (said.split()[2], said.split()[5]))
    assert held - used == 4  # the projections of the contrastive phase alone


def untrained(posts) -> OneStage:
    torch.manual_seed(0)
    settings = {"buckets": 64, "width": 16}
    return new_model("tests.dummies.one_stage:OneStage", settings, posts, recipe="t", offline=True).eval()


def test_what_it_writes_is_well_formed_whatever_the_weights(posts):
    folder, _, dev = posts
    gold = list(read_posts(dev))
    gold[0].image = None
    gold[1].proposals = []
    for seed in range(3):
        model = untrained(gold)
        torch.manual_seed(seed)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.7)
        for post in predict_posts(model, gold, CPU, 8, Pictures(folder)):
            post.check()
            for entity in post.entities:
                assert len(entity.boxes) <= 1 and all(0 <= value <= 1 for value in entity.box_scores)
                assert not (entity.boxes and (post.image is None or not post.proposals))
        spans = [entity.span for entity in post.entities]
        assert spans == sorted(spans)


def test_the_loss_is_the_sum_over_tokens_and_regions_written_out(posts):
    """H-Index eq. 10 and 13, post by post and step by step."""
    folder, _, dev = posts
    gold = list(read_posts(dev))[:3]
    model = untrained(gold)
    examples = model.examples(gold, training=True)
    pictures = Pictures(folder)
    batch = model.collate(examples, [pictures.load(post) for post in gold])
    loss, _ = model.loss(batch)
    states, mask, tokens, regions = model.read(batch)
    spoken, pointed = [], []
    for n, example in enumerate(examples):
        ids, _ = model.target(example.data, 4)
        for step, token in enumerate(ids):
            before = torch.tensor([ids[:step]], dtype=torch.long)
            one = slice(n, n + 1)
            state = model.decode(states[one], mask[one], tokens[one], before)[0, -1]
            spoken.append(-(tokens[n] @ state).log_softmax(-1)[token])
            if token == GROUNDABLE:
                overlaps = batch["overlaps"][n, step]
                shares = (overlaps / overlaps.sum())[:len(example.data.boxes)]
                said = (regions[n, :len(shares)] @ state).log_softmax(-1)
                pointed.append(sum(g * (g.log() - p) for g, p in zip(shares, said, strict=True) if g > 0))
    wanted = sum(spoken) / len(spoken) + sum(pointed) / len(pointed)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_targets_and_what_may_follow(posts):
    _, _, dev = posts
    gold = next(post for post in read_posts(dev) if [bool(e.boxes) for e in post.entities] == [True, False])
    model = untrained([gold])
    (example,) = model.examples([gold], training=True)
    ids, rows = model.target(example.data, 4)
    first, last = len(model.label), len(model.label) + len(example.data.words)
    assert [ids[1], ids[4], ids[-1]] == [GROUNDABLE, UNGROUNDABLE, STOP] and len(ids) == len(rows) == 7
    assert [any(row) for row in rows] == [False, True, *[False] * 5]
    for step, token in enumerate(ids):
        assert token in model.allowed(ids[:step], last - first, regions=True)
    assert GROUNDABLE not in model.allowed(ids[:1], last - first, regions=False)
    assert set(model.allowed(ids[:2], last - first, regions=True)) == set(range(TYPES, first))


def test_the_stage_proposes_the_squares_and_keeps_what_a_post_brings(posts):
    folder, _, dev = posts
    gold = list(read_posts(dev))
    bare = [Post(id=post.id, text=post.text, image=post.image) for post in gold]
    made = Propose(pictures=Pictures(folder))(bare)
    for post, brought in zip(made, gold, strict=True):
        assert {p.box for p in post.proposals} == {p.box for p in brought.proposals}
        assert all(check_box(p.box, "box") is None for p in post.proposals)
    own = Post(id="1", text="a", image="gone.png", proposals=[])
    (kept,) = Propose(pictures=Pictures(folder))([own])
    assert kept.proposals == []


MERGED = importlib.util.find_spec("gmner_cli.sections") is not None


@pytest.mark.skipif(not MERGED, reason="needs `gmner train SECTION`, stages of own files, and dev_loss")
def test_the_whole_way_from_the_command_line(gmner, tmp_path):
    """Posts bring no proposals: the recipe's own stage makes them, in training as in prediction."""
    training, dev = (world(tmp_path / "p", *which, proposals=False) for which in ((240, 1), (24, 2)))
    one, align = DUMMIES / "one_stage.yaml", DUMMIES / "one_stage_align.yaml"
    words = ["train", "joint", training, "--dev", dev, "--images", tmp_path / "p", "--threads", "1"]
    done = gmner(*words, "--recipe", align, "-o", tmp_path / "align")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "align" / "run.json").read_text())["epochs"]
    assert rows[-1]["dev_loss"] < rows[0]["dev_loss"]
    done = gmner(*words, "--recipe", one, "--init", tmp_path / "align", "-o", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert "starts from" in done.stderr
    predict = ["predict", dev, "--images", tmp_path / "p", "--recipe", one, "--weights",
               f"joint={tmp_path / 'model'}"]
    found = gmner(*predict)
    assert found.returncode == 0, found.stderr
    assert all(post["proposals"] for post in read_jsonl(found.stdout))
    assert all(entity["visible"] == bool(entity["boxes"])
               for post in read_jsonl(found.stdout) for entity in post["entities"])
    scored = gmner("score", "-", dev, stdin=found.stdout)
    assert json.loads(scored.stdout)["rows"]["GMNER"]["f1"] >= 90
    refused = gmner(*predict, "--gold", "spans")
    assert refused.returncode == 2 and "--gold" in refused.stderr and not refused.stdout
