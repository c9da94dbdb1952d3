"""The page and the score say the same of every entity, and nothing that was not assessed is called
correct."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import typer
from PIL import Image

from gmner_cli.commands.view import command
from gmner_cli.pictures.masks import encode
from gmner_cli.records import ABSTAINED, Entity, Mask, Post
from gmner_cli.records.jsonl import write_posts
from gmner_cli.report import render_page
from gmner_cli.report.compare import KINDS, compare
from gmner_cli.scoring.task_scores import score

TEXT = "Allen met Bo"
BOX, NEAR, FAR = (0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 9.0), (20.0, 20.0, 30.0, 30.0)
RIGHT = ("correct", "region-not-assessed")


def mask(box, size=(40, 40)):
    pixels = np.zeros(size, dtype=bool)
    x1, y1, x2, y2 = map(int, box)
    pixels[y1:y2, x1:x2] = True
    return encode(pixels)


def entity(kind="PER", boxes=None, masks=None, span=(0, 5)):
    return Entity(start=span[0], end=span[1], type=kind, boxes=boxes, masks=masks)


REGIONS = [  # boxes, masks
    (None, None),
    ([], None),
    ([], []),
    ([BOX], None),
    ([BOX], [mask(BOX)]),
    ([BOX], [mask(FAR)]),
    ([NEAR], [mask(NEAR)]),
    ([FAR], None),
    ([FAR], [mask(FAR)]),
    ([BOX, FAR], [mask(BOX), mask(FAR)]),
    ([FAR, BOX], None),
]
HELPER = entity(boxes=[BOX], masks=[mask(BOX)], span=(10, 12))
"""An entity that is right on both sides, so that boxes and masks count as assessed in both files."""


@pytest.mark.parametrize(("ours", "theirs", "abstained"), [
    (*both, abstained) for both in itertools.product(REGIONS, REGIONS) for abstained in (False, True)
    if not (abstained and both[0][0] is not None)])  # a post that abstained has no boxes
def test_for_every_combination_the_page_says_what_the_score_counts(ours, theirs, abstained):
    for kind in ("PER", "LOC"):
        found, gold = entity(kind, *ours), entity("PER", *theirs)
        post = Post(id="1", text=TEXT, entities=[found, HELPER], grounding=ABSTAINED if abstained else None)
        rows = score([post], [Post(id="1", text=TEXT, entities=[gold, HELPER])])["rows"]
        counted = {row: rows[row]["correct"] - 1 for row in ("MNER", "EEG", "GMNER", "EES", "SMNER")}
        pair = compare([found, HELPER], [gold, HELPER])[0]
        assert set(pair.kinds) <= set(KINDS)
        assert ("wrong-type" not in pair.kinds) == bool(counted["MNER"])
        # Boxes that were not assessed count as not visible, as long as some were assessed in the file.
        assert "region-not-assessed" not in pair.kinds
        wrong_box = {"wrong-region", "wrongly-grounded", "wrongly-none"} & set(pair.kinds)
        assert bool(wrong_box) != bool(counted["EEG"])
        assert (not wrong_box and "wrong-type" not in pair.kinds) == bool(counted["GMNER"])
        if not wrong_box:
            assert ("wrong-mask" in pair.kinds) != bool(counted["EES"])
            assert (pair.kinds == ("correct",)) == bool(counted["SMNER"])
        assert not (wrong_box and "wrong-mask" in pair.kinds)


def test_crowds_on_one_span_have_as_many_correct_as_the_score_counts():
    rng = random.Random(5)
    boxes = [[], [BOX], [NEAR], [FAR], [FAR, BOX], [(0.0, 0.0, 10.0, 12.0)]]
    for _ in range(400):
        sides = [[entity(rng.choice(["PER", "LOC"]), rng.choice(boxes), span=rng.choice([(0, 5), (6, 9)]))
                  for _ in range(rng.randrange(1, 6))] for _ in range(2)]
        pairs = compare(*sides)
        rows = score([Post(id="1", text=TEXT, entities=sides[0])],
                     [Post(id="1", text=TEXT, entities=sides[1])])["rows"]
        assert sum(pair.kinds == ("correct",) for pair in pairs) == rows["GMNER"]["correct"]
        assert sum(pair.found is not None for pair in pairs) == len(sides[0])
        assert sum(pair.gold is not None for pair in pairs) == len(sides[1])


def page(post, gold):
    return render_page([post], [gold], None, "t")


def test_plain_gold_without_boxes_is_not_called_correct():
    post, gold = (Post(id="1", text=TEXT, entities=[entity()]) for _ in range(2))
    made = page(post, gold)
    assert 'data-kinds="region-not-assessed"' in made
    assert "Span and type right, region not assessed</span>" in made
    assert 'class="chip k-correct"' not in made


@pytest.mark.parametrize(("change", "said"), [({"skipped": "no picture"}, "was skipped"),
                                              ({"error": "stage ve: x"}, "this post failed")])
def test_entities_that_came_in_with_a_post_set_aside_are_not_judged(change, said):
    gold = Post(id="1", text=TEXT, entities=[entity(boxes=[BOX])])
    post = Post(id="1", text=TEXT, entities=[entity(boxes=[BOX])], **change)
    made = page(post, gold)
    assert said in made and 'data-kinds="missed"' in made and 'data-kinds="correct"' not in made
    assert score([post], [gold])["rows"]["span"]["correct"] == 0


def test_posts_whose_entities_were_not_assessed_are_said_on_either_side():
    told, silent = Post(id="1", text=TEXT, entities=[entity(boxes=[])]), Post(id="1", text=TEXT)
    assert "no entities were assessed in this post" in page(silent, told) and 'data-kinds="missed"' in page(
        silent, told)
    assert "no entities were assessed in gold" in page(told, silent) and 'data-kinds="spurious"' in page(
        told, silent)
    assert "the gold post carries an error" in page(
        told, Post(id="1", text=TEXT, entities=[entity(boxes=[])], error="x"))


@pytest.mark.parametrize("broken", [mask(BOX, size=(30, 40)), Mask(size=(40, 40), counts="ö")])
def test_masks_that_cannot_be_compared_are_a_note(broken):
    post, gold = (Post(id="1", text=TEXT, entities=[entity(boxes=[BOX], masks=[m])])
                  for m in (broken, mask(BOX)))
    made = page(post, gold)
    assert "masks are not compared" in made and 'data-kinds="correct"' in made


class TestCommand:
    def test_pictures_are_found_by_the_rule_of_all_commands(self, tmp_path):
        """images/ beside the file comes first: so the first example of --help shows its pictures."""
        (tmp_path / "images").mkdir()
        Image.new("RGB", (20, 20), "red").save(tmp_path / "images" / "a.png")
        write_posts(tmp_path / "p.jsonl", [Post(id="1", text="hi", image="a.png")])
        command(str(tmp_path / "p.jsonl"), out=str(tmp_path / "p.html"))
        assert "data:image/jpeg" in (tmp_path / "p.html").read_text()

    def test_of_many_problems_twenty_are_printed_and_all_counted(self, tmp_path, capsys):
        write_posts(tmp_path / "p.jsonl",
                    [Post(id=f"p\x1b{n}", text="hi", image=f"{n}.png") for n in range(700)])
        with (tmp_path / "p.jsonl").open("a") as file:
            file.write("not json\n" * 800)
        with pytest.raises(typer.Exit) as left:
            command(str(tmp_path / "p.jsonl"), out=str(tmp_path / "p.html"))
        lines = capsys.readouterr().err.splitlines()
        assert left.value.exit_code == 3 and len(lines) == 22
        assert lines[-2] == "gmner view: ... and 1480 more; the page has all of them"
        assert lines[-1] == "gmner view: 1500 posts, 1500 problems" and "\x1b" not in "".join(lines)
        assert (tmp_path / "p.html").read_text().count("no such image") == 700


@pytest.mark.parametrize("compared", [False, True])
def test_a_post_of_very_many_entities_is_drawn_in_part_and_says_so(tmp_path, compared):
    posts = [Post(id="1", text=TEXT, entities=[entity(boxes=[])] * 20_000)]
    made = render_page(posts, posts if compared else None, tmp_path, "t")
    assert "20000" in made and "the first 500" in made and len(made) < 1_000_000


@pytest.mark.parametrize(("size", "boxes", "told"), [((80, 80), [(0.0, 0.0, 10.0, 10.0)], True),
                                                     ((40, 40), [(0.0, 0.0, 10.0, 10.0)], False),
                                                     ((80, 80), [], False)])
def test_boxes_of_pictures_of_two_sizes_are_a_note_as_the_score_warns(size, boxes, told):
    ours, theirs = (Post(id="p", text="Milan wins", image_size=of, entities=[entity(boxes=boxes)])
                    for of in ((40, 40), size))
    assert ("40x40 here and 80x80 in gold" in page(ours, theirs)) == told == bool(
        score([ours], [theirs])["warnings"])
