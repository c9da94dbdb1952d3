"""Opening pictures as a person sees them, refusing what is broken or hostile, and keeping the last ones."""

from __future__ import annotations

import io
import logging
import os
import traceback
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gmner_cli.errors import GmnerError, ImageError, UsageError, printable, shown
from gmner_cli.files.bounded import open_regular
from gmner_cli.files.digest import sha256
from gmner_cli.files.inside import inside
from gmner_cli.pictures.crops import crop
from gmner_cli.pictures.modes import to_rgb
from gmner_cli.pictures.png_pixels import PixelsAlone
from gmner_cli.records import Box, Post

# Sizes are checked here, and EXIF oddities do not matter. For the whole process, because
# warnings.catch_warnings() around each picture leaves wrong filters behind when threads do it at once.
warnings.filterwarnings("ignore", module=r"PIL\.")


logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what it logs about damage, it raises as well


MOST_PIXELS = 100_000_000
"""Above this a file is taken for a decompression bomb (a 100-megapixel photo is 300 MB in memory)."""

MOST_SIDE, MOST_ASPECT = 65_535, 500
"""The longest side that a JPEG can have, and how many times the other a side may be: models scale pictures by
one side, and a line of 100 million pixels by one would become larger than any memory."""

LARGE_PIXELS = 25_000_000
"""Pictures above this are decoded one at a time: the copies on the way from a file take up to ten bytes a
pixel."""

_LARGE_TURN = Lock()

KEPT_BYTES = 256 * 2**20
"""Decoded pictures that are kept, so that the stages of one window do not each decode them again."""

WORKERS = min(4, os.cpu_count() or 1)
"""Threads that decode: Pillow's decoders and filters run side by side, outside Python's lock."""

MISSING = ("error", "skip", "text-only")

KINDS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")
"""Formats that are read. Pillow knows more, but EPS runs Ghostscript on the file and others are as risky."""


def own_folder(path: Path | str, follow_links: bool = False) -> Path:
    """Where the pictures of a JSONL file are looked for by default: the folder ``images`` beside it if there
    is one, else beside it; for a pipe, where the user is.

    Raises UsageError where ``images`` is a link that leads out of its folder, unless ``follow_links``: nobody
    named that place.
    """
    folder = Path(path).absolute().parent if Path(path).is_file() else Path.cwd()
    own = folder / "images"
    if not own.is_dir():
        return folder
    if not follow_links and not Path(os.path.realpath(own)).is_relative_to(os.path.realpath(folder)):
        raise UsageError("is a link that leads out of its folder", where=printable(str(own)),
                         hint=f"if its pictures are meant, name it: --images {printable(str(own))}")
    return own


def locate(root: Path, name: str, follow_links: bool = False) -> Path:
    """The path of ``name`` inside ``root``. Raises ImageError when it leaves the folder (see ``inside``) or
    is not there."""
    return inside(root, name, follow_links=follow_links, what="image", error=ImageError)


class Opened(NamedTuple):
    """A picture, RGB, and the [width, height] that it has in its file, EXIF applied."""

    picture: Image.Image
    size: tuple[int, int]


def open_image(root: Path, name: str, follow_links: bool = False) -> Image.Image:
    """Load ``root/name`` as RGB, EXIF rotation applied, first frame of an animation.

    The type is found from the content, not from the name. Transparency is laid
    on white; 16-bit greys are scaled to 8 bits. Raises ImageError.
    """
    return open_sized(root, name, follow_links=follow_links).picture


def open_sized(root: Path, name: str, side: int | None = None, follow_links: bool = False) -> Opened:
    """As ``open_image``, with the size of the whole picture, which itself may be a reduced copy.

    ``side``: pixels of the longer side that are enough. A larger picture is reduced by a
    whole number, and by no more than leaves ``side``; a JPEG is so decoded several times as fast.
    """
    path = locate(root, name, follow_links)
    try:
        with open_regular(path) as stream:
            return _from_stream(stream, side)
    except Exception as problem:  # decoders meet damage with errors of every class
        what, hint = _refusal(problem)
        _let_go(problem)
    # Not in the block above: the error would remember the decoder's, and with its frames the picture.
    raise ImageError(what, where=printable(str(path)), hint=hint)


