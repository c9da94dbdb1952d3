"""The page: whole, self-contained, and plain text wherever the record is hostile."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from gmner_cli.commands.view import command
from gmner_cli.errors import GmnerError
from gmner_cli.records import Entity, Expansion, Knowledge, Mask, Post
from gmner_cli.records.jsonl import read_posts
from gmner_cli.report import render_page
from gmner_cli.report.compare import Pair
from gmner_cli.report.marked import marked_text
from gmner_cli.report.page_picture import embed, mask_layer
from gmner_cli.report.palette import Palette

SAMPLE = Path(__file__).parents[2] / "sample_data"
EVIL = '</script><img src=x onerror="alert(1)"><b>\'&$title'


class Tree(HTMLParser):
    """Tags in order, with their attributes, and the text between them; raises on a wrong nesting."""

    EMPTY = frozenset({"meta", "img", "input", "br"})

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(page)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(*posts: Post, gold=None, root=SAMPLE / "images", told=None) -> str:
    return render_page(posts, gold, root, "a title",
                       None if told is None else lambda *what: told.append(what))


@pytest.fixture(scope="module")
def gold():
    return list(read_posts(SAMPLE / "gold.jsonl"))


@pytest.fixture(scope="module")
def sample_page(gold):
    return render_page(gold, gold, SAMPLE / "images", "sample")


def test_the_page_is_whole_and_asks_for_nothing(sample_page, gold):
    tree = Tree(sample_page)
    assert len(tree.all("article")) == len(gold)
    assert len(tree.all("img")) == sum(post.image is not None for post in gold)
    for _, attributes in tree.tags:
        for name in ("src", "href", "srcset", "poster", "action", "data"):
            assert (attributes.get(name) or "#").startswith(("data:image/", "#"))
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
    assert not tree.all("link") and not tree.all("iframe") and "@import" not in sample_page
    (policy,) = [m["content"] for m in tree.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_every_entity_stands_in_the_table_and_the_gold_is_correct_against_itself(sample_page, gold):
    rows = Tree(sample_page).all("tr")
    rows = [row for row in rows if "data-e" in row]
    assert len(rows) == sum(len(post.entities) for post in gold)
    assert {row["data-kinds"] for row in rows} == {"correct"}


def test_hostile_records_are_plain_text():
    post = Post(
        id=EVIL, text=EVIL, caption=EVIL, error=EVIL, image=EVIL,
        knowledge=[Knowledge(text=EVIL, source=EVIL)], entities=[
            Entity(start=0, end=9, type=EVIL, fine_type=EVIL, expression=EVIL, score=0.5, boxes=[],
                   expansions=[Expansion(text=EVIL, source=EVIL)])
        ])
    told = []
    tree = Tree(render_page([post], [post], SAMPLE, EVIL, lambda *what: told.append(what)))
    assert not tree.all("b") or all(not attributes for attributes in tree.all("b"))
    assert not tree.all("img") and len(tree.all("script")) == 1 and len(told) == 1
    assert tree.words.count(EVIL) >= 9


def test_a_record_cannot_smuggle_in_its_own_boxes(tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    post = Post(id="1", text=EVIL, image="a.png",
                entities=[Entity(start=0, end=20, type=EVIL, boxes=[(1, 1, 9, 9)])])
    tree = Tree(page_of(post, root=tmp_path))
    assert len(tree.all("img")) == 1 and len(tree.all("text")) == 1


@pytest.mark.parametrize("spans", [
    [(0, 4), (4, 9)],
    [(0, 9), (2, 5)],
    [(0, 6), (3, 9)],
    [(0, 9), (0, 9)],
    [(0, 9), (1, 8), (2, 7), (3, 6), (4, 5)],
])
def test_spans_nest_cross_and_touch(spans):
    text = "a👩‍👩‍👧b<&>ö"
    pairs = [Pair(Entity(start=s, end=e, type="PER"), None, ("spurious",)) for s, e in spans]
    html = marked_text(text, pairs, Palette(["PER"]))
    tree = Tree(html)
    assert tree.words == text
    for number, (start, end) in enumerate(spans):
        parts = re.findall(rf'<mark [^>]*data-e="{number}"[^>]*>', html)
        assert parts and sum("last" in part for part in parts) == 1, (start, end)


def test_offsets_are_code_points():
    post = next(p for p in read_posts(SAMPLE / "gold.jsonl") if "\N{ZERO WIDTH JOINER}" in p.text)
    assert re.search(r'<mark [^>]*data-tag="LOC">Kestrel Tower</mark>', page_of(post))


def test_absent_empty_and_filled_boxes_are_told_apart():
    entities = [Entity(start=0, end=1, type="PER"), Entity(start=2, end=3, type="PER", boxes=[]),
                Entity(start=4, end=5, type="PER", boxes=[(0, 0, 1, 1), (2, 2, 3, 3)])]
    words = Tree(page_of(Post(id="1", text="a b c", entities=entities))).words
    assert "not assessed" in words and "not in the picture" in words and "2 boxes" in words
    assert "entities not assessed" in page_of(Post(id="1", text="a")) and "no entities" in page_of(
        Post(id="1", text="a", entities=[]))


@pytest.mark.parametrize(("content", "reason"), [(None, "no such image"), (b"", "empty"),
                                                 (b"GIF8", "not an image")])
def test_a_picture_that_cannot_be_shown_leaves_its_reason(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    told = []
    page = page_of(Post(id="p1", text="hi", image="a.jpg"), root=tmp_path, told=told)
    assert told[0][0] == "p1" and reason in told[0][1]
    assert reason in Tree(page).words and "<img" not in page


def test_pictures_and_their_boxes_are_scaled_together(tmp_path):
    Image.new("RGB", (1280, 640), "red").save(tmp_path / "wide.png")
    post = Post(id="1", text="abc", image="wide.png",
                entities=[Entity(start=0, end=3, type="PER", boxes=[(100, 200, 300, 2000)])])
    page = page_of(post, root=tmp_path)
    assert 'width="640" height="320"' in page
    assert 'class="box" x="50.0" y="100.0" width="100.0" height="220.0"' in page


def test_mask_layer_covers_the_mask(gold):
    post, entity = next((p, e) for p in gold for e in p.entities if e.masks)
    shown = embed(SAMPLE / "images", post.image)
    layer = mask_layer(entity.masks[0], shown, "#d55e00", 80)
    picture = Image.open(io.BytesIO(base64.b64decode(layer.split(",")[1]))).convert("RGBA")
    rows, columns = np.nonzero(np.asarray(picture)[..., 3])
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == entity.boxes[0]


@pytest.mark.parametrize("mask", [
    Mask(size=(10 ** 6, 10 ** 6), counts="0"),
    Mask(size=(40, 30), counts="ö"),
    Mask(size=(40, 30), counts="~~~~~~~~~~~~~~~~~~"),
    Mask(size=(30, 40), counts="")
])
def test_a_wrong_mask_is_a_note_not_a_crash(tmp_path, mask):
    Image.new("RGB", (30, 40)).save(tmp_path / "a.png")
    post = Post(id="1", text="abc", image="a.png",
                entities=[Entity(start=0, end=3, type="PER", boxes=[(1, 1, 9, 9)], masks=[mask])])
    page = page_of(post, root=tmp_path)
    assert 'class="box"' in page
    assert "a mask is" in page or "a mask of size" in page


def test_gold_that_cannot_be_compared_is_said(gold):
    other = Post(id="x", text="another text", entities=[])
    page = page_of(Post(id="x", text="a text", entities=[]), Post(id="y", text="b", entities=[]),
                   gold=[other])
    assert "gold has another text" in page and "there is no gold for this post" in page


def test_many_types_get_colours():
    kinds = [f"type-{k}" for k in range(30)] + ["PER", "MISC", "OTHER"]
    palette = Palette(kinds)
    assert len({palette.colour(k) for k in ("PER", "MISC", "OTHER")}) == 3
    assert all(palette.css(kind) for kind in kinds)


class TestCommand:
    def test_it_writes_the_page_and_says_three_for_a_broken_line(self, tmp_path, capsys):
        posts = tmp_path / "p.jsonl"
        posts.write_text('{"id":"1","text":"fine"}\n{"id":"2"}\n', encoding="utf-8")
        with pytest.raises(typer.Exit) as left:
            command(str(posts), out=str(tmp_path / "sub" / "page.html"))
        assert left.value.exit_code == 3
        page = (tmp_path / "sub" / "page.html").read_text(encoding="utf-8")
        assert "fine" in page and "This record failed" in page
        said = capsys.readouterr()
        assert "p.jsonl:2" in said.err and said.out == ""

    def test_images_are_found_beside_the_records(self, tmp_path):
        shutil.copytree(SAMPLE / "images", tmp_path, dirs_exist_ok=True)
        shutil.copy(SAMPLE / "gold.jsonl", tmp_path)
        records = str(tmp_path / "gold.jsonl")
        command(records, out=str(tmp_path / "p.html"), gold=records, limit=2)
        page = (tmp_path / "p.html").read_text(encoding="utf-8")
        assert page.count("<article") == 2 and page.count("data:image/") >= 2

    def test_a_file_of_nothing_but_errors_leaves_no_page(self, tmp_path):
        (tmp_path / "p.jsonl").write_text("not json\n", encoding="utf-8")
        with pytest.raises(GmnerError):
            command(str(tmp_path / "p.jsonl"), out=str(tmp_path / "p.html"))
        assert not (tmp_path / "p.html").exists()

    def test_it_does_not_import_torch(self):
        code = "import sys, gmner_cli.commands.view; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=SAMPLE.parent).returncode == 0
