"""Boxes and masks as annotation tools write them: what is read, and what is never called invisible."""

from __future__ import annotations

import base64
import io
import json
import math
import os

import numpy as np
import pytest
from conftest import Folder, conll, voc
from PIL import Image

from gmner_cli.data import Options, load
from gmner_cli.errors import GmnerError
from gmner_cli.pictures.masks import decode

NAME = "Ada Brook"


def only(splits, split="train"):
    (entity,) = splits[split][0].entities
    return entity


# --- labelme

@pytest.fixture
def labelme(tmp_path):
    folder = Folder(tmp_path / "smner")
    (folder.root / "json").mkdir()

    def write(*shapes, **changes):
        content = {
            "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": "t1.jpg",
            "imageData": "x" * 50, "imageHeight": 60, "imageWidth": 100, **changes
        }
        (folder.root / "json" / "t1.json").write_text(json.dumps(content))
        return load("twitter-smner", folder.root)

    return write


def shape(kind, *points, label=NAME, **more):
    return {"label": label, "points": points, "shape_type": kind, "flags": {}, **more}


CORNERS = [(10, 20), (40, 20), (40, 50), (10, 50)]


@pytest.mark.parametrize("points", [[CORNERS[i]
                                     for i in order]
                                    for order in ((0, 1, 2, 3), (3, 1, 0, 2), (0, 2, 1, 3), (2, 1, 0, 3),
                                                  (0, 1, 2, 3, 0))] + [[(10, 20),
                                                                        (40, 50)], [(40, 20), (10, 50)]])
def test_rectangles_of_two_and_four_points_in_any_order(labelme, points):
    splits = labelme(shape("rectangle", *points))
    entity = only(splits)
    assert entity.boxes == [(10.0, 20.0, 40.0, 50.0)] and splits.report.counts() == {}
    expected = np.zeros((60, 100), bool)
    expected[20:50, 10:40] = True
    np.testing.assert_array_equal(decode(entity.masks[0]), expected)


@pytest.mark.parametrize("kind", ["rotation", "rectangle", "oriented_rectangle"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)])
def test_turned_rectangles_are_their_area(labelme, kind, order):
    diamond = [(50, 10), (70, 30), (50, 50), (30, 30)]
    entity = only(labelme(shape(kind, *(diamond[i] for i in order), direction=0.785)))
    mask = decode(entity.masks[0])
    assert np.allclose(entity.boxes[0], (30, 10, 70, 50), atol=1)
    assert abs(mask.sum() - 800) < 60 and mask[30, 50] and not mask[12, 32]


def test_circles_are_their_area(labelme):
    entity = only(labelme(shape("circle", (50, 30), (50, 50))))
    assert np.allclose(entity.boxes[0], (30, 10, 70, 50), atol=1)
    assert abs(decode(entity.masks[0]).sum() / (math.pi * 20 ** 2) - 1) < 0.03


def png(pixels: np.ndarray, mode: str | None = None) -> str:
    stream = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


DRAWN = np.zeros((11, 21), np.uint8)
DRAWN[2:9, 3:15] = 1


@pytest.mark.parametrize("mask", [
    png(DRAWN),
    png(DRAWN.astype(bool)),
    png(DRAWN * 255),
    png(np.dstack([DRAWN * 255] * 3)),
    png(np.dstack([np.full_like(DRAWN, 9)] * 3 + [DRAWN * 255]))
])
def test_drawn_masks_are_put_in_their_place(labelme, mask):
    splits = labelme(shape("mask", (5, 6), (25, 16), mask=mask))
    expected = np.zeros((60, 100), bool)
    expected[8:15, 8:20] = True
    np.testing.assert_array_equal(decode(only(splits).masks[0]), expected)
    assert only(splits).boxes == [(8.0, 8.0, 20.0, 15.0)] and splits.report.counts() == {}


