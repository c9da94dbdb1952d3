"""Boxes of a file of their own, of COCO or Label Studio, joined to posts of another."""

from __future__ import annotations

import json

import pytest
from pycocotools import mask as coco

from gmner_cli.errors import GmnerError
from tests.data.test_data_own import BOX, GAGA, rectangle, told


def instances(*annotations, images=({"id": 1, "file_name": "pics/7.jpg", "width": 640, "height": 480},)):
    return {
        "images": list(images), "categories": [{"id": 3, "name": "PER"}, {"id": 4, "name": "Oslo"},
                                               {"id": 5, "name": "dog"}],
        "annotations": [{"id": n, "image_id": 1, "category_id": 3, "bbox": [64, 96, 256, 384], **a}
                        for n, a in enumerate(annotations)]
    }


LINE = {"id": "7", "text": GAGA, "image": "7.jpg", "label": [[0, 9, "PER"], [19, 23, "LOC"]]}


@pytest.mark.parametrize(("annotation", "boxes"),
                         [({}, [[BOX], []]), ({"category_id": 4}, [[], [BOX]]),
                          ({"category_id": 5, "attributes": {"entity": "Lady Gaga"}}, [[BOX], []]),
                          ({"attributes": {"text": "Oslo"}}, [[], [BOX]]), ({"category_id": 5}, [None, None]),
                          ({"bbox": [1, 2]}, [None, None]), ({"bbox": [1, 2, "x", 4]}, [None, None]),
                          ({"bbox": [1, 2, 0, 4]}, [None, []])])
def test_annotations_of_coco_find_their_entity(own, annotation, boxes):
    splits = own("doccano", LINE, "jsonl", boxes=instances(annotation))
    assert [e.boxes for e in splits["mine"][0].entities] == boxes
    assert bool(splits.report.problems()) == (None in boxes)


@pytest.mark.parametrize("name", ["csv", "conll"])
def test_coco_serves_other_sources_too(own, name):
    if name == "csv":
        (post,) = own("csv", f"id,text\n7,{GAGA}\n", "csv", boxes=instances({}))["mine"]
        assert [(p.box, p.label) for p in post.proposals] == [(BOX, "PER")] and post.entities is None
    else:
        (post,) = own("conll", "IMGID:7\nLady\tB-PER\nGaga\tI-PER\nsings\tO\n", boxes=instances({}))["mine"]
        assert told(post) == [("Lady Gaga", "PER", [BOX])]


@pytest.mark.parametrize("segmentation",
                         [[[64, 96, 320, 96, 320, 480, 64, 480]],
                          coco.frPyObjects([[64, 96, 320, 96, 320, 480, 64, 480]], 480, 640)[0],
                          {"size": [480, 640], "counts": [64 * 480 + 96, *[384, 96] * 255, 384, 320 * 480]}])
def test_segmentations_become_masks(own, segmentation):
    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], bytes):
        segmentation = {**segmentation, "counts": segmentation["counts"].decode()}
    splits = own("doccano", LINE, "jsonl", boxes=instances({"segmentation": segmentation}))
    entity = splits["mine"][0].entities[0]
    assert coco.area({"size": [480, 640], "counts": entity.masks[0].counts.encode()}) == 256 * 384
    assert not splits.report.problems()


@pytest.mark.parametrize(
    "segmentation", [{"size": [480, 640], "counts": "oooooooooooooooo"}, {"size": [48, 64], "counts": [3072]},
                     [[1, 2, 3]], [[1, 2, 3, 4]], [["a", "b"]], [[0, 0, 1e9, 0, 5, 5]], 5])
def test_segmentations_that_do_not_fit_are_told_and_cost_no_box(own, segmentation):
    splits = own("doccano", LINE, "jsonl", boxes=instances({"segmentation": segmentation}))
    assert splits["mine"][0].entities[0].boxes == [BOX] and splits["mine"][0].entities[0].masks is None
    assert len(splits.report.of("not_used")) == 1


def test_posts_that_coco_does_not_list_stay_unassessed_and_a_file_of_none_is_refused(own):
    other = {**LINE, "id": "8", "image": "8.jpg"}
    splits = own("doccano", [LINE, other], "jsonl", boxes=instances({}))
    assert [e.boxes for e in splits["mine"][1].entities] == [None, None]
    with pytest.raises(GmnerError, match="none of its 1 pictures belongs to a post") as caught:
        own("doccano", [other], "jsonl", boxes=instances({}))
    assert "'7.jpg'" in caught.value.hint and "'8.jpg'" in caught.value.hint
    for content in ("{}", "[3]", "5", "{", '{"images": 3, "annotations": []}',
                    '{"images": [[]], "annotations": []}'):
        with pytest.raises(GmnerError, match="is not a COCO file"):
            own("doccano", LINE, "jsonl", boxes=content)


@pytest.mark.parametrize(("region", "boxes"),
                         [(rectangle("c", 10, 20, 40, 80), [[BOX], []]),
                          (rectangle("c", 10, 20, 40, 80, "Oslo"), [[], [BOX]]),
                          (rectangle("c", 10, 20, 40, 80, "x", meta={"text": ["Lady Gaga"]}), [[BOX], []]),
                          (rectangle("c", 10, 20, 40, 80, "x"), [None, None])])
@pytest.mark.parametrize("source", ["doccano", "conll"])
def test_boxes_of_label_studio_serve_other_sources(own, region, boxes, source):
    pictures = [{
        "id": 1, "data": {"img": "/data/upload/1/ab12cd34-7.jpg"}, "annotations": [{"result": [region]}]
    }, {"id": 2, "data": {"img": "/data/upload/1/ab12cd34-8.jpg"}, "annotations": []}]
    lines = "IMGID:7\nLady\tB-PER\nGaga\tI-PER\nsings\tO\nin\tO\nOslo\tB-LOC\n"
    splits = own(source, LINE if source == "doccano" else lines, "jsonl", boxes=pictures)
    assert [e.boxes for e in splits["mine"][0].entities] == boxes
    assert len(splits.report.of("not_used")) == 1


@pytest.mark.parametrize(("name", "option"), [("mine.jsonl", "--source"), ("report.json", "--source"),
                                              ("report.json", "--boxes")])
def test_an_input_is_never_written_over(cli, tmp_path, name, option):
    (tmp_path / "mine.jsonl").write_text(json.dumps(LINE))
    (tmp_path / "report.json").write_text(json.dumps(instances({}) if option == "--boxes" else LINE))
    (tmp_path / "out").symlink_to(tmp_path)
    source, out = (name, "out") if option == "--source" else ("out/mine.jsonl", ".")
    before = (tmp_path / name).read_bytes()
    done = cli("prepare", "doccano", "--source", source, "-o", out,
               *(["--boxes", name] if option == "--boxes" else []))
    assert done.returncode == 2 and "is one of the files that are read" in done.stderr
    assert (tmp_path / name).read_bytes() == before
