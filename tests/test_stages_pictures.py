"""Batches with pictures: decoded side by side, in order, within memory, and halved when they do not fit."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time

import msgspec
import pytest
import torch
from PIL import Image

from gmner_cli.compute.batches import ahead, cut, prepared
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import ImageError
from gmner_cli.flow import model_stage
from gmner_cli.flow.check_images import CheckImages
from gmner_cli.flow.compose import compose
from gmner_cli.flow.model_stage import ModelStage, predict_posts
from gmner_cli.model import Example, Model, WeightSource
from gmner_cli.pictures import images
from gmner_cli.pictures.images import Pictures, decoded_bytes, open_image, open_sized
from gmner_cli.records import Post

CPU = Runtime(torch.device("cpu"))


class Config(msgspec.Struct):
    pass


class Reds(Model):
    """Reads the red of each picture; remembers how it was called."""

    Config = Config
    finds = ("boxes",)
    reads_images = True
    fits = 10**6
    """Examples of a batch above which it is out of memory."""

    def __init__(self):
        super().__init__(Config(), {}, WeightSource())
        self.collated, self.threads, self.sizes, self.widths = [], set(), [], []

    def examples(self, posts, training):
        return [Example(i, len(post.text), None) for i, post in enumerate(posts)]

    def collate(self, examples, pictures):
        self.collated.append([e.post for e in examples])
        self.threads.add(threading.current_thread().name)
        self.widths += [picture and picture.width for picture in pictures]
        return {"red": torch.tensor([-1 if p is None else p.getpixel((0, 0))[0] for p in pictures])}

    def predict(self, batch):
        self.sizes.append(len(batch["red"]))
        if len(batch["red"]) > self.fits:
            raise torch.OutOfMemoryError("as a GPU says it")
        return batch["red"].tolist()

    def write(self, posts, examples, outputs):
        for example, output in zip(examples, outputs, strict=True):
            posts[example.post].extra["red"] = output


@pytest.fixture
def folder(tmp_path):
    for n in range(24):
        Image.new("RGB", (64, 48), (n, 0, 0)).save(tmp_path / f"{n}.png")
    return tmp_path


def posts_of(count, **fields):
    """In the order that they are batched in: the longest text first."""
    return [Post(id=str(n), text="x" * (100 - n), image=f"{n}.png", **fields) for n in range(count)]


def slow_first(monkeypatch):
    """Pictures become ready in an order that has nothing to do with the one that they are asked for."""
    real, draw = images.open_sized, random.Random(0)

    def open_late(*args):
        time.sleep(draw.random() / 50)
        return real(*args)

    monkeypatch.setattr(images, "open_sized", open_late)


# --- order, threads, errors ---------------------------------------------------------------------

def test_pictures_reach_their_own_posts_whichever_is_ready_first(folder, monkeypatch):
    slow_first(monkeypatch)
    model, pictures = Reds(), Pictures(folder, workers=4)
    found = predict_posts(model, posts_of(24), CPU, 5, pictures)
    assert [p.extra["red"] for p in found] == list(range(24))
    assert model.collated == [list(range(n, min(n + 5, 24)))
                              for n in range(0, 24, 5)], "in order, one after the other"
    assert len(model.threads) == 1 and threading.current_thread().name not in model.threads


def test_several_pictures_are_decoded_at_the_same_time(folder, monkeypatch):
    together = threading.Barrier(3)
    real = images.open_sized

    def wait_for_others(*args):
        together.wait(timeout=30)  # breaks, and so fails, where decoding is one after the other
        return real(*args)

    monkeypatch.setattr(images, "open_sized", wait_for_others)
    found = predict_posts(Reds(), posts_of(6), CPU, 3, Pictures(folder, workers=3))
    assert [p.extra["red"] for p in found] == list(range(6))
    posts = posts_of(6)
    CheckImages(Pictures(folder, workers=3), print)(posts)
    assert [p.image_size for p in posts] == [(64, 48)] * 6


def test_a_picture_of_several_examples_or_stages_is_decoded_once(folder, monkeypatch):
    opened = []
    real = images.open_sized
    monkeypatch.setattr(images, "open_sized", lambda root, name, side=None:
                        (opened.append(name), real(root, name, side))[1])
    pictures, posts = Pictures(folder), posts_of(6)
    made = list(compose([CheckImages(pictures, print), ModelStage("a", Reds(), CPU, 4, pictures),
                         ModelStage("b", Reds(), CPU, 4, pictures)], posts))
    assert [p.extra["red"] for p in made] == list(range(6))
    assert sorted(opened) == sorted(f"{n}.png" for n in range(6))


def test_a_bad_picture_is_raised_in_its_place_and_no_thread_is_left(folder):
    (folder / "7.png").write_text("no picture")
    model, pictures, seen = Reds(), Pictures(folder), []
    before = threading.active_count()
    with pytest.raises(ImageError, match=r"7\.png: is not an image"):
        for indexes, _ in prepared(model, model.examples(posts_of(24), False),
                                   [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]], posts_of(24), pictures, CPU):
            seen += indexes
    assert seen == [0, 1, 2, 3, 4, 5]
    assert threading.active_count() <= before + pictures.workers


def test_leaving_early_begins_no_more_and_leaves_no_thread(folder):
    model, pictures = Reds(), Pictures(folder)
    batches = prepared(model, model.examples(posts_of(24), False), [[n] for n in range(24)], posts_of(24),
                       pictures, CPU)
    next(batches)
    batches.close()
    assert len(model.collated) <= 3, "the first, and two ahead"
    assert not [t for t in threading.enumerate() if t.name.startswith("gmner-batches")]


def test_a_generator_of_jobs_is_asked_only_for_what_is_begun():
    asked = []
    jobs = ahead((asked.append(n) or n for n in range(100)), lambda n: -n, depth=3)
    assert next(jobs) == (0, 0) and len(asked) == 4
    jobs.close()
    assert len(asked) == 4


def test_a_model_that_pads_pictures_gets_those_of_like_shape_together(folder):
    shapes = [(64, 48), (48, 64), (640, 480), (480, 640), (10, 10), (64, 48)]
    posts = [msgspec.structs.replace(p, image_size=size) for p, size in zip(posts_of(6), shapes, strict=True)]
    model = Reds()
    model.batches_by_shape = True
    found = predict_posts(model, posts, CPU, 2, Pictures(folder))
    assert model.collated == [[1, 3], [4, 0], [2, 5]], "by width / height, then the longer text first"
    assert [p.extra["red"] for p in found] == list(range(6))
    plain = Reds()
    predict_posts(plain, posts, CPU, 2, Pictures(folder))
    assert plain.collated == [[0, 1], [2, 3], [4, 5]]


# --- out of memory ------------------------------------------------------------------------------

@pytest.mark.parametrize("fits,size", [(2, 8), (1, 8), (2, 5), (3, 24)])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(folder, fits, size):
    model = Reds()
    model.fits = fits
    told = []
    found = predict_posts(model, posts_of(24), CPU, size, Pictures(folder), told.append)
    assert [p.extra["red"] for p in found] == list(range(24))
    assert max(model.sizes) == size and sum(n for n in model.sizes if n <= fits) == 24
    assert sum(told) == 24


def test_collate_is_never_called_twice_at_a_time_even_while_a_batch_is_halved(folder):
    class Alone(Reds):
        fits, busy = 2, 0

        def collate(self, examples, pictures):
            self.busy += 1
            assert self.busy == 1, "a fast tokenizer raises 'Already borrowed'"
            time.sleep(0.005)
            self.busy -= 1
            return super().collate(examples, pictures)

    assert [p.extra["red"]
            for p in predict_posts(Alone(), posts_of(24), CPU, 6, Pictures(folder))] == list(range(24))


def test_one_post_that_never_fits_fails_alone(folder):
    class Hungry(Reds):
        def predict(self, batch):
            if 5 in batch["red"]:
                raise torch.OutOfMemoryError("as a GPU says it")
            return super().predict(batch)

    made = list(compose([ModelStage("vg", Hungry(), CPU, 8, Pictures(folder))], posts_of(12)))
    assert [p.extra.get("red") for p in made] == [None if n == 5 else n for n in range(12)]
    assert [p.id for p in made if p.error] == ["5"] and "OutOfMemoryError" in made[5].error


# --- memory -------------------------------------------------------------------------------------

def test_a_batch_is_cut_where_its_pictures_would_pass_the_bound(folder, monkeypatch):
    monkeypatch.setattr(model_stage, "BATCH_BYTES", 3 * decoded_bytes((64, 48)))
    model = Reds()
    found = predict_posts(model, posts_of(10, image_size=(64, 48)), CPU, 8, Pictures(folder))
    assert [p.extra["red"] for p in found] == list(range(10)) and max(model.sizes) == 3
    assert list(cut([[0, 1, 2, 3], [4]], [2, 9, 1, 3, 50].__getitem__, 4)) == [[0], [1], [2, 3], [4]]
    model = Reds()
    model.largest_side = 16
    predict_posts(model, posts_of(10, image_size=(64, 48)), CPU, 8, Pictures(folder))
    assert max(model.sizes) == 8, "reduced copies are small"


def test_a_model_that_says_how_large_gets_reduced_copies_and_posts_keep_their_size(folder):
    model = Reds()
    model.largest_side = 30
    found = predict_posts(model, posts_of(3), CPU, 8, Pictures(folder))
    assert model.widths == [32] * 3 and [p.image_size for p in found] == [(64, 48)] * 3
    assert [p.extra["red"] for p in found] == [0, 1, 2]


def test_kept_pictures_stay_within_their_bound_and_the_last_used_stay(folder, monkeypatch):
    one = decoded_bytes((64, 48))
    monkeypatch.setattr(images, "KEPT_BYTES", 3 * one)
    pictures = Pictures(folder)
    first = pictures.open("0.png")
    for n in (1, 2, 0, 3):
        pictures.open(f"{n}.png")
    assert pictures.open("0.png").picture is first.picture, "used since, so kept"
    assert list(pictures._kept) == [("2.png", None), ("3.png", None),
                                    ("0.png", None)] and pictures._bytes == 3 * one
    monkeypatch.setattr(images, "KEPT_BYTES", one - 1)
    assert pictures.open("4.png").size == (64, 48) and pictures._bytes == 0 and not pictures._kept


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff", "gif"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_copy_shows_the_same_and_says_the_size_of_the_whole(tmp_path, kind, orientation):
    whole = Image.new("RGB", (1000, 301), "red")
    whole.paste("blue", (500, 0, 1000, 301))
    exif = Image.Exif()
    exif[0x0112] = orientation
    whole.save(tmp_path / f"a.{kind}", exif=exif, **({"lossless": True} if kind == "webp" else {}))
    seen = open_image(tmp_path, f"a.{kind}")
    for side, times in ((1000, 1), (600, 1), (500, 2), (334, 2), (240, 4), (60, 16), (7, 142)):
        small, size = open_sized(tmp_path, f"a.{kind}", side)
        assert size == seen.size and small.mode == "RGB"
        assert max(small.size) >= side and small.size == tuple(-(-v // times)
                                                               for v in seen.size), (side, small.size)
        ends = [(0, 0), (small.width - 1, small.height - 1)]
        for at, far in zip(ends, [(0, 0), (seen.width - 1, seen.height - 1)], strict=True):
            assert all(abs(a - b) <= 12 for a, b in zip(small.getpixel(at), seen.getpixel(far), strict=True))


def test_a_broken_picture_is_found_in_a_reduced_copy_too(tmp_path):
    Image.effect_noise((400, 300), 90).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:20000])
    post = Post(id="a", text="", image="cut.jpg")
    CheckImages(Pictures(tmp_path), print, side=50)([post])
    assert "broken" in post.error


def test_large_pictures_are_decoded_one_at_a_time(folder, monkeypatch):
    monkeypatch.setattr(images, "LARGE_PIXELS", 64 * 48 - 1)
    real, inside, most = images.to_rgb, [], []

    def watched(picture):
        inside.append(1)
        time.sleep(0.005)
        most.append(len(inside))
        inside.pop()
        return real(picture)

    monkeypatch.setattr(images, "to_rgb", watched)
    predict_posts(Reds(), posts_of(12), CPU, 6, Pictures(folder, workers=4))
    assert len(most) == 12 and max(most) == 1


def test_a_picture_is_opened_by_its_name_and_may_not_be_outside(folder):
    pictures = Pictures(folder)
    picture, size = pictures.open("3.png")
    assert picture.getpixel((0, 0)) == (3, 0, 0) and size == (64, 48)
    with pytest.raises(ImageError, match="leaves the image folder"):
        pictures.open("../3.png")
    with pytest.raises(ImageError, match="there is no image folder"):
        Pictures(None).open("3.png")


def test_odd_files_opened_by_many_threads_say_nothing_on_stderr(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.jpg",
                                         exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\x01\x12")
    code = ("import sys, warnings\nfrom concurrent.futures import ThreadPoolExecutor\nfrom pathlib import "
            "Path\n"
            "from gmner_cli.pictures.images import open_image\n"
            "with ThreadPoolExecutor(4) as pool: list(pool.map(lambda n: open_image(Path(sys.argv[1]), "
            "'a.jpg'), range(40)))\n"
            "warnings.warn('still heard')")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0 and "still heard" in done.stderr and "EXIF" not in done.stderr
