"""A user's own data: plain lines, tables, exports of Label Studio and doccano, boxes of COCO files."""

from __future__ import annotations

import json

import pytest

from gmner_cli.data import Options
from gmner_cli.errors import GmnerError
from gmner_cli.records.jsonl import read_posts

GAGA = "Lady Gaga sings in Oslo"
FIX = Options(fix=True)


def told(post):
    return [(e.text, e.type, e.boxes) for e in post.entities]


# --- plain text and tables

def test_lines_are_posts(own):
    splits = own("text", f"\ufeff{GAGA}\r\n\r\n  \r\nrain\u2028again \U0001f600\r\n")
    assert [(p.id, p.text, p.entities)
            for p in splits["mine"]] == [("mine-1", GAGA, None),
                                         ("mine-4", "rain\u2028again \U0001f600", None)]


@pytest.mark.parametrize("content", [
    f'id,text,image,mood\n7,"{GAGA}",a/7.jpg,gay\n"8","say ""hi"",\nyou",,\n',
    f'\ufeffsep=;\nTweet ID;Full Text;Image Path;mood\n7;{GAGA};a\\7.jpg;gay\n8;"say ""hi"",\nyou"\n\n',
    f'mood\ttweet\timg\tpost_id\r\ngay\t{GAGA}\ta/7.jpg\t7\r\n\t"say ""hi"",\nyou"\t\t8\r\n'])
def test_tables_of_several_dialects_read_alike(own, content):
    splits = own("csv", content, "csv")
    assert [(p.id, p.text, p.image, p.meta.get("mood")) for p in splits["mine"]] == [
        ("7", GAGA, "a/7.jpg", "gay"), ("8", 'say "hi",\nyou', None, None)]
    assert not splits.report.problems()


def test_quotation_marks_of_tweets_in_tables_with_tabs_are_theirs(own):
    splits = own("csv", 'text\tid\n"hello she said\t1\nwhat" he said\t2\n"x" and "y"\t3\n', "tsv")
    assert [p.text for p in splits["mine"]] == ['"hello she said', 'what" he said', '"x" and "y"']


def test_line_ends_of_other_scripts_are_characters_of_a_post(own):
    text = "it is a O\u2028New York B-LOC\u2028wakes\x85up"
    assert [p.text for p in own("text", text)["mine"]] == [text]
    assert [p.text for p in own("doccano", json.dumps({"text": text}, ensure_ascii=False))["mine"]] == [text]


def test_tables_that_cannot_be_read_say_why(own):
    for content, said in (("a,b\n1,2\n", "no column of texts among 'a', 'b'"),
                          ('text,id\n"a"b,1\n', "cannot be cut"), ("", "no column of texts")):
        with pytest.raises(GmnerError, match=said):
            own("csv", content, "csv")
    with pytest.raises(GmnerError, match="has 3 cells where the header has 2"):
        own("csv", "text,id\na, b,1\n", "csv")
    assert own("csv", "text,id\na, b,1\n", "csv", fix=True).report.lost()
    with pytest.raises(GmnerError, match="stands twice"):
        own("csv", "text,id\na,1\nb,1\n", "csv")


def test_pictures_elsewhere_keep_their_own_name(own):
    splits = own(
        "csv", "text,image\na,https://x.org/p/1.jpg?s=2\nb,/home/me/2.jpg\nc,C:\\pics\\3.jpg\nd,../4.jpg\n",
        "csv")
    assert [p.image for p in splits["mine"]] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert splits.report.counts() == {"image_path": 4}


# --- doccano

EMOJI = "\U0001f600\U0001f600 Lady Gaga in Oslo"


@pytest.mark.parametrize("entry",
                         [{"id": 7, "text": GAGA, "label": [[0, 9, "PER"], [19, 23, "LOC"]]},
                          {"id": 7, "data": GAGA, "labels": [[0, 9, "PER"], [19, 23, "LOC"]]}, {
                              "id": "7", "text": GAGA, "relations": [], "Comments": [], "entities": [{
                                  "id": 2, "label": "LOC", "start_offset": 19, "end_offset": 23
                              }, {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 10}]
                          }])
