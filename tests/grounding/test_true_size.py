"""Training boxes are shares of the whole picture, also where the model is given a reduced copy of it."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from gmner_cli.compute.batches import collate
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import UsageError
from gmner_cli.grounding.florence_grounder import FlorenceGrounder, bins_of
from gmner_cli.grounding.grounder import Grounder, GrounderConfig
from gmner_cli.model import Example, WeightSource
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Entity, Post
from gmner_cli.segmentation.mask_prompts import Prompt
from gmner_cli.segmentation.prompted import PromptedSam

CPU = Runtime(torch.device("cpu"))
BOX = (100.0, 50.0, 300.0, 150.0)
SHARES = [0.25, 0.25, 0.75, 0.75]


class Small(Grounder):
    """Asks for pictures of 50 pixels."""

    Config = GrounderConfig
    largest_side = 50

    def __init__(self):
        super().__init__(GrounderConfig(), {}, WeightSource())

    def inputs(self, texts, images):
        return {"widths": [image.width for image in images]}

    def predict(self, batch):
        raise NotImplementedError


class OwnExamples(Small):
    """Makes its examples without the base."""

    def examples(self, posts, training):
        return [Example(n, 1, self.sought(post, training)) for n, post in enumerate(posts)]


@pytest.fixture
def posts(tmp_path):
    """Two posts of one picture of 400x200 pixels, on its side in the file; one record says another size."""
    sideways = Image.new("RGB", (200, 400), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "a.jpg", exif=exif)
    return [Post(id=str(n), text="Ada", image="a.jpg", image_size=size, entities=[
        Entity(start=0, end=3, type="PER", boxes=[BOX])]) for n, size in enumerate((None, (100, 50)))]


@pytest.mark.parametrize("kind", [Small, OwnExamples])
def test_boxes_of_a_reduced_copy_are_shares_of_the_whole_picture(tmp_path, posts, kind):
    model = kind()
    examples = model.examples(posts, training=True)
    batch = collate(model, examples, posts, Pictures(tmp_path), CPU)
    assert batch["widths"] == [50, 50]
    assert batch["boxes"].tolist() == [SHARES, SHARES]
    assert [example.image_size for example in examples] == [(400, 200)] * 2


def test_they_are_so_where_the_record_alone_knows_the_size():
    post = Post(id="1", text="Ada", image="a.jpg", image_size=(400, 200), entities=[
        Entity(start=0, end=3, type="PER", boxes=[BOX])])
    model = Small()
    batch = model.collate(model.examples([post], training=True), [Image.new("RGB", (50, 25))])
    assert batch["boxes"].tolist() == [SHARES]


def test_location_tokens_follow_the_true_size():
    post = Post(id="1", text="Ada", image="a.jpg", image_size=(400, 200), entities=[
        Entity(start=0, end=3, type="PER", boxes=[BOX])])
    shares = FlorenceGrounder.targets(Small().examples([post], training=True), [Image.new("RGB", (50, 25))])
    assert bins_of(shares).tolist() == [[250, 250, 750, 750]]


def test_segmentation_refuses_a_reduced_copy_instead_of_masks_of_another_size():
    class Net(PromptedSam):
        side = 64

        def prepare(self, images):
            return {}

        views = ask = prepare

    example = Example(0, 1, [Prompt(box=BOX)], image_size=(400, 200))
    net = Net.__new__(Net)
    with pytest.raises(UsageError, match="400x200 pixels reduced to 50x25"):
        net.collate([example], [Image.new("RGB", (50, 25))])
    assert net.collate([example], [Image.new("RGB", (400, 200))])["sizes"] == [(400, 200)]
