"""How good GrabCut's masks are on real photographs, and what a further box costs SAM.

    python -m tests.bench.bench_segment --coco ../shared/data/coco128 [--rounds 3] [--threads 2] [--skip-sam]

Masks: every object of coco128's polygon labels, none left out, is segmented from
its gold box, which is the bounding box of its polygon. Gold masks are the filled
polygons (of an object in several pieces, the one polygon that the data set joins them to), visible
parts only, as COCO draws them. mIoU is the mean over objects of the pixel IoU. Size classes are
COCO's: small below 32 x 32 pixels of gold mask, large from 96 x 96. GrabCut's
constants were chosen on the pictures with even numbers, so the odd ones are the
figure to quote. Beside it, in the same run: the box itself and the ellipse in it.
Points: one per object, the pixel deepest inside the gold mask.

SAM: networks of vit_b's size with random weights (the work is the same), pictures of 1024 pixels.
The further box is (t of 9 boxes - t of 1) / 8 / t of 1, medians of rounds in turn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from gmner_cli.classes.class_paths import new_model
from gmner_cli.pictures.images import open_image
from gmner_cli.records import Box
from gmner_cli.segmentation.grabcut import segment_box, segment_points
from gmner_cli.segmentation.mask_prompts import Prompt
from tests.bench.markdown import conditions, show, spread

COLUMNS = ("masks by", "all", "odd", "even", "small", "medium", "large", "CPU ms an object, median")
COLUMNS_SAM = ("backend", "seconds, 1 box", "seconds, 9 boxes", "a further box, % of the first")

SMALL, LARGE = 32**2, 96**2


class Thing(NamedTuple):
    """One labelled object: the number of its picture, the picture, its gold mask and box."""

    number: int
    image: Image.Image
    gold: np.ndarray
    box: Box


def things(coco: Path) -> Iterator[Thing]:
    for labels in sorted((coco / "polygons").glob("*.txt")):
        image = open_image(coco / "images", f"{labels.stem}.jpg")
        for line in labels.read_text().splitlines():
            corners = np.array(line.split()[1:], dtype=float).reshape(-1, 2) * image.size
            gold = np.zeros((image.height, image.width), np.uint8)
            cv2.fillPoly(gold, [np.round(corners - 0.5).astype(np.int32)], 1)
            yield Thing(int(labels.stem), image, gold.astype(bool),
                        (*corners.min(axis=0), *corners.max(axis=0)))


def box_itself(thing: Thing) -> np.ndarray:
    return np.maximum(*_away(thing)) <= 1


def ellipse(thing: Thing) -> np.ndarray:
    across, down = _away(thing)
    return across**2 + down**2 <= 1


def _away(thing: Thing) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every pixel's middle from that of the box, 1 at its sides."""
    x1, y1, x2, y2 = thing.box
    x, y = np.arange(thing.image.width) + 0.5, np.arange(thing.image.height) + 0.5
    return np.broadcast_arrays(
        np.abs(2 * x - x1 - x2)[None] / (x2 - x1),
        np.abs(2 * y - y1 - y2)[:, None] / (y2 - y1))


def ours(thing: Thing) -> np.ndarray:
    return segment_box(thing.image, thing.box)


def from_a_point(thing: Thing) -> np.ndarray:
    depth = cv2.distanceTransform(np.pad(thing.gold, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return segment_points(thing.image, [(x + 0.5, y + 0.5, 1)])


def measure(found: list[Thing], way: Callable[[Thing], np.ndarray],
            threads: int) -> tuple[np.ndarray, np.ndarray]:
    """IoU with gold and milliseconds of every thing."""

    def one(thing: Thing) -> tuple[float, float]:
        began = time.thread_time()
        mask = way(thing)
        spent = time.thread_time() - began
        return (mask & thing.gold).sum() / (mask | thing.gold).sum(), 1000 * spent

    with ThreadPoolExecutor(threads) as pool:
        return tuple(np.array(column) for column in zip(*pool.map(one, found), strict=True))


def report_masks(coco: Path, threads: int) -> None:
    found = list(things(coco))
    areas, even = np.array([t.gold.sum() for t in found]), np.array([t.number % 2 == 0 for t in found])
    groups = {"all": areas > 0, "odd": ~even, "even": even, "small": areas < SMALL,
              "medium": (areas >= SMALL) & (areas < LARGE), "large": areas >= LARGE}
    rows = [("(objects)", *(group.sum() for group in groups.values()), "")]
    for name, way in (("box", box_itself), ("ellipse", ellipse), ("GrabCut", ours),
                      ("GrabCut, a point", from_a_point)):
        scores, spent = measure(found, way, threads)
        means = (f"{scores[group].mean():.3f}" for group in groups.values())
        rows.append((name, *means, f"{statistics.median(spent):.1f}"))
    show("mIoU of masks from gold boxes, coco128", COLUMNS, rows)


def report_sam(coco: Path, rounds: int) -> None:
    image = next(things(coco)).image
    draw = np.random.default_rng(0)
    corners = draw.uniform(0, 0.6, (9, 2)) * image.size
    boxes = [Prompt(box=(*c, *(c + 0.3 * np.array(image.size)))) for c in corners]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind, save in (("Hugging Face", "gmner_cli.segmentation.sam:Sam", save_hf),
                                 ("segment-anything",
                                  "gmner_cli.segmentation.segment_anything:SegmentAnything", save_pth)):
            model = new_model(kind, {"checkpoint": str(save(Path(folder)))}, [], recipe="bench",
                              offline=True).eval()
            model.segment(image, boxes[:1])
            seconds: dict[int, list[float]] = {1: [], 9: []}
            for _ in range(rounds):
                for count, spent in seconds.items():
                    began = time.perf_counter()
                    model.segment(image, boxes[:count])
                    spent.append(time.perf_counter() - began)
            one, nine = (statistics.median(s) for s in seconds.values())
            times = (f"{statistics.median(s):.2f} ({spread(s, 2)})" for s in seconds.values())
            rows.append((name, *times, f"{100 * (nine - one) / 8 / one:.1f}"))
    show("SAM vit_b, random weights", COLUMNS_SAM, rows)


def save_hf(folder: Path) -> Path:
    from transformers import SamConfig, SamImageProcessor, SamModel

    SamModel(SamConfig()).save_pretrained(folder / "hf")
    SamImageProcessor().save_pretrained(folder / "hf")
    return folder / "hf"


def save_pth(folder: Path) -> Path:
    from segment_anything import sam_model_registry

    torch.save(sam_model_registry["vit_b"]().state_dict(), folder / "random.pth")
    return folder / "random.pth"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coco", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-sam", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    cv2.setNumThreads(1)
    print(conditions(f"{asked.threads} threads", packages=("torch", "opencv-python-headless")), flush=True)
    report_masks(asked.coco, asked.threads)
    if not asked.skip_sam:
        report_sam(asked.coco, asked.rounds)


if __name__ == "__main__":
    main()
