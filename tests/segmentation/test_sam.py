"""Both ways to run SAM: what they give is what the libraries give, box by box; one encoding a picture; no
code from a file."""

from __future__ import annotations

import contextlib
import pickle

import numpy as np
import pytest
import torch

from gmner_cli.classes.class_paths import new_model
from gmner_cli.errors import ImageError, ModelError, UsageError
from gmner_cli.pictures.masks import decode
from gmner_cli.segmentation import checkpoints
from gmner_cli.segmentation.mask_prompts import Prompt
from gmner_cli.weights import hub
from tests.segmentation.conftest import Evil, noise

HF, PTH = "gmner_cli.segmentation.sam:Sam", "gmner_cli.segmentation.segment_anything:SegmentAnything"
BOXES = [(5, 5, 60, 40), (0, 0, 90, 70), (50, 20, 89.5, 69), (30, 30, 34, 35)]
POINTS = [((20.0, 30.0, 1), (70.0, 10.0, 0)), ((44.5, 60.0, 1),)]


def load(kind, path):
    return new_model(kind, {"checkpoint": str(path)}, [], recipe="test", offline=True).eval()


@pytest.fixture(params=[HF, PTH], ids=["hf", "segment-anything"])
def model(request, hf_sam, pth_sam):
    return load(request.param, hf_sam if request.param == HF else pth_sam)


@pytest.fixture
def image():
    return noise(90, 70, seed=5)


def pixels(masks):
    return [decode(mask) for mask in masks]


def test_segment_anything_is_asked_as_its_own_predictor_would_be(pth_sam, image):
    from segment_anything import SamPredictor

    predictor = SamPredictor(checkpoints.build_sam(torch.load(pth_sam, weights_only=True)))
    predictor.set_image(np.asarray(image))
    expected = [predictor.predict(box=np.array(box), multimask_output=False)[0][0] for box in BOXES]
    for points in POINTS:
        several, quality, _ = predictor.predict(
            np.array(points)[:, :2],
            np.array(points)[:, 2], multimask_output=True)
        expected.append(several[quality.argmax()])
    found = pixels(
        load(PTH, pth_sam).segment(image,
                                   [*(Prompt(box=b) for b in BOXES), *(Prompt(points=p) for p in POINTS)]))
    assert any(0 < mask.mean() < 1 for mask in found), "the random network must tell something apart"
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_hugging_face_sam_is_asked_as_its_own_processor_would_ask(hf_sam, image):
    from transformers import AutoImageProcessor, SamModel, SamProcessor

    net = SamModel.from_pretrained(hf_sam).eval()
    processor = SamProcessor(AutoImageProcessor.from_pretrained(hf_sam, backend="pil"))

    def ask(multimask, **prompt):
        inputs = processor(image, return_tensors="pt", **prompt)
        with torch.no_grad():
            out = net(**{k: v.float() if v.dtype == torch.float64 else v for k, v in inputs.items()
                         if k not in ("original_sizes", "reshaped_input_sizes")}, multimask_output=multimask)
        masks = processor.image_processor.post_process_masks(out.pred_masks, inputs["original_sizes"],
                                                             inputs["reshaped_input_sizes"])[0][0]
        return masks[int(out.iou_scores[0, 0].argmax())].numpy()

    expected = [ask(False, input_boxes=[[list(box)]]) for box in BOXES]
    expected += [
        ask(True, input_points=[[[list(p[:2])
                                  for p in points]]], input_labels=[[[p[2]
                                                                      for p in points]]])
        for points in POINTS
    ]
    found = pixels(
        load(HF, hf_sam).segment(image,
                                 [*(Prompt(box=b) for b in BOXES), *(Prompt(points=p) for p in POINTS)]))
    assert any(0 < mask.mean() < 1 for mask in found), "the random network must tell something apart"
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_a_picture_is_encoded_once_for_all_its_boxes(model, image, monkeypatch):
    encoder = model.net.vision_encoder if hasattr(model.net, "vision_encoder") else model.net.image_encoder
    calls = []
    encoder.register_forward_hook(lambda *a: calls.append(1))
    prompts = [Prompt(box=box) for box in BOXES] + [Prompt(points=POINTS[0])]
    together = model.segment(image, prompts)
    assert len(calls) == 1
    monkeypatch.setattr("gmner_cli.segmentation.prompted.MOST_BOXES", 3)
    assert model.segment(image, prompts) == together, "in parts it must be the same"
    assert [model.segment(image, [prompt])[0] for prompt in prompts] == together


def test_prompts_outside_the_picture_give_empty_masks_in_their_places(model, image):
    masks = model.segment(image, [
        Prompt(box=(100, 0, 120, 20)),
        Prompt(box=BOXES[1]),
        Prompt(points=((95.0, 3.0, 1), )),
        Prompt(points=((5.0, 3.0, 0), )),
        Prompt(box=(4, 4, 4, 4))
    ])
    assert [mask.size for mask in masks] == [(70, 90)] * 5
    assert masks[1] == model.segment(image, [Prompt(box=BOXES[1])])[0]
    assert not any(decode(masks[i]).any() for i in (0, 2, 3, 4))
    assert model.segment(image, [Prompt(box=(-50, -50, 500, 500))]) == model.segment(
        image, [Prompt(box=(0, 0, 90, 70))])