def _from_stream(stream: BinaryIO, side: int | None) -> Opened:
    if os.fstat(stream.fileno()).st_size == 0:
        raise ImageError("image is empty (0 bytes)")
    try:
        return _decoded(stream, side)
    except Exception as problem:
        pixels = PixelsAlone(stream)
        if isinstance(problem, (ImageError, Image.DecompressionBombError)) or not pixels.dropped:
            raise
        _let_go(problem)
    return _decoded(io.BufferedReader(pixels), side)


def _decoded(stream: BinaryIO, side: int | None) -> Opened:
    with Image.open(stream, formats=_kinds()) as picture:
        width, height = picture.size
        _refuse_extremes(width, height)
        with _LARGE_TURN if width * height > LARGE_PIXELS else nullcontext():
            times = _reduction(picture.size, side)
            drafted = times > 1 and picture.draft(None, (max(1, width // times), max(1, height // times)))
            picture.load()
            upright, sideways = _upright(picture)
            size = upright.size if not drafted else (height, width) if sideways else (width, height)
            seen = to_rgb(upright)
            times = _reduction(seen.size, side)
            return Opened(seen.reduce(times) if times > 1 else seen, size)


def _refuse_extremes(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ImageError(f"image has {width}x{height} pixels, more than {MOST_PIXELS}",
                         hint="scale it down first")
    if max(width, height) > MOST_SIDE or max(width, height) > MOST_ASPECT * min(width, height):
        raise ImageError(f"image has {width}x{height} pixels, but no side may be longer than {MOST_SIDE}, or "
                         "than "
                         f"{MOST_ASPECT} times the other", hint="cut it first")


def _refusal(problem: Exception) -> tuple[str, str | None]:
    """What is wrong with a picture, and what to do about it, from what a decoder raised."""
    if isinstance(problem, ImageError):
        return problem.message, problem.hint
    if isinstance(problem, UnidentifiedImageError):
        return "is not an image that can be read", f"formats that are read: {', '.join(_kinds())}"
    if isinstance(problem, Image.DecompressionBombError):
        return f"image has more than {MOST_PIXELS} pixels", "scale it down first"
    if isinstance(problem, PermissionError):
        return f"image cannot be read: {problem.strerror}", None
    return f"image is broken: {shown(str(problem)) or type(problem).__name__}", None


def _let_go(problem: BaseException | None) -> None:
    """Empty the frames that an error and those before it hold: a half-decoded picture is in them."""
    while problem is not None:
        traceback.clear_frames(problem.__traceback__)
        problem = problem.__cause__ or problem.__context__


def decoded_bytes(size: tuple[int, int], side: int | None = None) -> int:
    """The memory that ``open_sized`` takes, nearly, for a picture of ``size`` [width, height]."""
    times = _reduction(size, side)
    return 3 * -(-size[0] // times) * -(-size[1] // times)


class Pictures:
    """The posts' images: loaded from one folder, and what happens when one cannot be.

    ``missing``: "error" marks the post as failed, "skip" leaves it as it came in,
    "text-only" goes on as if it had no image; its name stays in the record.
    Safe to use from several threads; the pictures it gives are shared, so nobody may draw on them.
    """

    def __init__(self, root: Path | None, missing: str = "error", workers: int = WORKERS, named: bool = True,
                 follow_links: bool = False):
        """``named``: whether somebody said that the pictures are in ``root``, so that a missing one is a
        surprise.

        ``follow_links``: whether symbolic links in ``root`` may lead out of it.
        """
        if missing not in MISSING:
            raise UsageError(f"unknown --on-missing-image {missing!r}", hint=", ".join(MISSING))
        if root is not None and not root.is_dir():
            raise UsageError("is not a folder", where=str(root), hint="--images names the folder of the "
                                                                      "pictures")
        self.root, self.missing, self.workers, self.named = root, missing, workers, named
        self.told: set[str] = set()
        """Lines on stderr about pictures that posts do without (see ``named_pictures``)."""
        self._rule = {"follow_links": True} if follow_links else {}
        self._kept: OrderedDict[tuple[str, int | None], Opened] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="gmner-pictures")

    def open(self, name: str, side: int | None = None) -> Opened:
        """A picture of the folder by its file name, RGB, EXIF applied. ``side``: see ``open_sized``. Raises
        ImageError."""
        if self.root is None:
            raise ImageError("there is no image folder", where=printable(name),
                             hint="give it with --images DIR")
        with self._lock:
            if (name, side) in self._kept:
                self._kept.move_to_end((name, side))
                return self._kept[name, side]
        # not under the lock, which would decode one after the other
        opened = open_sized(self.root, name, side, **self._rule)
        with self._lock:
            if (name, side) not in self._kept:
                self._kept[name, side] = opened
                self._bytes += decoded_bytes(opened.picture.size)
            while self._bytes > KEPT_BYTES:
                self._bytes -= decoded_bytes(self._kept.popitem(last=False)[1].picture.size)
        return opened

    def sha256(self, name: str) -> str | None:
        """Of a picture's file, not decoded; None where it cannot be read."""
        try:
            return None if self.root is None else sha256(locate(self.root, name, **self._rule))
        except GmnerError:
            return None

    def load(self, post: Post, side: int | None = None) -> Image.Image | None:
        """The picture of a post; None when it has none, or goes on without. Sets ``image_size``. Raises
        ImageError.

        ``image_size`` is that of the whole picture, also where ``side`` asks for no more than a reduced copy.
        """
        if post.image is None or post.image_problem is not None:
            return None
        opened = self.open(post.image, side)
        post.image_size = opened.size
        return opened.picture

    def begin(self, post: Post, side: int | None = None) -> Future[Image.Image | None]:
        """``load`` in one of the ``workers`` threads."""
        return self._pool.submit(self.load, post, side)

    def load_named(self, post: Post, names: Sequence[str],
                   side: int | None = None) -> list[Image.Image | None]:
        """Pictures that the record of a post names, in this order: its ``image``, generated ones, crops.

        ``image`` is loaded as by ``load``. One that cannot be opened is None under text-only, and raises
        ImageError otherwise.
        """
        return [self.load(post, side) if name == post.image else self._named(name, side) for name in names]

    def _named(self, name: str, side: int | None) -> Image.Image | None:
        try:
            return self.open(name, side).picture
        except ImageError:
            if self.missing != "text-only":
                raise
            return None

    def begin_named(self, post: Post, names: Sequence[str],
                    side: int | None = None) -> Future[list[Image.Image | None]]:
        """``load_named`` in one of the ``workers`` threads."""
        return self._pool.submit(self.load_named, post, names, side)

    def crop(self, name: str, box: Box) -> Image.Image:
        """What ``box`` holds of the picture ``name``, RGB. Raises ImageError; see ``images.crop``."""
        return crop(self.open(name).picture, box, where=name)


NO_PICTURES = Pictures(None)


def _kinds() -> list[str]:
    """The KINDS that this Pillow was built with."""
    Image.init()
    return [kind for kind in KINDS if kind in Image.OPEN]


def _reduction(size: tuple[int, int], side: int | None) -> int:
    return max(1, max(size) // side) if side else 1


def _upright(picture: Image.Image) -> tuple[Image.Image, bool]:
    """The picture as its camera was held, and whether its file has width and height the other way round."""
    try:
        sideways = picture.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return ImageOps.exif_transpose(picture), sideways
    except Exception:  # damaged EXIF data says nothing about the pixels
        return picture, False