def test_a_drawn_mask_over_the_edge_ends_there(labelme):
    splits = labelme(shape("mask", (-5, 55), (15, 65), mask=png(np.ones((11, 21), np.uint8))))
    assert only(splits).boxes == [(0.0, 55.0, 16.0, 60.0)]
    assert splits.report.counts() == {"mask_outside": 1}


BOMB = png(np.zeros((4000, 4000), np.uint8))
UNREAD = [
    shape("line", (1, 1), (9, 9)),
    shape("linestrip", (1, 1), (9, 9), (9, 1)),
    shape("point", (1, 1)),
    shape("points", (1, 1), (2, 2), (3, 3)),
    shape("ellipse", (1, 1), (9, 9)),
    shape("cuboid", *CORNERS, *CORNERS),
    shape("polygon", (1, 1), (9, 9)),
    shape("rectangle", (1, 1)),
    shape("rectangle", (1, 1), (9, 9), (5, 5)),
    shape("mask", (5, 6), (25, 16)),
    shape("mask", (5, 6), (25, 16), mask=None),
    shape("mask", (5, 6), (25, 16), mask="####"),
    shape("mask", (5, 6), (25, 16), mask=png(DRAWN)[:60]),
    shape("mask", (5, 6), (45, 16), mask=png(DRAWN)),
    shape("mask", (0, 0), (20, 10), mask=BOMB),
    shape(7, (1, 1), (2, 2), (3, 3)),
    shape(["x"], (1, 1))
]


@pytest.mark.parametrize("odd", UNREAD,
                         ids=[f"{s['shape_type']}-{len(s['points'])}-{n}" for n, s in enumerate(UNREAD)])
def test_what_cannot_be_read_leaves_its_entity_unassessed(labelme, odd):
    splits = labelme(odd)
    assert only(splits).boxes is None
    assert splits.report.counts() == {"unknown_shape": 1} and splits.report.problems()
    good = only(labelme(odd, shape("rectangle", *CORNERS)))
    assert good.boxes == [(10.0, 20.0, 40.0, 50.0)], "what was read counts"


@pytest.mark.parametrize(("label", "boxes"), [("Kim", [[], None]), ("nobody", [None, None])])
def test_only_entities_that_an_unread_shape_can_mean_are_unassessed(labelme, tmp_path, label, boxes):
    (tmp_path / "smner" / "txt" / "train.txt").write_text(conll(("t1", "Ada/B-PER meets Kim/B-PER")))
    splits = labelme(shape("line", (1, 1), (9, 9), label=label))
    assert [e.boxes for e in splits["train"][0].entities] == boxes


@pytest.mark.parametrize(
    "changes", [{"imageHeight": 1e999}, {"imageHeight": 10 ** 400}, {"shapes": [[1]]}, {"shapes": [None]},
                {"shapes": {"a": 1}}, {"shapes": [shape("polygon", *[(0, 0), (90, 50)] * 20000)]}, {
                    "shapes": [shape("mask", (0, 0),
                                     (1, 1), mask=png(DRAWN))] * 2000, "imageHeight": 9000, "imageWidth": 9000
                }])
def test_hostile_files_are_broken_ones(labelme, changes):
    splits = labelme(**{k: v if v != float("inf") else 1e308 for k, v in changes.items()})
    assert only(splits).boxes is None and splits.report.counts() == {"broken_annotation": 1}


# --- Pascal VOC

def write_xml(gmner, content: str | bytes, name: str = "t1.xml"):
    path = gmner.root / "xml" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load("twitter-gmner", gmner.root)


def with_box(inner: str, name: str = NAME) -> str:
    return voc("t1", (100, 80), []).replace("</annotation>",
                                            f"<object><name>{name}</name>{inner}</object></annotation>")


BOX = [(5.0, 6.0, 50.5, 70.0)]
BNDBOX = "<bndbox><xmin>5</xmin><ymin>6.0</ymin><xmax> 50.5 </xmax><ymax>70</ymax></bndbox>"


