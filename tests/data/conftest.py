"""Small invented data sets for the adapters, and the place of the real ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gmner_cli.data import Options, load

ROOT = Path(__file__).resolve().parents[2]

Cli = Callable[..., subprocess.CompletedProcess]


def voc(name: str, size: tuple[int, int], objects: list[tuple[str, tuple[float, ...]]]) -> str:
    """A Pascal VOC file as labelImg on Windows writes it."""
    items = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>" for label, (x1, y1, x2, y2) in objects)
    return (f"<annotation><filename>{name}.jpg</filename><path>D:\\pics\\{name}.jpg</path>"
            f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>{items}</annotation>")


def conll(*posts: tuple[str, str]) -> str:
    """Posts from (id, "token/TAG token/TAG"); a token without a tag is O."""
    lines = []
    for post_id, words in posts:
        lines.append(f"IMGID:{post_id}")
        for word in words.split(" "):
            token, _, tag = word.partition("/")
            lines.append(f"{token}\t{tag or 'O'}")
        lines.append("")
    return "\n".join(lines) + "\n"


class Folder:
    """A Twitter-GMNER shaped source that a test fills as it needs."""

    def __init__(self, root: Path, text: str = "txt"):
        self.root, self._text = root, root / text
        self._text.mkdir(parents=True)
        (root / "xml").mkdir()
        self.write(train=conll(("t1", "Ada/B-PER Brook/I-PER sings")), dev=conll(("d1", "rain again")),
                   test=conll(("s1", "Oslo/B-LOC wakes")))
        self.xml("d1", [])  # a folder of which no file is used is refused

    def write(self, **splits: str) -> None:
        for split, content in splits.items():
            (self._text / f"{split}.txt").write_bytes(content.encode())

    def xml(self, name: str, objects: list[tuple[str, tuple[float, ...]]], size: tuple[int, int] = (100, 80),
            named: str | None = None) -> None:
        (self.root / "xml" / f"{name}.xml").write_text(voc(named or name, size, objects), encoding="utf-8")


@pytest.fixture
def gmner(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "source")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the published data sets, read-only."""
    place = Path(os.environ.get("GMNER_SHARED") or ROOT.parent / "shared") / "data"
    if not place.is_dir():
        pytest.skip(f"the published data sets are not at {place} (set GMNER_SHARED)")
    return place


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run ``gmner`` as a user does, in an empty folder."""

    def run(*args: object, **env: str) -> subprocess.CompletedProcess:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GMNER_")}
        return subprocess.run([sys.executable, "-m", "gmner_cli", *map(str, args)], cwd=tmp_path, text=True,
                              capture_output=True, timeout=120, env={**clean, "PYTHONPATH": str(ROOT), **env})

    return run


@pytest.fixture
def own(tmp_path):
    """``own(adapter, content, suffix, boxes=...)``: a file of a user's, read as a data set."""
    def read(name: str, content: object, suffix: str = "txt", *, boxes: object = None, fix: bool = False,
             **options):
        path = tmp_path / f"mine.{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else (
            content if isinstance(content, str) else json.dumps(content)).encode())
        if boxes is not None:
            options["boxes"] = tmp_path / "coco.json"
            options["boxes"].write_text(boxes if isinstance(boxes, str) else json.dumps(boxes))
        return load(name, path, options=Options(fix=fix, **options))

    return read