@pytest.mark.parametrize("as_array", [False, True])
def test_doccano_old_and_new(own, entry, as_array):
    splits = own("doccano", [{**entry, "mood": "gay"}] if as_array else {**entry, "mood": "gay"}, "jsonl")
    (post,) = splits["mine"]
    assert (post.id, told(post), post.meta) == ("7", [("Lady Gaga", "PER", None), ("Oslo", "LOC", None)],
                                                {"dataset": "doccano", "mood": "gay"})
    assert not splits.report.problems()


@pytest.mark.parametrize(("shift", "noted"), [(0, {}), (2, {"other_offsets": 1})])
def test_offsets_of_utf16_are_told_by_the_words_they_would_cut(own, shift, noted):
    entry = {"text": EMOJI, "label": [[3 + shift, 12 + shift, "PER"], [16 + shift, 20 + shift, "LOC"]]}
    splits = own("doccano", entry, "jsonl")
    assert told(splits["mine"][0]) == [("Lady Gaga", "PER", None), ("Oslo", "LOC", None)]
    assert splits.report.counts() == noted


@pytest.mark.parametrize("entry",
                         [{"annotations": [{"label": 3, "start_offset": 0, "end_offset": 9, "user": 1}]},
                          {"spans": [{"start": 0, "end": 9, "label": "3"}]}, {"label": [[0, 9, 3]]}])
def test_spans_of_the_oldest_export_and_of_spacy(own, entry):
    splits = own("doccano", {"text": GAGA, **entry}, label_map={"3": "PER"})
    assert told(splits["mine"][0]) == [("Lady Gaga", "PER", None)]


def test_an_object_that_says_nothing_of_spans_is_not_one_without_entities(own):
    lines = [{"text": GAGA}, {"text": GAGA, "label": []}]
    assert [p.entities for p in own("doccano", "\n".join(map(json.dumps, lines)))["mine"]] == [None, []]


def test_offsets_in_bytes_are_told_and_those_that_cut_words_in_any_way_are_reported(own):
    splits = own("doccano", {"text": f"éé {GAGA} 😀 Oslo", "label": [[5, 14, "PER"], [34, 38, "LOC"]]})
    assert [e.text for e in splits["mine"][0].entities] == ["Lady Gaga", "Oslo"]
    assert [f.message for f in splits.report.of("other_offsets")] == ["counts in UTF-8 bytes"]
    assert own("doccano", {"text": GAGA, "label": [[0, 8, "PER"], [1, 4, "PER"]]}).report.of("unsure_offsets")


def test_offsets_that_nothing_tells_are_reported(own):
    splits = own("doccano", {"text": "\U0001f600 aa bb cc", "label": [[3, 4, "X"]]}, "jsonl")
    assert splits.report.counts() == {"unsure_offsets": 1} and splits.report.problems()


def test_what_doccano_should_not_hold_is_named_and_never_lost_in_silence(own):
    bad = [{"text": GAGA, "label": ["good"]}, {"text": GAGA, "label": [[0, 99, "PER"]]},
           {"text": GAGA, "label": [[3, 3,
                                     "PER"]]}, {"label": []}, 3, {"text": 5}, {"id": True, "text": GAGA}]
    for entry in bad:
        with pytest.raises(GmnerError, match=r"mine\.jsonl:1: ") as caught:
            own("doccano", [entry], "jsonl")
        assert "--fix" not in caught.value.hint
        assert own("doccano", [entry], "jsonl", fix=True).report.lost()
    with pytest.raises(GmnerError, match=r"mine\.jsonl:2: malformed JSON"):
        own("doccano", json.dumps({"text": "a"}) + "\n{\n", "jsonl")


# --- Label Studio