@pytest.mark.parametrize("name", ["train/t1.xml", "a/b/t1.XML", "t1.Xml", "T1.xml", "t1.jpg.xml"])
def test_files_in_folders_and_with_other_suffixes_are_found(gmner, name):
    splits = write_xml(gmner, with_box(BNDBOX), name)
    assert only(splits).boxes == BOX and splits.report.counts() == {}


def test_a_file_of_the_own_split_is_taken_and_two_that_differ_are_not(gmner):
    write_xml(gmner, with_box(BNDBOX), "train/t1.xml")
    other = with_box(BNDBOX.replace("<xmin>5", "<xmin>9"))
    assert only(write_xml(gmner, other, "test/t1.xml")).boxes == BOX
    splits = write_xml(gmner, other, "train/more/t1.xml")
    assert only(splits).boxes is None and splits.report.counts() == {"ambiguous_annotation": 1}


@pytest.mark.parametrize(("inner", "box"), [
    ("<robndbox><cx>30</cx><cy>40</cy><w>20</w><h>10</h><angle>1.5707963</angle></robndbox>",
     (25, 30, 35, 50)),
    ("<robndbox><cx>30</cx><cy>40</cy><w>20</w><h>20</h><angle>0.7853982</angle></robndbox>",
     (15.858, 25.858, 44.142, 54.142)),
    ("<polygon><x1>10</x1><y1>20</y1><x2>40</x2><y2>25</y2><x3>30</x3><y3>50</y3></polygon>",
     (10, 20, 40, 50)),
    ("<polygon><pt><x>10</x><y>20</y></pt><pt><x>40</x><y>25</y></pt><pt><x>30</x><y>50</y></pt></polygon>",
     (10, 20, 40, 50)),
    ("<bndbox><x1>10</x1><y1>20</y1><x2>40</x2><y2>20</y2><x3>40</x3><y3>50</y3><x4>10</x4><y4>50</y4></bndbox>",
     (10, 20, 40, 50))
])
def test_turned_boxes_and_polygons_give_their_extent(gmner, inner, box):
    splits = write_xml(gmner, with_box(inner))
    assert only(splits).boxes == [pytest.approx(box, abs=1e-3)] and splits.report.counts() == {}


@pytest.mark.parametrize("inner", [
    "", "<circle/>", "<bndbox/>", "<polygon/>", "<polygon><x1>3</x1></polygon>",
    "<robndbox><cx>30</cx></robndbox>",
    BNDBOX.replace("70", "inf"),
    BNDBOX.replace("70", "")
])
def test_objects_that_cannot_be_read_leave_their_entity_unassessed(gmner, inner):
    splits = write_xml(gmner, with_box(inner))
    assert only(splits).boxes is None
    assert [f.where for f in splits.report.problems()] == ["xml/t1.xml"]


def test_files_of_another_kind_are_broken_ones(gmner):
    for content in ("<annotations><image/></annotations>", with_box(BNDBOX).replace("object>", "item>"),
                    "<annotation><objects/></annotation>"):
        assert only(write_xml(gmner, content)).boxes is None


def test_namespaces_and_absent_sizes_do_not_matter(gmner):
    content = with_box(BNDBOX).replace("<annotation>", '<annotation xmlns="http://x">')
    assert only(write_xml(gmner, content)).boxes == BOX
    start, end = content.index("<size>"), content.index("</size>") + 7
    splits = write_xml(gmner, content[:start] + content[end:])
    assert only(splits).boxes == BOX and splits["train"][0].image_size is None


@pytest.mark.parametrize(("declared", "real"), [("GBK", "gbk"), ("gb2312", "gb2312"), ("Big5", "big5"),
                                                ("x-no-such", "utf-8"), ("x-no-such", "gbk"),
                                                ("UTF-8", "gbk"), ("UTF-16", "utf-8"), ("gbk", "utf-8"),
                                                ("ISO-8859-1", "utf-8"), ("utf-16", "utf-16"),
                                                ("x-no-such", "utf-16"), ("x-no-such", "ascii")])