def test_a_heat_map_is_asked_for_by_its_highest_point(model, image):
    heat = np.zeros((7, 9))
    heat[2, 4] = 1.0
    assert model.segment(image, [Prompt(heat=heat)]) == model.segment(image,
                                                                      [Prompt(points=((45.0, 25.0, 1), ))])


def test_a_picture_that_would_be_scaled_to_nothing_is_its_own_error(model):
    with pytest.raises(ImageError, match="1x300 pixels is too narrow"):
        model.segment(noise(1, 300), [Prompt(box=(0, 0, 1, 9))])
    assert model.segment(noise(1, 1), [Prompt(box=(0, 0, 1, 1))])[0].size == (1, 1)


def test_what_a_checkpoint_holds_is_read_off_its_shapes(pth_sam):
    told = []
    net = checkpoints.build_sam(checkpoints.read_checkpoint(pth_sam), told.append)
    assert told[0].startswith("the checkpoint is SAM 32 wide: 2 layers, pictures of 64 pixels")
    assert [block.window_size for block in net.image_encoder.blocks] == [4, 0]


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_the_authors_sizes_are_recognised(name):
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        theirs = sam_model_registry[name]()
        told = []
        ours = checkpoints.build_sam(theirs.state_dict(), told.append)
    assert told[0].startswith(f"the checkpoint is {name}: ")
    for part, other in zip(theirs.image_encoder.blocks, ours.image_encoder.blocks, strict=True):
        assert (part.window_size, part.attn.num_heads) == (other.window_size, other.attn.num_heads)


@pytest.mark.parametrize("write", [
    torch.save, lambda o, f: torch.save(o, f, _use_new_zipfile_serialization=False),
    lambda o, f: f.write_bytes(pickle.dumps(o))
], ids=["zip", "legacy", "bare"])
def test_a_pickle_that_would_run_code_is_refused_before_it_does(tmp_path, write):
    path, trace = tmp_path / "evil.pth", tmp_path / "ran"
    write({"image_encoder.pos_embed": torch.zeros(1), "x": Evil(trace)}, path)
    with pytest.raises(ModelError, match="is refused"):
        load(PTH, path)
    assert not trace.exists()
    with contextlib.suppress(RuntimeError):  # by then the bare pickle has done its work
        torch.load(path, weights_only=False)
    assert trace.exists(), "the file must be as dangerous as it is meant to be"


@pytest.mark.parametrize("content, message", [
    ([torch.zeros(1)], "not a dictionary of tensors"), ({"a": 1}, "not a dictionary of tensors"),
    ({"a": torch.zeros(1)}, "the checkpoint is not a SAM")], ids=["list", "numbers", "another model"])
def test_other_checkpoints_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=message):
        load(PTH, tmp_path / "x.pth")


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path, pth_sam, hf_sam):
    from safetensors.torch import load_file, save_file

    tensors = torch.load(pth_sam, weights_only=True)
    del tensors["mask_decoder.iou_token.weight"]
    torch.save(tensors, tmp_path / "x.pth")
    with pytest.raises(ModelError, match="iou_token"):
        load(PTH, tmp_path / "x.pth")
    folder = tmp_path / "hf"
    folder.mkdir()
    for file in hf_sam.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    del tensors["mask_decoder.iou_token.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 1 of SAM's weights, the first is "
                                         "mask_decoder.iou_token.weight"):
        load(HF, folder)


def test_a_file_by_an_official_name_must_be_the_official_file(tmp_path, pth_sam, monkeypatch):
    fake = tmp_path / "sam_vit_b_01ec64.pth"
    fake.write_bytes(pth_sam.read_bytes())
    with pytest.raises(ModelError, match="that of sam_vit_b_01ec64.pth is ec2df62732614e57"):
        checkpoints.locate(str(fake))
    monkeypatch.setenv("GMNER_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="is ec2df62732614e57"):
        checkpoints.locate("vit_b")
    official = checkpoints.OFFICIAL["vit_b"]._replace(digest=hub.sha256(fake))
    monkeypatch.setitem(checkpoints.OFFICIAL, "vit_b", official)
    assert checkpoints.locate("vit_b", offline=True) == fake == checkpoints.locate(str(fake))


def test_an_official_file_is_downloaded_once_and_only_whole(tmp_path, pth_sam, monkeypatch):
    monkeypatch.setenv("GMNER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    served = hub.OfficialFile(pth_sam.as_uri(), pth_sam.stat().st_size, hub.sha256(pth_sam))
    told = []
    with pytest.raises(ModelError, match="--offline forbids"):
        hub.official_file(served, offline=True, tell=told.append)
    with pytest.raises(ModelError, match="could not be fetched: invalid hash value"):
        hub.official_file(served._replace(digest="0" * 64), tell=told.append)
    assert list((tmp_path / "cache").iterdir()) == []
    path = hub.official_file(served, tell=told.append)
    assert path.read_bytes() == pth_sam.read_bytes() and len(told) == 2
    assert hub.official_file(served, offline=True, tell=told.append) == path and len(told) == 2


def test_unknown_sizes_are_told_the_known_ones():
    with pytest.raises(UsageError, match="there is no SAM 'vit_x'"):
        checkpoints.locate("vit_x")
