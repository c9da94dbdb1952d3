"""Any picture that a record names (its image, generated ones, crops) is opened by the rules of ``image``."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from gmner_cli.compute.batches import prepared
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import ImageError
from gmner_cli.flow import model_stage, named_pictures
from gmner_cli.flow.model_stage import ModelStage, predict_posts
from gmner_cli.model import Example
from gmner_cli.pictures import images
from gmner_cli.pictures.crops import crop
from gmner_cli.pictures.images import Pictures
from gmner_cli.pictures.picture_digests import digest_of_each
from gmner_cli.records import Entity, Generated, Post
from tests.conftest import write_jsonl
from tests.test_stages_pictures import Reds

CPU = Runtime(torch.device("cpu"))


class Album(Reds):
    """Looks at the post's image, its generated pictures and its crops; adds up what is red in them."""

    def examples(self, posts, training):
        return [Example(n, 1, None, pictures=names_of(post)) for n, post in enumerate(posts)]

    def collate(self, examples, pictures):
        self.seen = pictures
        reds = [[p.getpixel((0, 0))[0] for p in row if p is not None] for row in pictures]
        return {"red": torch.tensor([sum(row) for row in reds])}


def names_of(post):
    own = [post.image] if post.image else []
    return (*own, *(g.image for g in post.generated or []), *post.extra.get("crops", []))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p" / "made").mkdir(parents=True)
    for name, red in (("a.png", 1), ("made/b.png", 20), ("made/c.png", 100)):
        Image.new("RGB", (60, 40), (red, 0, 0)).save(tmp_path / "p" / name)
    Image.new("RGB", (4, 4), "red").save(tmp_path / "outside.png")
    (tmp_path / "p" / "link.png").symlink_to(tmp_path / "outside.png")
    return tmp_path / "p"


def post(id="1", image="a.png", generated=("made/b.png",), crops=("made/c.png",)):
    return Post(id=id, text="Ada", image=image, generated=[Generated(image=name) for name in generated],
                extra={"crops": list(crops)})


def test_an_example_gets_the_pictures_that_it_names_in_their_order(folder):
    model, one = Album(), post()
    found = predict_posts(model, [one, post("2", image=None)], CPU, 2, Pictures(folder))
    assert [p.extra["red"] for p in found] == [121, 120]
    assert [[p.getpixel((0, 0))[0] for p in row] for row in model.seen] == [[1, 20, 100], [20, 100]]


def test_the_image_among_them_sets_the_size_and_largest_side_is_kept_to(folder):
    model, one = Album(), post()
    model.largest_side = 20
    examples = model.examples([one], training=False)
    list(prepared(model, examples, [[0]], [one], Pictures(folder), CPU))
    assert one.image_size == examples[0].image_size == (60, 40)
    assert {p.size for p in model.seen[0]} == {(20, 14)}


def test_each_is_decoded_once_and_while_the_batch_before_is_computed(folder, monkeypatch):
    opened = []
    real = images.open_sized
    monkeypatch.setattr(images, "open_sized", lambda root, *a: opened.append(a[0]) or real(root, *a))
    predict_posts(Album(), [post(str(n)) for n in range(6)], CPU, 2, Pictures(folder))
    assert sorted(opened) == ["a.png", "made/b.png", "made/c.png"]


@pytest.mark.parametrize(("name", "said"), [
    ("none.png", "no such image"), ("../outside.png", "leaves the image folder"),
    ("link.png", "--follow-links"), ("/etc/passwd", "leaves the image folder")])
def test_one_that_is_not_in_the_folder_is_treated_as_an_image_is(folder, name, said, capsys):
    bad, good = post("bad", crops=[name]), post("good")

    def through(missing):
        return ModelStage("look", Album(), CPU, 4, Pictures(folder, missing))([bad, good])

    failed, fine = through("error")
    assert said in failed.error and "red" not in failed.extra
    assert fine.extra["red"] == 121 and fine.error is None
    skipped, fine = through("skip")
    assert said in skipped.skipped and skipped.error is None and fine.extra["red"] == 121
    assert "post bad" in capsys.readouterr().err
    without, fine = through("text-only")
    assert (without.extra["red"], fine.extra["red"]) == (21, 121) and without.error is without.skipped is None
    assert without.image_problem is None  # its image was read
    assert "going on without it" in capsys.readouterr().err


