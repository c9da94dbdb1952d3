"""Published caption files: what is read of them, what is told of what is odd, and which post gets which
caption."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.errors import GmnerError
from gmner_cli.language.published.captions import read_captions
from gmner_cli.language.published.import_captions import ImportCaptions
from gmner_cli.records import Post

ROWS = "harbour.jpg :two boats in a harbour\n17_2.png :a clock : the hands at ten\n"
BLOCKS = "imgid:O_7###A boat lies at a pier.\n\nBehind it: hills.\nimgid:12###One clock.\n"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pairs(found):
    return [(c.key, c.text) for c in found.captions]


def test_the_three_formats_are_known_by_their_content(tmp_path):
    rows = read_captions(write(tmp_path / "any.name", ROWS))
    assert pairs(rows) == [("harbour.jpg", "two boats in a harbour"), ("17_2.png", "a clock : the hands at "
                                                                                   "ten")]
    assert rows.captions[1].where == f"{tmp_path / 'any.name'}:2" and not rows.oddities
    blocks = read_captions(write(tmp_path / "b", BLOCKS))
    assert pairs(blocks) == [("O_7", "A boat lies at a pier.\n\nBehind it: hills."), ("12", "One clock.")]
    assert blocks.captions[1].where.endswith(":4")
    objects = read_captions(write(tmp_path / "c", '\n{"id": "O_7", "caption": "A boat."}\n{"id": "12", '
                                                  '"caption": "s", "detailed_caption": "long"}'))
    assert pairs(objects) == [("O_7", "A boat."), ("12", "s")]
    assert pairs(read_captions(tmp_path / "c", "detailed_caption")) == [("O_7", "A boat."), ("12", "long")]


@pytest.mark.parametrize("content", [ROWS, BLOCKS])
def test_windows_ends_of_lines_and_a_byte_order_mark_change_nothing(tmp_path, content):
    plain = read_captions(write(tmp_path / "f", content))
    marked = read_captions(write(tmp_path / "f", b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()))
    assert [(c.key, c.text, c.where) for c in plain.captions] == [(c.key, c.text.replace("\r", ""), c.where)
                                                                  for c in marked.captions]


# One line ends another, and white space around a caption is none of it.
WORDS = st.text(st.characters(exclude_characters="\r\n",
                              exclude_categories=["Cs"])).map(str.strip).filter(bool)
KEYS = st.from_regex(r"[A-Za-z0-9_]{1,12}(\.jpg)?", fullmatch=True)
TEXTS = st.lists(st.one_of(WORDS, st.just("")), min_size=1, max_size=4).map("\n".join).map(str.strip).filter(
    lambda text: text and not any(line.startswith("imgid:") for line in text.split("\n")[1:]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, WORDS), min_size=1))
def test_any_captions_of_one_line_come_back(tmp_path_factory, captions):
    path = tmp_path_factory.getbasetemp() / "rows.txt"
    found = read_captions(write(path, "".join(f"{key} :{text}\n" for key, text in captions)))
    assert pairs(found) == captions and not found.oddities


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, TEXTS), min_size=1))
def test_any_captions_of_several_lines_come_back(tmp_path_factory, captions):
    path = tmp_path_factory.getbasetemp() / "blocks.txt"
    found = read_captions(write(path, "\n".join(f"imgid:{key}###{text}" for key, text in captions)))
    assert pairs(found) == captions and not found.oddities


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, TEXTS), min_size=1))
def test_any_captions_in_json_come_back(tmp_path_factory, captions):
    path = tmp_path_factory.getbasetemp() / "objects.jsonl"
    found = read_captions(
        write(path, "".join(json.dumps({"id": key, "caption": text}) + "\n" for key, text in captions)))
    assert pairs(found) == captions and not found.oddities


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\n \n\r\n", "is empty"),
                                               (b"\xff\xd8\xff\xe0\x00\x10JFIF", "f:1: is not UTF-8"),
                                               (ROWS.encode() + b"x.jpg :caf\xe9\n", "f:3: is not UTF-8"),
                                               (ROWS.encode("utf-16"), "is not UTF-8"),
                                               (b"\x00\x01\x02 :\x03\n", "is not a caption file"),
                                               (b"a tale\n" + ROWS.encode(), "f:1: is not a caption file"),
                                               (b"imgid:5\n" + BLOCKS.encode(), "is not a caption file")])
def test_what_is_no_caption_file_is_refused_with_its_place(tmp_path, content, said):
    with pytest.raises(GmnerError, match=said):
        read_captions(write(tmp_path / "f", content))
    with pytest.raises(GmnerError, match="No such file"):
        read_captions(tmp_path / "none")


def test_what_is_odd_costs_no_other_caption_and_is_told_with_its_line(tmp_path):
    rows = read_captions(write(tmp_path / "f", ROWS + "gone.jpg :\n\n :lost\nno colon here\nlast.jpg :seen"))
    assert [key for key, _ in pairs(rows)] == ["harbour.jpg", "17_2.png", "last.jpg"]
    assert [line.split("/f:")[1] for line in rows.oddities] == [
        "3: no caption for gone.jpg", "5: a caption of nothing: there is no id before it",
        "6: is not NAME :CAPTION: 'no colon here'"
    ]
    torn = read_captions(write(tmp_path / "f", BLOCKS + "imgid:99###\nimgid:torn\nwhose "
                                                        "text\nimgid:3###Three.\nimgid:10"))
    assert [key for key, _ in pairs(torn)] == ["O_7", "12", "3"]
    assert [line.split("/f:")[1] for line in torn.oddities] == [
        "5: no caption for 99",
        "6: is not imgid:ID###CAPTION: 'imgid:torn'; left out with the 1 lines below it",
        "9: is not imgid:ID###CAPTION: 'imgid:10'"
    ]
    objects = read_captions(write(tmp_path / "f", '{"id": "1", "caption": "c"}\n{"id": 2.5, "caption": '
                                                  '"c"}\n[]\n{"id": "3", "caption": 5}\n{"id'))
    assert pairs(objects) == [("1", "c")] and [line.split("/f:")[1][0]
                                               for line in objects.oddities] == ["2", "3", "4", "5"]


def test_a_line_of_a_million_characters_is_one_caption(tmp_path):
    found = read_captions(write(tmp_path / "f", f"a.jpg :{'boat ' * 200_000}\nb.jpg :clock"))
    assert [len(text) for _, text in pairs(found)] == [999_999, 5]


def posts(*rows):
    return [Post(id=identity, text="x", image=image, caption=caption) for identity, image, caption in rows]


def test_a_caption_is_found_by_the_name_of_the_picture_or_by_id(tmp_path):
    file = write(tmp_path / "f", "7.jpg :seven\nharbour.jpg :by name\nO_1 :bare\nmine :by id\nboth.jpg :not "
                                 "this\n")
    stage = ImportCaptions([file])
    made = stage(
        posts(("7", None, None), ("a", "deep/down/harbour.jpg", None), ("b", "O_1.PNG", None),
              ("mine", "8.jpg", None), ("none", "else.jpg", None), ("error", "7.jpg", None)))
    assert [p.caption for p in made] == ["seven", "by name", "bare", "by id", None, "seven"]
    assert stage.without == ["none"] and stage.given == 5
    said = "\n".join(stage.account())
    assert "5 posts of this run got their caption" in said
    assert "1 posts of this run have no caption in the files: none" in said
    assert "1 captions belong to no post of this run: both.jpg" in said


@pytest.mark.parametrize(("lines", "post", "caption"),
                         [("5.jpg :a dog\n1.jpg :a cat\n", ("5", "1.jpg"), "a cat"),
                          ("1.jpg :a cat\n5.jpg :a dog\n", ("5", "in/1.jpg"), "a cat"),
                          ("5 :a dog\n1.jpg :a cat\n", ("5", "1.jpg"), "a cat"),
                          ("1 :a cat\n5 :a dog\n", ("5", "1.jpg"), "a dog"),
                          ("5.jpg :a dog\n", ("5", "1.jpg"), None),
                          ("5.jpg :a dog\n1.jpg :a cat\n", ("5", None), "a dog"),
                          ("in/5.jpg :a dog\n1.jpg :a cat\n", ("5", "5.png"), "a dog"),
                          ("5.jpg :a dog\n1.png :a cat\n", ("5", "1.jpg"), "a cat"),
                          ("a/5.jpg :a dog\nb/5.jpg :a cat\n", ("5", None), None)])
def test_no_post_gets_the_caption_of_another_ones_picture(tmp_path, lines, post, caption):
    stage = ImportCaptions([write(tmp_path / "f", lines)])
    assert stage(posts((*post, None)))[0].caption == caption


def test_a_name_that_two_pictures_share_is_nobodys(tmp_path):
    stage = ImportCaptions([write(tmp_path / "f", "a/1.jpg :red\nb/1.jpg :blue\nc/2.jpg :same\nd/2.jpg "
                                                  ":same\n")])
    assert [
        p.caption for p in stage(posts(("x", "b/1.jpg", None), ("y", "1.jpg", None), ("z", "2.png", None)))
    ] == ["blue", None, "same"]


def test_doubles_are_told_and_the_first_is_taken(tmp_path):
    first, second = write(tmp_path / "f",
                          "1.jpg :red\n2.jpg :grey\n1.jpg :blue\n"), write(tmp_path / "g",
                                                                           "2.jpg :grey\n2.jpg :green\n")
    stage = ImportCaptions([first, second])
    assert [p.caption for p in stage(posts(("1", None, None), ("2", None, None)))] == ["red", "grey"]
    assert stage.repeated == 1
    assert stage.differing == [
        f"{first}:3: 1.jpg has another caption at {first}:1",
        f"{second}:2: 2.jpg has another caption at {first}:2"
    ]


@pytest.mark.parametrize("image", [None, "1.jpg", "photos/1.jpg"])
def test_of_a_posts_captions_the_first_given_is_taken_whatever_they_call_it(tmp_path, image):
    rows, objects = write(tmp_path / "a.txt", "1.jpg :first\n"), write(tmp_path / "b.jsonl",
                                                                       '{"id": "1", "caption": "second"}\n')
    stage = ImportCaptions([rows, objects])
    assert stage(posts(("1", image, None), ("1", image, None)))[0].caption == "first"
    said = "\n".join(stage.account())
    assert ("1 captions differ from another of the same name or post, which is taken:\n"
            f"  {objects}:1: 1 has another caption at {rows}:1\n") in said
    assert "belong to no post" not in said
    assert ImportCaptions([objects, rows])(posts(("1", image, None)))[0].caption == "second"


def test_of_a_post_and_its_picture_each_file_may_say_the_same(tmp_path):
    stage = ImportCaptions([write(tmp_path / "a", "1.jpg :boat\n"), write(tmp_path / "b", "1 :boat\n")])
    assert stage(posts(("1", "1.jpg", None)))[0].caption == "boat"
    assert (stage.repeated, stage.differing) == (1, []) and "belong to no post" not in "\n".join(
        stage.account())


def test_captions_that_are_there_are_kept_unless_they_are_to_be_replaced(tmp_path):
    file = write(tmp_path / "f", "1.jpg :new\n")
    stage = ImportCaptions([file])
    assert stage(posts(("1", None, "old")))[0].caption == "old"
    assert (stage.kept, stage.given) == (1, 0) and "belong to no post" not in "\n".join(stage.account())
    assert ImportCaptions([file], overwrite=True)(posts(("1", None, "old")))[0].caption == "new"
    detailed = ImportCaptions([file], "detailed_caption")(posts(("1", None, "old")))[0]
    assert (detailed.caption, detailed.detailed_caption) == ("old", "new")
    failed = posts(("1", None, None))
    failed[0].error = "old"
    assert stage(failed)[0].caption is None


@pytest.mark.parametrize(("name", "captions", "odd"), [
    ("BLIP2_15.txt", 8286, [3829, 7027]), ("BLIP2_17.txt", 4819, []), ("owldevcaption_1.txt", 1499, []),
    ("owltestcaption_1.txt", 1499, []), ("owltraincaption_1.txt", 6999, [])])
def test_the_published_files_are_read_whole(shared, name, captions, odd):
    found = read_captions(shared / "data/captions" / name)
    assert len(found.captions) == len({c.key for c in found.captions}) == captions
    assert [int(line.split(".txt:")[1].split(":")[0]) for line in found.oddities] == odd
    heads = (shared / "data/captions" /
             name).read_text(encoding="utf-8").count("\nimgid:" if "owl" in name else ".jpg :")
    assert captions + len(odd) == heads + ("owl" in name), "no caption is swallowed by another"