def test_encodings_that_are_unknown_or_wrong_are_read(gmner, declared, real):
    name = NAME if real == "ascii" else "\u4e2d\u83ef" if real == "big5" else "\u5f20\u4f1f"
    gmner.write(train=conll(("t1", "/B-PER ".join(name.split(" ")[:1]) + "/B-PER" +
                             "".join(f" {w}/I-PER" for w in name.split(" ")[1:]))))
    content = f'<?xml version="1.0" encoding="{declared}"?>\n' + with_box(BNDBOX, name)
    splits = write_xml(gmner, content.encode(real))
    assert only(splits).boxes == BOX and not splits.report.problems()


def test_bytes_of_no_known_encoding_name_their_file(gmner):
    splits = write_xml(gmner, b'<?xml version="1.0" encoding="nope"?><annotation>\xff\x80\xff</annotation>')
    assert only(splits).boxes is None
    assert [(f.kind, f.where) for f in splits.report.findings] == [("broken_annotation", "xml/t1.xml")]


# --- folders

def test_folders_of_which_nothing_is_used_are_refused(gmner, tmp_path):
    gmner.xml("d1", [])
    (gmner.root / "xml" / "d1.xml").rename(gmner.root / "xml" / "0001.xml")
    with pytest.raises(GmnerError, match="none of its 1 .xml files belongs to a post") as caught:
        load("twitter-gmner", gmner.root)
    assert "'0001.xml'" in caught.value.hint and "'t1'" in caught.value.hint
    (gmner.root / "xml" / "0001.xml").rename(gmner.root / "xml" / "._t1.xml")
    with pytest.raises(GmnerError, match="holds no .xml file"):
        load("twitter-gmner", gmner.root)
    (gmner.root / "xml" / "t1.json").write_text("{}")
    with pytest.raises(GmnerError, match=r"holds no \.xml file, but 1 \.json"):
        load("twitter-gmner", gmner.root)
    with pytest.raises(GmnerError, match="no such folder"):
        load("twitter-gmner", gmner.root, options=Options(boxes=tmp_path / "absent"))


def test_check_sees_it_and_ends_with_1(cli, gmner, tmp_path):
    write_xml(gmner, with_box("<circle/>"))
    done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out", "--check")
    assert done.returncode == 1 and "broken_annotation" in done.stderr and "xml/t1.xml" in done.stderr
    for path in (gmner.root / "xml").iterdir():
        path.unlink()
    for check in (["--check"], []):
        done = cli("prepare", "twitter-gmner", "--source", gmner.root, "-o", "out2", *check)
        assert done.returncode == 1 and "holds no .xml file" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out2").exists()


def test_links_to_nothing_and_what_is_no_file_are_not_called_invisible(gmner, tmp_path):
    for make in (lambda path: path.symlink_to(tmp_path / "not-fetched"), os.mkfifo):
        path = gmner.root / "xml" / "t1.xml"
        make(path)
        splits = load("twitter-gmner", gmner.root)
        assert only(splits).boxes is None and splits.report.counts() == {"broken_annotation": 1}
        path.unlink()
    (gmner.root / "xml" / "more").symlink_to(tmp_path)
    with pytest.raises(GmnerError, match="link to a folder"):
        load("twitter-gmner", gmner.root)


def test_byte_order_marks_and_empty_first_lines_do_not_matter(gmner, labelme, tmp_path):
    content = b"\xef\xbb\xbf" + b'<?xml version="1.0"?>' + with_box(BNDBOX).encode()
    assert only(write_xml(gmner, content)).boxes == BOX
    assert only(write_xml(gmner, b'\n\n<?xml version="1.0"?>' + with_box(BNDBOX).encode())).boxes == BOX
    labelme(shape("rectangle", *CORNERS))
    path = tmp_path / "smner" / "json" / "t1.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert only(load("twitter-smner", tmp_path / "smner")).boxes