def test_a_link_is_followed_where_that_is_allowed(folder):
    (found,) = predict_posts(Album(), [post(crops=["link.png"])], CPU, 1, Pictures(folder, follow_links=True))
    assert found.extra["red"] == 276


def test_lines_about_them_are_bounded_and_not_said_twice(folder, capsys):
    stage = ModelStage("look", Album(), CPU, 4, Pictures(folder, "text-only"))
    for _ in range(2):
        stage([post(str(n), crops=[f"{n}.png"]) for n in range(40)])
    assert len(capsys.readouterr().err.splitlines()) == named_pictures.MOST_TOLD


def test_a_batch_is_cut_where_all_its_pictures_together_pass_the_bound(folder, monkeypatch):
    monkeypatch.setattr(model_stage, "BATCH_BYTES", 6 * 60 * 40 * 3)
    sizes = []
    real = Album.predict
    monkeypatch.setattr(Album, "predict", lambda self, b: sizes.append(len(b["red"])) or real(self, b))
    predict_posts(Album(), [post(str(n)) for n in range(4)], CPU, 4, Pictures(folder))
    assert sizes == [2, 2]


def test_generated_pictures_stand_in_the_record():
    made = {"image": "g.png", "prompt": "a dog", "source": "sd", "seed": 3}
    raw = {"id": "1", "text": "Ada", "generated": [made], "entities": [
        {"start": 0, "end": 3, "type": "PER", "generated": [made]}]}
    read = Post.from_builtins(raw)
    assert read.to_builtins() == raw and isinstance(read.entities[0], Entity)
    assert isinstance(read.entities[0].generated[0], Generated) and read.generated[0].prompt == "a dog"


@pytest.mark.parametrize(("box", "size", "side", "kept"), [
    ((10, 5, 30, 25), None, 1, (10, 5, 30, 25)), ((10.5, 5.2, 29.1, 24.9), None, 1, (10, 5, 30, 25)),
    ((-9, -9, 500, 500), None, 1, (0, 0, 60, 40)), ((59.2, 39.5, 59.4, 39.6), None, 1, (59, 39, 60, 40)),
    ((20, 10, 40, 30), (60, 40), 2, (10, 5, 20, 15)), ((50, 30, 60, 40), (60, 40), 2, (25, 15, 30, 20))])
def test_a_crop_holds_what_the_box_holds_in_a_whole_and_in_a_reduced_picture(box, size, side, kept):
    picture = Image.effect_noise((60, 40), 99).convert("RGB").reduce(side)
    assert crop(picture, box, size).tobytes() == picture.crop(kept).tobytes()


def test_a_crop_is_upright_and_a_box_outside_is_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: 20 wide and 40 high in the file, 40 wide and 20 high as seen
    Image.new("RGB", (20, 40), "red").save(tmp_path / "a.jpg", exif=exif)
    pictures = Pictures(tmp_path)
    assert pictures.crop("a.jpg", (30, 0, 40, 20)).size == (10, 20)
    with pytest.raises(ImageError, match="outside"):
        pictures.crop("a.jpg", (0, 21, 10, 40))
    with pytest.raises(ImageError, match="leaves"):
        pictures.crop("../a.jpg", (0, 0, 1, 1))


def test_generated_pictures_are_what_a_prediction_is_known_by_too(folder):
    record = post(crops=())
    record.entities = [Entity(start=0, end=3, type="PER", generated=[Generated(image="made/c.png")])]
    path = write_jsonl(folder / "posts.jsonl", [record.to_builtins()])
    assert list(digest_of_each(path, Pictures(folder))) == ["a.png", "made/b.png", "made/c.png"]
