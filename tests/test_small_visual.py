"""Small entailment and grounding of our own: they learn drawn pictures, read the words, and decline what is
unlike them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gmner_cli.records.jsonl import read_lines
from gmner_cli.scoring.regions import box_iou
from gmner_cli.scoring.task_scores import score
from gmner_cli.vision.familiarity import Familiarity
from gmner_cli.vision.pixels import pixels
from gmner_cli.vision.textures import SIZE, textures
from gmner_cli.weights.model_folder import load_model
from tests import tiny
from tests.conftest import read_jsonl, write_jsonl
from tests.shapes import WORDS, answered, draw, swapped

SMALL = {"width": 32, "heads": 2, "text_layers": 1}
ORDERED = {"bins": 32, "decoder_layers": 1, "fusion_layers": 1, "spread": 1.0, "inside": 2.0, "dropout": 0.0}
RECIPES = {"ve": "mini", "vg": "mini", "seqtr": "riveg-seqtr"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("drawn"), count=12)


def train(gmner, drawn, dev, folder, name, epochs, *more, **settings):
    """Folder of a trained model; ``name`` is its stage, or that of its recipe."""
    net = tiny.save_blip(folder.parent / "net")
    stage = "ve" if name == "ve" else "vg"
    changes = [w for key, value in {**SMALL, "checkpoint": net, "abstain": 0.0, **settings}.items()
               for w in ("--set", f"{stage}.settings.{key}={value}")]
    done = gmner(f"train-{stage}", drawn, "--dev", dev, "--recipe", RECIPES[name], "-o", folder, "--threads",
                 "1", "--offline", *WORDS, *changes, "--set", f"{stage}.train.epochs={epochs}", "--set",
                 f"{stage}.train.lr=5e-3", "--set", f"{stage}.train.head_lr=5e-3", "--set",
                 f"{stage}.train.batch_size=4", *more)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def trained(gmner, drawn, tmp_path_factory):
    """A grounder and an entailer that started from its reader."""
    folder = tmp_path_factory.mktemp("trained")
    vg = train(gmner, drawn, drawn, folder / "vg", "vg", 40)
    return {"vg": vg, "ve": train(gmner, drawn, drawn, folder / "ve", "ve", 15, "--init", vg)}


@pytest.fixture(scope="module")
def ordered(gmner, drawn, tmp_path_factory):
    """A grounder that decodes coordinates in order."""
    return train(gmner, drawn, drawn, tmp_path_factory.mktemp("ordered") / "vg", "seqtr", 60, **ORDERED)


@pytest.fixture(scope="module")
def choosy(gmner, drawn, tmp_path_factory):
    """Trained for a moment, and told by 120 pictures what is familiar."""
    more = draw(drawn.parent, count=120, seed=1, name="more.jsonl")
    folder = tmp_path_factory.mktemp("choosy")
    vg = train(gmner, drawn, more, folder / "vg", "vg", 1, abstain=0.02)
    return {"vg": vg, "ve": train(gmner, drawn, more, folder / "ve", "ve", 1, "--init", vg, abstain=0.02)}


def predict(gmner, texts, trained, *more):
    return gmner("predict", "--texts", texts, "--gold", "spans", "--ve", trained["ve"], "--vg",
                 trained["vg"], *WORDS, "--offline", *more)


def test_what_was_learned_is_found_with_masks(gmner, drawn, trained, tmp_path):
    done = predict(gmner, drawn, trained, "--images", drawn.parent)
    assert done.returncode == 0, done.stderr
    (tmp_path / "found.jsonl").write_text(done.stdout)
    found, gold = ([line.post.check()
                    for line in read_lines(path)]
                   for path in (tmp_path / "found.jsonl", drawn))
    report = score(found, gold)
    assert report["rows"]["GMNER"]["f1"] >= 80 and report["groundability"]["accuracy"] >= 90
    assert all(
        len(e.masks) == len(e.boxes) == len(e.box_scores or []) for p in found for e in p.entities if e.boxes)


def test_the_words_are_read(drawn, trained, ordered):
    gold = [line.post for line in read_lines(drawn)]
    for grounder in (load_model(trained["vg"]), load_model(ordered)):
        right = grounder.evaluate(answered(grounder, swapped(gold), drawn.parent), gold)["prec@0.5"]
        wrong = grounder.evaluate(answered(grounder, swapped(gold, 0, 1), drawn.parent), gold)["prec@0.5"]
        assert right >= 90 and wrong <= 30
    entailer = load_model(trained["ve"])
    said = [[bool(e.groundable > 0.5)
             for e in post.entities]
            for post in answered(entailer, swapped(gold, 1, 2), drawn.parent)]
    assert sum(a and not b and c for a, b, c in said) >= 0.75 * len(said)


def test_pictures_of_another_kind_are_declined_and_nothing_is_assessed(gmner, drawn, choosy, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    posts = write_jsonl(tmp_path / "posts.jsonl", [{
        "id": str(n), "text": "red or green", "image": f"{n}.png",
        "entities": [{"start": 0, "end": 3, "type": "LOC"}] if n else []
    } for n in range(4)])
    for level in ("spans", "groundable"):
        done = predict(gmner, posts, choosy, "--images", tmp_path, "--gold", level)
        assert done.returncode == 0, done.stderr
        records = read_jsonl(done.stdout)
        asked = records if level == "spans" else records[1:]
        assert all(r.get("grounding") == "abstained" for r in asked)
        assert not any({"boxes", "groundable", "visible"} & e.keys() for r in records for e in r["entities"])
        assert done.stderr.count("--recipe zero-shot") == 1
    again = predict(gmner, drawn, choosy, "--images", drawn.parent)
    assert sum("grounding" in r
               for r in read_jsonl(again.stdout)) <= 2 and again.stderr.count("zero-shot") <= 1


def test_a_picture_is_encoded_once_for_all_its_entities(drawn, trained, ordered):
    for folder in (*trained.values(), ordered):
        model = load_model(folder)
        seen = []
        model.reader.vision.embeddings.patch_embedding.register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(len(given[0])))
        gold = [line.post for line in read_lines(drawn)]
        answered(model, swapped(gold), drawn.parent)
        assert sum(seen) == len(gold)


def test_coordinates_decoded_in_order_are_those_of_the_whole_sequence(ordered):
    model = load_model(ordered)
    torch.manual_seed(0)
    seen, start = torch.randn(3, 16, 32), torch.randn(3, 32)
    tokens = torch.randint(0, 32, (3, 3))
    with torch.no_grad():
        whole = model._step(seen, start, tokens)
        for length in range(4):
            assert torch.allclose(
                model._step(seen, start, tokens[:, :length])[:, -1], whole[:, length], atol=1e-5)


def test_the_patches_inside_a_box_are_those_whose_middle_is_within_half_a_patch(trained):
    reader = load_model(trained["vg"]).reader
    side = round(len(reader.place) ** 0.5)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        x, y = torch.rand(2, 2, generator=generator).sort(dim=1).values
        box = torch.stack([x[0], y[0], x[1], y[1]])
        target = []
        for row in range(side):
            for column in range(side):
                cx, cy, near = (column + 0.5) / side, (row + 0.5) / side, 0.5 / side
                target.append(float(x[0] - near < cx < x[1] + near and y[0] - near < cy < y[1] + near))
        target = torch.tensor(target)
        seen = torch.randn(1, side * side, 32, generator=generator)
        p = reader.inside(seen)[0].sigmoid().detach()
        inside = -(target * p.log()).sum() / target.sum() if target.sum() else 0.0
        outside = -((1 - target) * (1 - p).log()).sum() / max(1.0, float((1 - target).sum()))
        expected = (inside + outside) / 2
        assert reader.inside_loss(seen, box[None]).detach().item() == pytest.approx(float(expected), rel=1e-4)


def test_one_stage_loss_is_that_of_a_slow_reference(trained, drawn):
    """Bell, generalised IoU, L1 and the choice of the patch, one patch at a time."""
    model = load_model(trained["vg"])
    posts = [line.post for line in read_lines(drawn)]
    examples = model.examples(swapped(posts), training=True)[:3]
    batch = model.collate(examples,
                          [Image.open(drawn.parent / posts[e.post].image).convert("RGB") for e in examples])
    with torch.no_grad():
        _, parts = model.loss(batch)
        seen, _, _ = model.reader(batch)
        scores, raw = model.reader.inside(seen), model.to_sides(seen)
    side, which, extent = round(len(model.reader.place) ** 0.5), [], []
    for n, (x1, y1, x2, y2) in enumerate(batch["boxes"].tolist()):
        weights, costs = [], []
        for k in range(side * side):
            cx, cy = (k % side + 0.5) / side, (k // side + 0.5) / side
            weights.append(math.exp(-0.5 * (((cx - (x1 + x2) / 2) / ((x2 - x1) / 4 + 0.25 / side)) ** 2
                                            + ((cy - (y1 + y2) / 2) / ((y2 - y1) / 4 + 0.25 / side)) ** 2)))
            left, top, right, bottom = (math.log1p(math.exp(v - 1.5)) for v in raw[n, k].tolist())
            a = (cx - left, cy - top, cx + right, cy + bottom)
            iou = box_iou(a, (x1, y1, x2, y2))
            hull = (max(a[2], x2) - min(a[0], x1)) * (max(a[3], y2) - min(a[1], y1))
            areas = (a[2] - a[0]) * (a[3] - a[1]) + (x2 - x1) * (y2 - y1)
            union = areas / (1 + iou)  # iou = common / union, and common + union = areas
            costs.append(1 - (iou - (hull - union) / hull) +
                         sum(abs(p - q) for p, q in zip(a, (x1, y1, x2, y2), strict=True)))
        total, log_sum = sum(weights), math.log(sum(math.exp(s) for s in scores[n].tolist()))
        which.append(sum(w / total * (log_sum - s) for w, s in zip(weights, scores[n].tolist(), strict=True)))
        extent.append(sum(w / total * c for w, c in zip(weights, costs, strict=True)))
    assert parts["which"] == pytest.approx(sum(which) / len(which), rel=1e-4)
    assert parts["extent"] == pytest.approx(sum(extent) / len(extent), rel=1e-4)


def test_half_precision_is_on_disk_only(gmner, drawn, trained, tmp_path):
    half = train(gmner, drawn, drawn, tmp_path / "half", "vg", 1, "--init", trained["vg"],
                 save_dtype="float16", abstain=0.02)
    saved, model = load_file(half / "model.safetensors"), load_model(half)
    assert {v.dtype for n, v in saved.items() if n.startswith("reader.")} == {torch.float16}
    assert saved["familiarity.whitener"].dtype == torch.float32
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_familiarity_tells_its_domain_from_others_and_only_after_a_fit():
    torch.manual_seed(0)
    familiar = Familiarity(8).eval()

    def domain(count):
        flat = torch.nn.functional.interpolate(torch.rand(count, 3, 4, 4), size=32)
        return torch.randn(count, 16, 8), (flat + 0.02 * torch.randn(count, 3, 32, 32)).clamp(0, 1)

    patches, colours = domain(400)
    strange, grain = 3 + 2 * torch.randn(50, 16, 8), torch.rand(50, 3, 32, 32)
    assert not (familiar(patches, colours) > familiar.limit).any()
    familiar.fit(0.05)
    assert (familiar(*domain(400)) > familiar.limit).float().mean() < 0.12
    for other in ((strange, colours[:50]), (patches[:50], grain), (strange, grain)):
        assert (familiar(*other) > familiar.limit).all()
    familiar.forget()
    assert not (familiar(strange, grain) > familiar.limit).any()


def test_strangeness_is_two_mahalanobis_distances_per_feature():
    torch.manual_seed(1)
    familiar = Familiarity(4).eval()
    patches, shown = torch.randn(300, 9, 4), torch.rand(300, 3, 24, 24) ** torch.linspace(0.3, 3,
                                                                                          300)[:, None, None,
                                                                                               None]
    familiar(patches, shown)
    familiar.fit(0.1)
    features = [torch.cat([patches.mean(1), patches.std(1)], -1).double(), textures(shown).double()]
    expected = torch.zeros(300, dtype=torch.double)
    for kind in features:
        z = (kind - kind.mean(0)) / kind.std(0).clamp_min(1e-6)
        covariance = 0.99 * z.T @ z / len(z) + 0.01 * torch.eye(z.shape[1])
        expected += torch.stack([row @ torch.linalg.solve(covariance, row) for row in z]) / z.shape[1]
    assert torch.allclose(familiar(patches, shown).double(), expected, rtol=1e-3)
    assert (familiar(patches, shown)
            > familiar.limit).float().mean() < 0.1, "the limit is that of pictures left out of the fit"


def test_textures_tell_flat_colour_from_grain():
    flat, grain = torch.full((1, 3, 200, 160), 0.5), torch.rand(1, 3, 200, 160)
    one, other = textures(torch.cat([flat, grain]))
    assert one.shape == (SIZE,) and torch.isfinite(one).all() and torch.isfinite(other).all()
    assert one[0] == 1 and other[0] < 0.5, "share of calm neighbourhoods"
    assert one[20] == 1 and other[20] < 1, "share of the commonest colour"


def test_pixels_are_those_of_the_processor():
    from transformers import BlipImageProcessorPil

    processor = BlipImageProcessorPil(size={"height": 32, "width": 32}, image_mean=[0.5, 0.4, 0.3],
                                      image_std=[0.5, 0.6, 0.7])
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).resize(
        (50, 40))
    theirs = processor([image], return_tensors="pt")["pixel_values"]
    assert torch.allclose(pixels([image], processor), theirs, atol=0.02)


def test_an_untrained_stage_is_refused_with_the_way_to_train_it(gmner, drawn, tmp_path):
    recipe = tmp_path / "own.yaml"
    recipe.write_text("extends: mini\nve: {weights: null}\n")
    done = gmner("predict", "--texts", drawn, "--recipe", recipe, "--offline")
    assert done.returncode == 2 and "train-ve" in done.stderr and "--ve DIR" in done.stderr
