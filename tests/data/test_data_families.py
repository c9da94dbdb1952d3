"""The other families: FMNERG, Twitter-2015/2017, SMNER, plain CoNLL, and finding them all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import Folder, conll
from pycocotools import mask as coco

from gmner_cli import data
from gmner_cli.data import Options, load
from gmner_cli.data.twitter_fmnerg import COARSE_OF, FINE_TYPES
from gmner_cli.errors import GmnerError, UsageError

FIX = Options(fix=True)


# --- FMNERG

@pytest.fixture
def fmnerg(tmp_path):
    folder = Folder(tmp_path / "twitter-fmnerg", text="txt_fine")
    folder.write(train="IMGID:t1\nAda\tB-person\tB-musician\nBrook\tI-person\tI-musician\nOslo\tB-location\tB-city\n",
                 dev="IMGID:d1\nrain\tO\tO\n", test="IMGID:s1\nsun\tO\tO\n")
    return folder


def test_fine_types_stand_beside_coarse_ones(fmnerg):
    fmnerg.xml("t1", [("Ada Brook", (1, 2, 30, 40))])
    splits = load("twitter-fmnerg", fmnerg.root)
    assert [(e.text, e.type, e.fine_type, e.boxes) for e in splits["train"][0].entities] == [
        ("Ada Brook", "person", "musician", [(1.0, 2.0, 30.0, 40.0)]), ("Oslo", "location", "city", [])]
    assert splits.report.counts() == {}


@pytest.mark.parametrize(("lines", "fine"), [
    ("Ada\tB-person\tB-musician\nBrook\tI-person\tI-actor\n", "musician"),
    ("Ada\tB-person\tO\nBrook\tI-person\tO\n", None),
    ("Ada\tB-person\tB-city\nBrook\tI-person\tI-city\n", "city"),
])
def test_columns_that_disagree_are_reported(fmnerg, lines, fine):
    fmnerg.write(train=f"IMGID:t1\n{lines}")
    splits = load("twitter-fmnerg", fmnerg.root)
    (entity,) = splits["train"][0].entities
    assert (entity.text, entity.type, entity.fine_type) == ("Ada Brook", "person", fine)
    assert splits.report.counts() == {"fine_tag_differs": 1}


def test_boxes_are_found_beside_or_asked_for(fmnerg, tmp_path):
    (fmnerg.root / "xml").rename(tmp_path / "boxes")
    with pytest.raises(GmnerError, match="--boxes"):
        load("twitter-fmnerg", fmnerg.root)
    given = load("twitter-fmnerg", fmnerg.root, options=Options(boxes=tmp_path / "boxes"))
    (tmp_path / "twitter-gmner-v2").mkdir()
    (tmp_path / "boxes").rename(tmp_path / "twitter-gmner-v2" / "xml")
    found = load("twitter-fmnerg", fmnerg.root)
    assert given["train"][0].entities[0].boxes == found["train"][0].entities[0].boxes == []


def test_the_taxonomy_has_the_papers_size():
    assert len(FINE_TYPES) == 8
    assert len(COARSE_OF) == sum(map(len, FINE_TYPES.values())) == 51


# --- Twitter-2015 and 2017

@pytest.fixture
def twitter(tmp_path):
    for name, posts in {"train": ("t1", "Ada/B-PER x/I-LOC y/I-LOC Cup/B-OTHER"), "valid": ("d1", "rain"),
                        "test": ("s1", "sun")}.items():
        (tmp_path / f"{name}.txt").write_text(conll(posts))
    return tmp_path


def test_strict_tags_renamed_types_and_no_boxes(twitter):
    splits = load("twitter-2015", twitter)
    assert list(splits.posts) == ["train", "dev", "test"]
    post = splits["train"][0].to_builtins()
    assert [(e["text"], e["type"]) for e in post["entities"]] == [("Ada", "PER"), ("Cup", "MISC")]
    assert not any("boxes" in e for e in post["entities"]) and post["image"] == "t1.jpg"
    assert splits.report.counts() == {"orphan_tag": 1, "label_renamed": 1}


def test_fix_lets_orphans_start_entities(twitter):
    splits = load("twitter-2015", twitter, options=FIX)
    assert [e.text for e in splits["train"][0].entities] == ["Ada", "x y", "Cup"]
    assert not splits.report.problems()


# --- plain CoNLL

def plain(tmp_path, content, **options):
    path = tmp_path / "tagged.txt"
    path.write_bytes(content.encode())
    return load("conll", path, options=Options(**options))


@pytest.mark.parametrize("content", [
    "Ada\tB-PER\nsings\tO\n\nOslo\tB-LOC\n", "Ada B-PER\nsings O\n \n\nOslo  B-LOC",
    "Ada\tNN\tB-PER\r\nsings\tV\tO\r\n\r\nOslo\tNN\tB-LOC\r\n",
    "-DOCSTART- -X- O\n\nAda NN B-PER\nsings V O\n\nOslo NN B-LOC\n"
])
def test_conll_dialects_read_alike(tmp_path, content):
    splits = plain(tmp_path, content)
    assert [(p.id, p.tokens, [(e.text, e.type) for e in p.entities]) for p in splits["tagged"]] == [
        ("tagged-1", ["Ada", "sings"], [("Ada", "PER")]), ("tagged-2", ["Oslo"], [("Oslo", "LOC")])]
    assert splits["tagged"][0].image is None


def test_conll_with_image_ids_and_a_chosen_column(tmp_path):
    splits = plain(tmp_path, "IMGID:7\nAda\tB-PER\tB-x\n\nsun\tO\tO\n", column=2)
    assert [(p.id, p.image, [e.type for e in p.entities]) for p in splits["tagged"]] == [
        ("7", "7.jpg", ["PER"]), ("tagged-2", None, [])]
    assert [e.type for e in plain(tmp_path, "Ada\tB-PER\tB-x\n", column=-1)["tagged"][0].entities] == ["x"]


def test_conll_lines_without_a_tag_are_located(tmp_path):
    with pytest.raises(GmnerError, match=r"tagged\.txt:2: expected a token and a tag in column -1, found 1"):
        plain(tmp_path, "Ada\tB-PER\nsings\n")
    with pytest.raises(UsageError, match="not a tag column"):
        plain(tmp_path, "Ada\tO\n", column=1)
    with pytest.raises(GmnerError, match="is not a file"):
        load("conll", tmp_path)


# --- SMNER

@pytest.fixture
def smner(tmp_path):
    folder = Folder(tmp_path / "smner")
    (folder.root / "json").mkdir()

    def write(*shapes, name="t1", **changes):
        content = {"version": "5", "shapes": list(shapes), "imagePath": "..\\pics\\t1.jpg", "imageHeight": 60,
                   "imageWidth": 100, **changes}
        (folder.root / "json" / f"{name}.json").write_text(json.dumps(content))
        return load("twitter-smner", folder.root)

    return write


def shape(label, *points, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def pixels(mask):
    return coco.decode({"size": list(mask.size), "counts": mask.counts.encode()}).astype(bool)


def test_polygons_become_masks_and_boxes(smner):
    splits = smner(shape("Ada Brook", (10, 20), (40, 20), (40, 50), (10, 50)),
                   shape("Ada Brook", (60, 5), (80, 5), (80, 15)))
    post = splits["train"][0]
    (entity,) = post.entities
    assert post.image_size == (100, 60) and splits.report.counts() == {}
    expected = np.zeros((60, 100), bool)
    expected[20:50, 10:40] = True
    np.testing.assert_array_equal(pixels(entity.masks[0]), expected)
    assert entity.boxes[0] == (10.0, 20.0, 40.0, 50.0)
    # The second mask, a triangle: its box is the extent of its pixels.
    rows, columns = np.nonzero(pixels(entity.masks[1]))
    assert entity.boxes[1] == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert 80 <= rows.size <= 120
    assert splits["test"][0].entities[0].boxes == []


def test_parts_of_one_group_are_one_mask(smner):
    left, right = [(0, 0), (10, 0), (10, 10), (0, 10)], [(50, 0), (60, 0), (60, 10), (50, 10)]
    (joined, ) = smner(shape("Ada Brook", *left, group_id=1), shape("Ada Brook", *right,
                                                                    group_id=1))["train"][0].entities
    assert joined.boxes == [(0.0, 0.0, 60.0, 10.0)] and pixels(joined.masks[0]).sum() == 200
    (apart, ) = smner(shape("Ada Brook", *left, group_id=1), shape("Ada Brook", *right,
                                                                   group_id=2))["train"][0].entities
    assert [b[0] for b in apart.boxes] == [0.0, 50.0]


def test_outlines_are_cut_at_the_edge(smner):
    splits = smner(shape("Ada Brook", (-20, -10), (120, -10), (120, 30), (-20, 30)))
    (entity,) = splits["train"][0].entities
    assert entity.boxes == [(0.0, 0.0, 100.0, 30.0)] and pixels(entity.masks[0]).sum() == 3000
    assert splits.report.counts() == {"mask_outside": 1}


def test_a_cut_outline_is_the_visible_part_of_the_whole(smner):
    corners = [(-30, 20), (50, -25), (130, 70), (40, 45)]
    (entity,) = smner(shape("Ada Brook", *corners))["train"][0].entities
    wide = coco.frPyObjects([[value + 100 for corner in corners for value in corner]], 300, 300)
    whole = coco.decode(wide)[:, :, 0].astype(bool)[100:160, 100:200]
    # Rounding along a slanted edge may move single pixels of the outline, never the body.
    assert (pixels(entity.masks[0]) ^ whole).sum() <= 0.01 * whole.sum() and whole.sum() > 2000


def test_rectangles_are_drawn_and_other_shapes_reported(smner):
    splits = smner(shape("Ada Brook", (30, 40), (10, 20), kind="rectangle"),
                   shape("Ada Brook", (3, 4), kind="point"), shape("Ada Brook", (3, 4), (5, 6)))
    (entity,) = splits["train"][0].entities
    assert entity.boxes == [(10.0, 20.0, 30.0, 40.0)]
    assert splits.report.counts() == {"unknown_shape": 2}


def test_a_mask_without_pixels_is_left_out(smner):
    splits = smner(shape("Ada Brook", (10, 10), (10, 10), (10, 10)), shape("Nobody", (1, 1), (9, 1), (9, 9)))
    assert splits["train"][0].entities[0].boxes is None
    assert splits.report.counts() == {"box_without_entity": 1, "degenerate_box": 1}


@pytest.mark.parametrize("changes",
                         [{"imageHeight": None}, {"imageWidth": 0}, {"imageWidth": 10 ** 9}, {"shapes": 3},
                          {"shapes": [[]]}, {"imagePath": None, "shapes": [{}]},
                          {"shapes": [shape("Ada Brook", (0, 0), (1e12, 0),
                                            (5, 5))]}, {"shapes": [shape("Ada Brook", (0, ), (1, 2))]}])
def test_broken_labelme_files_leave_boxes_unassessed(smner, changes):
    splits = smner(**changes)
    assert splits["train"][0].entities[0].boxes is None
    assert splits.report.counts() == {"broken_annotation": 1}


# --- all of them

def test_every_data_set_is_discovered():
    names = {"conll", "twitter-2015", "twitter-2017", "twitter-fmnerg", "twitter-gmner", "twitter-smner"}
    assert names <= data.adapters().keys()
    with pytest.raises(UsageError, match="did you mean 'twitter-gmner'"):
        load("twiter-gmner", ".")


def test_a_new_data_set_is_one_new_file(tmp_path, monkeypatch):
    (tmp_path / "limericks.py").write_text(
        "from gmner_cli.data.adapter import Adapter\n"
        "from gmner_cli.records import Post\n"
        "def read(source, options, report):\n"
        "    return {'test': [Post(id='1', text=source.read_text())]}\n"
        "ADAPTERS = (Adapter(name='limericks', read=read, published='x', layout='y', family='limericks'),)\n")
    (tmp_path / "verse.txt").write_text("there was")
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path)])
    assert load("limericks", tmp_path / "verse.txt")["test"][0].text == "there was"


@pytest.mark.parametrize(("name", "options"), [("twitter-2015", Options(boxes="x")),
                                               ("twitter-gmner", Options(column=2))])
def test_options_without_meaning_are_refused(tmp_path, name, options):
    with pytest.raises(UsageError, match="means nothing for"):
        load(name, tmp_path, options=options)