def span(key, start, end, text=None, label="PER", **more):
    value = {"start": start, "end": end, "labels": [label], **({"text": text} if text else {})}
    return {"id": key, "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def rectangle(key, x, y, width, height, label="PER", **more):
    value = {
        "x": x, "y": y, "width": width, "height": height, "rotation": more.pop("rotation", 0),
        "rectanglelabels": [label]
    }
    return {
        "id": key, "from_name": "box", "to_name": "image", "type": "rectanglelabels", "original_width": 640,
        "original_height": 480, "image_rotation": 0, "value": value, **more
    }


def task(*results, text=GAGA, number=7, **data):
    return {"id": number, "data": {"text": text, "image": "/data/upload/1/ab12cd34-7.jpg", **data},
            "annotations": [{"id": 1, "was_cancelled": False, "result": list(results)}]}


BOTH = (span("a", 0, 9, "Lady Gaga"), span("b", 19, 23, "Oslo", "LOC"))
BOX = (64.0, 96.0, 320.0, 480.0)


@pytest.mark.parametrize(
    "results",
    [[
        *BOTH,
        rectangle("c", 10, 20, 40, 80, "thing"),
        {"type": "relation", "from_id": "a", "to_id": "c", "direction": "right"}
    ],
     [
         *BOTH,
         rectangle("c", 10, 20, 40, 80, "thing"),
         {"type": "relation", "from_id": "c", "to_id": "a", "direction": "left"}
     ], [*BOTH, rectangle("c", 10, 20, 40, 80, "thing", meta={"text": ["Lady Gaga"]})],
     [
         *BOTH,
         rectangle("c", 10, 20, 40, 80, "thing"),
         {"id": "c", "type": "textarea", "value": {"text": ["Lady Gaga"]}}
     ], [*BOTH, rectangle("c", 10, 20, 40, 80, "Lady Gaga")], [*BOTH, rectangle("c", 10, 20, 40, 80)]])
def test_boxes_of_label_studio_find_their_entity(own, results):
    splits = own("label-studio", [task(*results)], "json")
    (post,) = splits["mine"]
    assert told(post) == [("Lady Gaga", "PER", [BOX]), ("Oslo", "LOC", [])]
    assert (post.id, post.image, post.image_size) == ("7", "ab12cd34-7.jpg", (640, 480))
    assert splits.report.counts() == {"image_path": 1}


def test_the_short_export_is_read_too(own):
    short = {
        "id": 7, "text": GAGA, "image": "7.jpg", "annotator": 1, "lead_time": 2.5, "mood": "gay",
        "label": [item["value"] for item in BOTH],
        "box": [{**rectangle("c", 10, 20, 40, 80)["value"], "original_width": 640, "original_height": 480}]
    }
    (post,) = own("label-studio", [short], "json")["mine"]
    assert told(post) == [("Lady Gaga", "PER", [BOX]), ("Oslo", "LOC", [])]
    assert post.meta == {"dataset": "label-studio", "mood": "gay"}


def test_a_box_of_nobody_leaves_the_rest_unassessed(own):
    splits = own("label-studio", [task(*BOTH, rectangle("c", 10, 20, 40, 80, "ORG"))], "json")
    assert told(splits["mine"][0]) == [("Lady Gaga", "PER", None), ("Oslo", "LOC", None)]
    assert len(splits.report.of("box_without_entity")) == 1
    two = own("label-studio",
              [task(span("a", 0, 4, "Lady"), span("b", 5, 9, "Gaga"), rectangle("c", 1, 1, 5, 5))], "json")
    assert [e.boxes for e in two["mine"][0].entities] == [None,
                                                          None], "two of one type: nobody can tell which"


@pytest.mark.parametrize("odd",
                         [{
                             "id": "c", "type": "brushlabels", "original_width": 9, "original_height": 9,
                             "value": {"format": "rle", "rle": [1, 2], "brushlabels": ["PER"]}
                         }, {
                             "id": "c", "type": "keypointlabels", "original_width": 9, "original_height": 9,
                             "value": {"x": 1, "y": 2, "width": 0.1, "keypointlabels": ["PER"]}
                         },
                          rectangle("c", 1, 2, 3, 4, original_width=None),
                          rectangle("c", 1, 2, 3, 4, image_rotation=90),
                          rectangle("c", 1, float("nan"), 3, 4), {
                              "id": "c", "type": "polygonlabels", "original_width": 9, "original_height": 9,
                              "value": {"points": [[1, 1], [2, 2]], "polygonlabels": ["PER"]}
                          }])
def test_regions_that_cannot_be_read_leave_boxes_absent(own, odd):
    content = json.dumps([task(*BOTH, odd)]).replace("NaN", '"x"')
    splits = own("label-studio", content, "json")
    assert [e.boxes for e in splits["mine"][0].entities] == [None, None]
    assert len(splits.report.of("unknown_shape")) == 1


@pytest.mark.parametrize(
    ("item", "box"),
    [(rectangle("c", 50, 50, 25, 25, rotation=90), (200, 240, 320, 400)),
     ({
         "id": "c", "type": "ellipselabels", "original_width": 640, "original_height": 480,
         "value": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["PER"]}
     }, (256, 144, 384, 336)),
     ({
         "id": "c", "type": "polygonlabels", "original_width": 640, "original_height": 480,
         "value": {"points": [[10, 10], [50, 20], [30, 50]], "polygonlabels": ["PER"]}
     }, (64, 48, 320, 240)), (rectangle("c", 0, 0, 100.0000001, 100), (0, 0, 640, 480))])
