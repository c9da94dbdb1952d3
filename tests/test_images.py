"""Pictures as a person sees them: every mode and container that turns up in a feed, and every way to be
broken."""

from __future__ import annotations

import gc
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gmner_cli.errors import ImageError
from gmner_cli.pictures import images
from gmner_cli.pictures.images import locate, open_image
from gmner_cli.records import Post


def corners(picture: Image.Image) -> list[tuple[int, int, int]]:
    """Top left, top right, bottom left, bottom right."""
    w, h = picture.size
    return [picture.getpixel(at) for at in ((0, 0), (w - 1, 0), (0, h - 1), (w - 1, h - 1))]


def near(found, expected, most=12):
    return all(
        abs(a - b) <= most for f, e in zip(found, expected, strict=True) for a, b in zip(f, e, strict=True))


BLACK, WHITE, RED, GREY = (0, 0, 0), (255, 255, 255), (255, 0, 0), (128, 128, 128)


def halves(mode: str, left, right, size=(40, 20)) -> Image.Image:
    picture = Image.new(mode, size, left)
    picture.paste(right, (size[0] // 2, 0, *size))
    return picture


def ramp16() -> Image.Image:
    return Image.fromarray(np.repeat(np.array([[0, 32896, 65535]], dtype=np.uint16), 5, axis=0))


KINDS = {
    "grey.png": (lambda p: halves("L", 0, 255).save(p), [BLACK, WHITE] * 2),
    "one-bit.png": (lambda p: halves("1", 0, 1).save(p), [BLACK, WHITE] * 2),
    "one-bit.tiff": (lambda p: halves("1", 0, 1).save(p, compression="group4"), [BLACK, WHITE] * 2),
    "la.png": (lambda p: halves("LA", (0, 255), (0, 0)).save(p), [BLACK, WHITE] * 2),
    "rgba.png": (lambda p: halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0)).save(p), [RED, WHITE] * 2),
    "rgba.webp": (lambda p: halves("RGBA", (255, 0, 0, 255),
                                   (0, 0, 0, 0)).save(p, lossless=True), [RED, WHITE] * 2),
    "cmyk.jpg": (lambda p: halves("CMYK", (0, 255, 255, 0),
                                  (0, 0, 0, 0)).save(p, quality=95), [RED, WHITE] * 2),
    "cmyk.tiff": (lambda p: halves("CMYK", (0, 255, 255, 0), (0, 0, 0, 0)).save(p), [RED, WHITE] * 2),
    "sixteen.png": (lambda p: ramp16().save(p), [BLACK, WHITE] * 2),
    "sixteen.tiff": (lambda p: ramp16().save(p), [BLACK, WHITE] * 2),
    "dark sixteen.png": (lambda p: Image.fromarray(np.full((4, 4), 200, np.uint16)).save(p), [(1, 1, 1)] * 4),
    "float one.tiff": (lambda p: Image.fromarray(np.float32([[0, 0.5, 1]] * 3)).save(p), [BLACK, WHITE] * 2),
    "float bytes.tiff": (lambda p: Image.fromarray(np.float32([[0, 9, 255]] * 3)).save(p),
                         [BLACK, WHITE] * 2),
    "float nan.tiff": (lambda p: Image.fromarray(np.float32([[np.nan, np.inf, 1]] * 3)).save(p),
                       [BLACK, WHITE] * 2),
    "int32.tiff": (lambda p: Image.fromarray(np.int32([[-5, 70000]] * 3)).save(p), [BLACK, WHITE] * 2),
    "plain.bmp": (lambda p: halves("RGB", (255, 0, 0), (255, 255, 255)).save(p), [RED, WHITE] * 2),
    "plain.ppm": (lambda p: halves("RGB", (255, 0, 0), (255, 255, 255)).save(p), [RED, WHITE] * 2),
    "png called.jpg": (lambda p: halves("RGB", (255, 0, 0),
                                        (255, 255, 255)).save(p, format="PNG"), [RED, WHITE] * 2),
    "no ending": (lambda p: halves("RGB", (255, 0, 0),
                                   (255, 255, 255)).save(p, format="PNG"), [RED, WHITE] * 2),
    "日本 👩‍👧 \n\t.png": (lambda p: halves("RGB", (255, 0, 0), (255, 255, 255)).save(p), [RED, WHITE] * 2),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_mode_and_container_becomes_what_a_person_sees(tmp_path, name):
    make, seen = KINDS[name]
    make(tmp_path / name)
    picture = open_image(tmp_path, name)
    assert picture.mode == "RGB"
    assert near(corners(picture), seen), corners(picture)


def test_sixteen_bits_keep_their_middle(tmp_path):
    for name in ("a.png", "a.tiff"):
        ramp16().save(tmp_path / name)
        assert near([open_image(tmp_path, name).getpixel((1, 2))], [GREY], most=1)


def test_a_palette_with_transparency_lies_on_white(tmp_path):
    palette = Image.new("P", (40, 20), 1)
    palette.putpalette([0, 0, 255, 255, 0, 0])
    palette.paste(0, (20, 0, 40, 20))
    palette.save(tmp_path / "index.png", transparency=0)
    palette.save(tmp_path / "bytes.png", transparency=bytes([0, 255]))
    palette.save(tmp_path / "index.gif", transparency=0)
    for name in ("index.png", "bytes.png", "index.gif"):
        assert corners(open_image(tmp_path, name)) == [RED, WHITE] * 2, name


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_an_animation_is_its_first_frame(tmp_path, kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "webp" else {}
    frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], duration=100, **options)
    with Image.open(tmp_path / f"a.{kind}") as animation:
        assert len(list(ImageSequence.Iterator(animation))) == 3
    assert near(corners(open_image(tmp_path, f"a.{kind}")), [RED] * 4)


