"""Nets of Hugging Face, with what belongs to them and no more; a trained model's folder is all they need."""

from __future__ import annotations

import pytest
import torch

from gmner_cli.errors import ModelError
from gmner_cli.model import WeightSource
from gmner_cli.weights.backbone import Backbone
from tests import tiny


def again(backbone, classes, folder):
    """The network as a trained model finds it: the frame from its folder, then the weights."""
    backbone.save(folder)
    found = Backbone.load(classes, "gone", WeightSource(offline=True, pretrained=False, folder=folder),
                          backbone.part)
    found.net.load_state_dict(backbone.net.state_dict())
    return found


def test_a_network_of_words_needs_no_image_processor_and_generates_after_loading_as_before(tmp_path):
    classes = {"BartForConditionalGeneration": "transformers"}
    settings = {"num_beams": 3, "max_length": 9, "min_length": 4}
    checkpoint = tiny.save_bart(tmp_path / "bart", generation=settings)
    one = Backbone.load(classes, str(checkpoint), WeightSource(offline=True), part="words")
    assert one.processor is None and one.net.generation_config.num_beams == 3
    two = again(one, classes, tmp_path / "trained")
    assert sorted(path.name for path in (tmp_path / "trained").iterdir()) == ["words"]
    ids, same = (part.tokenizer("Ada met Bob", return_tensors="pt") for part in (two, one))
    assert ids["input_ids"].tolist() == same["input_ids"].tolist()
    said = [part.net.eval().generate(**ids).tolist() for part in (one, two)]
    assert said[0] == said[1] and 4 <= len(said[0][0]) <= 9


def test_a_network_without_words_needs_no_tokenizer(tmp_path):
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    torch.manual_seed(0)
    ViTModel(ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                       image_size=16, patch_size=8)).save_pretrained(tmp_path / "vit")
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "vit")
    classes = {"ViTModel": "transformers"}
    one = Backbone.load(classes, str(tmp_path / "vit"), WeightSource(offline=True))
    two = again(one, classes, tmp_path / "trained")
    assert one.tokenizer is two.tokenizer is None
    seen = torch.rand(1, 3, 16, 16)
    assert torch.equal(*(part.net.eval()(pixel_values=seen).last_hidden_state for part in (one, two)))


def test_a_network_that_looks_without_an_image_processor_is_still_refused(tmp_path):
    folder = tiny.save_blip(tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="AutoImageProcessor"):
        Backbone.load({"BlipForImageTextRetrieval": "transformers"}, str(folder), WeightSource(offline=True))