def test_turned_regions_give_their_extent(own, item, box):
    splits = own("label-studio", [task(*BOTH, item)], "json")
    assert splits["mine"][0].entities[0].boxes == [pytest.approx(box, abs=1e-3)]
    assert not splits.report.problems()


@pytest.mark.parametrize(("start", "end"), [(3, 12), (5, 14), (3, 11), (0, 2)])
def test_quotes_tell_how_label_studio_counts(own, start, end):
    splits = own("label-studio", [task(span("a", start, end, "Lady Gaga"), text=EMOJI)], "json")
    assert [e.text for e in splits["mine"][0].entities] == ["Lady Gaga"]


def test_a_quote_that_stands_nowhere_is_an_error(own):
    with pytest.raises(GmnerError, match="is not in the text"):
        own("label-studio", [task(span("a", 0, 4, "Adele"))], "json")


def test_annotations_that_are_not_taken_are_told(own):
    several = task(*BOTH)
    several["annotations"] = [{"was_cancelled": True, "result": []}, {"result": [BOTH[1]]}, {
        "ground_truth": True,
        "result": [BOTH[0], {"id": "z", "type": "choices", "value": {"choices": ["x"]}}]
    }]
    bare = {"id": 8, "data": {"text": "rain"}, "annotations": [], "predictions": [{"result": [BOTH[0]]}]}
    splits = own("label-studio", [several, bare], "json")
    assert [e.text for e in splits["mine"][0].entities] == ["Lady Gaga"]
    assert splits["mine"][0].entities[0].boxes is None and splits["mine"][1].entities is None
    assert len(splits.report.of("not_used")) == 3


def test_label_maps_reach_types_and_boxes(own):
    splits = own("label-studio", [task(*BOTH, rectangle("c", 10, 20, 40, 80))], "json",
                 label_map={"PER": "person", "LOC": "O"})
    assert told(splits["mine"][0]) == [("Lady Gaga", "person", [BOX])]


# --- the command

def test_prepare_reads_them_and_writes_one_file_of_valid_records(cli, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps([task(*BOTH, rectangle("c", 10, 20, 40, 80))]))
    done = cli("prepare", "label-studio", "--source", "mine.json", "--check", "-o", "out")
    assert done.returncode == 0, done.stderr
    (post,) = read_posts(tmp_path / "out" / "mine.jsonl")
    assert told(post.check()) == [("Lady Gaga", "PER", [BOX]), ("Oslo", "LOC", [])]
    done = cli("prepare", "csv", "-o", "out")
    assert done.returncode == 1 and "--source FILE" in done.stderr