TURNED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270
}
"""How a camera that was held upright would have had to store the picture for each EXIF orientation."""


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", TURNED)
def test_exif_rotation_is_applied(tmp_path, orientation, kind):
    upright = Image.new("RGB", (48, 32), "red")
    upright.paste("white", (24, 0, 48, 16))
    upright.paste("black", (0, 16, 24, 32))
    stored = upright if TURNED[orientation] is None else upright.transpose(TURNED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{kind}", exif=exif, **({"lossless": True} if kind == "webp" else {}))
    picture = open_image(tmp_path, f"a.{kind}")
    assert picture.size == (48, 32)
    assert near([picture.getpixel(at) for at in ((4, 4), (44, 4), (4, 28), (44, 28))],
                [RED, WHITE, BLACK, RED])


def test_damaged_exif_data_does_not_lose_the_picture(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.jpg",
                                         exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\x01\x12")
    assert open_image(tmp_path, "a.jpg").size == (8, 8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + chunk(
        b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * share)])


def broken(folder: Path) -> dict[str, str]:
    """Files that are no pictures, and the words that say why."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    for kind in ("jpg", "png", "gif", "webp", "tiff", "bmp"):
        noise.save(folder / f"cut.{kind}")
        cut(folder / f"cut.{kind}", 0.6)
    (folder / "zero.jpg").touch()
    (folder / "text.jpg").write_text("this is not a picture\n")
    (folder / "page.png").write_text("<html>404</html>")
    (folder / "head.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "bomb.png").write_bytes(png(30_000, 30_000, b"\0" * 1000))
    (folder / "wide.png").write_bytes(png(10_001, 10_000, b"\0" * 1000))
    (folder / "line.png").write_bytes(png(1, 99_999_999, b"\0" * 1000))
    (folder / "long.png").write_bytes(png(70_000, 200, b"\0" * 1000))
    (folder / "thin.png").write_bytes(png(1, 501, b"\0\0" * 501))
    (folder / "drawing.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 "
                                        "9\n%%EndComments\nshowpage\n")
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "fifo.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "circle.jpg").symlink_to("circle.jpg")
    return {
        **{f"cut.{kind}": "broken" for kind in ("jpg", "png", "gif", "tiff", "bmp")},
        "cut.webp": "",
        "zero.jpg": "empty (0 bytes)",
        "text.jpg": "is not an image",
        "page.png": "is not an image",
        "head.png": "",
        "bomb.png": "pixels",
        "wide.png": "10001x10000 pixels",
        "line.png": "1x99999999 pixels",
        "long.png": "70000x200 pixels",
        "thin.png": "1x501 pixels",
        "drawing.eps": "is not an image",
        "drawing.svg": "is not an image",
        "folder.jpg": "is not a file",
        "fifo.jpg": "is not a file",
        "dangling.jpg": "no such image",
        "circle.jpg": "",
        "none.jpg": "no such image",
        "": "is not a file",
        ".": "is not a file",
        "text.jpg/x": "no such image",
        "nul\0.jpg": "cannot be found",
        "n" * 5000: "cannot be found",
    }


def test_everything_broken_is_an_image_error_that_says_so(tmp_path):
    for name, words in broken(tmp_path).items():
        with pytest.raises(ImageError) as caught:
            open_image(tmp_path, name)
        assert words in caught.value.message, name
        assert "\n" not in caught.value.reason and "\0" not in str(caught.value)


def test_no_path_leads_out_of_the_folder(tmp_path):
    inside = tmp_path / "images"
    (inside / "sub").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    Image.new("RGB", (4, 4)).save(inside / "in.png")
    (tmp_path / "images-too").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images-too" / "near.png")
    (inside / "link.png").symlink_to("../secret.png")
    (inside / "up").symlink_to("..")
    for name in ("../secret.png", str(tmp_path / "secret.png"), "sub/../../secret.png", "link.png",
                 "up/secret.png", "../images-too/near.png", "..", "/", "none/../../secret.png", "/dev/zero"):
        with pytest.raises(ImageError, match="leaves the image folder"):
            locate(inside, name)
    (inside / "sub" / "ok.png").symlink_to("../in.png")
    for name in ("in.png", "sub/../in.png", "./in.png", "sub/ok.png", "up/images/in.png",
                 str(inside / "in.png")):
        assert locate(inside, name) == (inside / "in.png").resolve()


def test_the_limit_of_pixels_is_of_the_whole_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 100)
    Image.new("RGB", (10, 10)).save(tmp_path / "a.png")
    Image.new("RGB", (101, 1)).save(tmp_path / "b.png")
    assert open_image(tmp_path, "a.png").size == (10, 10)
    with pytest.raises(ImageError, match="101x1 pixels, more than 100"):
        open_image(tmp_path, "b.png")


LARGE = b"a" * 70_000_000
"""More than Pillow takes of texts together, and much more than of one."""
TEXTS = {
    "compressed": lambda: [chunk(b"zTXt", b"k\0\0" + zlib.compress(LARGE))],
    "international": lambda: [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LARGE))],
    "plain": lambda: [chunk(b"tEXt", b"k\0" + LARGE)],
    "many": lambda: [chunk(b"zTXt", b"k%d\0\0" % n + zlib.compress(LARGE[:1_000_000])) for n in range(70)],
    "profile": lambda: [chunk(b"iCCP", b"k\0\0" + zlib.compress(LARGE))],
    "odd method": lambda: [chunk(b"zTXt", b"k\0\7x"), chunk(b"tIME", b"")],
}


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_png_with_large_metadata_is_read_and_they_are_not(tmp_path, kind, where):
    texts = TEXTS[kind]()
    exif = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
    whole = png(40, 20, b"".join(b"\0" + b"\0" * 20 + b"\xff" * 20 for _ in range(20)), exif,
                *(texts if where == "before" else []))
    (tmp_path / "a.png").write_bytes(whole if where == "before" else whole[:-12] + b"".join(texts) +
                                     whole[-12:])
    tracemalloc.start()
    try:
        picture = open_image(tmp_path, "a.png")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert picture.size == (20, 40), "and its orientation holds"
    assert near(corners(picture), [BLACK, BLACK, WHITE, WHITE])
    assert most < (250_000_000 if kind == "plain" else 100_000_000), "texts are not unpacked"


def test_a_cut_png_is_broken_whatever_words_it_holds(tmp_path):
    whole = png(64, 64, os.urandom(65 * 64), chunk(b"tEXt", b"k\0words"))
    (tmp_path / "a.png").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ImageError, match="broken"):
        open_image(tmp_path, "a.png")


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's figures")
@pytest.mark.parametrize("kind", ["png", "jpg", "words"])
def test_broken_large_pictures_do_not_pile_up(tmp_path, kind):
    """Their errors are kept, as records' marks are; what was decoded of them is not."""
    side, name = 4000, f"a.{kind}"
    rows = b"\0" * (side + 1) * side
    if kind == "jpg":
        Image.new("RGB", (side, side)).save(tmp_path / name, quality=1)
    else:
        (tmp_path / name).write_bytes(
            png(side, side, rows,
                *([chunk(b"zTXt", b"k\0\0" + zlib.compress(LARGE[:2_000_000]))] * (kind == "words"))))
    cut(tmp_path / name, 0.7)
    pictures = images.Pictures(tmp_path)
    gc.collect()
    gc.disable()
    try:
        futures = [pictures.begin(Post(id="a", text="", image=name))]
        kept = [futures[0].exception()]
        before = resident()
        futures += [pictures.begin(Post(id="a", text="", image=name)) for _ in range(12)]
        kept += [future.exception() for future in futures]
        after = resident()
    finally:
        gc.enable()
    assert all(isinstance(problem, ImageError) and "broken" in problem.message for problem in kept)
    assert all(problem.__context__ is None for problem in kept)
    assert after - before < 6 * side * side, "12 pictures would be 192 or 768 MB"
