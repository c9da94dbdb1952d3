import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posts_to_score import BOX, FAR, HALF, SPANS, crowds, encoded, entity, pixels, post, wire
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from gmner_cli.errors import GmnerError, RecordError, UsageError
from gmner_cli.records import Entity, Post, Proposal
from gmner_cli.scoring.task_scores import Settings, score


def only(predicted, gold, **settings):
    """The report of one post, from lists of entities."""
    return score([post("a", *predicted)], [post("a", *gold)], Settings(**settings))


def correct(report):
    return {name: row["correct"] for name, row in report["rows"].items()}


# --- MNER against seqeval -----------------------------------------------------------------------

def read_strictly(tags):
    """Entities of IOB2 tags, one letter a token: an I- that continues nothing of its type is no entity."""
    found, open_at = [], None
    for n, tag in enumerate([*tags, "O"]):
        if open_at is not None and tag != "I-" + tags[open_at][2:]:
            found.append(Entity(start=2 * open_at, end=2 * n - 1, type=tags[open_at][2:]))
            open_at = None
        if tag.startswith("B-"):
            open_at = n
    return found


tag_rows = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(tag_rows, st.randoms(use_true_random=False)), min_size=1, max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_mner_is_seqeval_s_strict_iob2(rows):
    gold = [tags for tags, _ in rows]
    predicted = [[rng.choice(["O", "B-PER", "I-LOC"]) if rng.random() < 0.3 else tag
                  for tag in tags]
                 for tags, rng in rows]

    def posts(side):
        return [
            Post(id=str(n), text=" ".join("x" * len(tags)), entities=read_strictly(tags))
            for n, tags in enumerate(side)
        ]

    report = score(posts(predicted), posts(gold))
    theirs = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True,
                                   zero_division=0)
    ours = {"micro avg": report["rows"]["MNER"], **report["per_type"]["MNER"]}
    for name, row in theirs.items():
        if name in ours:
            assert [ours[name][k] for k in ("precision", "recall", "f1")] == pytest.approx(
                [100 * row[k] for k in ("precision", "recall", "f1-score")], abs=1e-3), name
            assert ours[name]["gold"] == row["support"]


# --- properties ---------------------------------------------------------------------------------

posts_of_crowds = st.lists(crowds, max_size=4)


@settings(max_examples=60, deadline=None)
@given(posts_of_crowds, posts_of_crowds, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_nothing_changes(ours, theirs, rng):
    count = min(len(ours), len(theirs))
    predicted = [post(str(n), *ours[n]) for n in range(count)] or [post("0")]
    gold = [post(str(n), *theirs[n]) for n in range(count)] or [post("0")]
    before = wire(predicted), wire(gold)
    report = score(predicted, gold)
    assert (wire(predicted), wire(gold)) == before
    for side in (predicted, gold):
        rng.shuffle(side)
        for p in side:
            rng.shuffle(p.entities)
    shuffled = score(predicted, gold)
    assert [shuffled[k]
            for k in ("rows", "per_type", "sweep")] == [report[k] for k in ("rows", "per_type", "sweep")]


@settings(max_examples=60, deadline=None)
@given(crowds, crowds)
def test_span_and_mner_are_symmetric_and_a_copy_is_perfect(ours, theirs):
    there, back = only(ours, theirs)["rows"], only(theirs, ours)["rows"]
    for name in ("span", "MNER"):
        assert (there[name]["precision"], there[name]["recall"]) == (back[name]["recall"],
                                                                     back[name]["precision"])
        assert there[name]["f1"] == back[name]["f1"]
    for name, row in only(theirs, theirs)["rows"].items():
        if theirs and not name.endswith("-fine"):
            assert row["f1"] == 100, name


def test_nothing_predicted_and_nothing_expected_give_zero_not_nan():
    for predicted, gold in (([], [entity()]), ([entity()], []), ([], [])):
        row = only(predicted, gold)["rows"]["MNER"]
        assert (row["precision"], row["recall"], row["f1"]) == (0, 0, 0)
        assert (row["predicted"], row["gold"]) == (len(predicted), len(gold))


def test_a_second_prediction_of_the_same_entity_is_wrong():
    row = only([entity(), entity()], [entity()])["rows"]["MNER"]
    assert (row["predicted"], row["correct"]) == (2, 1)


def test_an_iou_equal_to_the_threshold_is_wrong():
    assert correct(only([entity(boxes=[HALF])], [entity(boxes=[BOX])]))["GMNER"] == 0
    assert correct(only([entity(boxes=[HALF])], [entity(boxes=[BOX])], iou=0.49))["GMNER"] == 1


# --- not assessed, missing, failed --------------------------------------------------------------

@pytest.mark.parametrize("predicted,gold,side", [(None, [BOX], "PRED"), ([BOX], None, "GOLD")])
def test_without_assessed_boxes_only_span_and_mner_are_given(predicted, gold, side):
    report = only([entity(boxes=predicted)], [entity(boxes=gold)])
    assert list(report["rows"]) == ["span", "MNER"] and list(report["per_type"]) == ["MNER"]
    assert [report[k]
            for k in ("sweep", "groundability", "grounding", "masks", "small_objects")] == [None] * 5
    assert f"no entity of {side} has boxes assessed, so only span and MNER rows are given" in report["notes"]


def test_some_not_assessed_count_as_not_visible_and_are_counted():
    report = only([entity(boxes=None), entity(SPANS[1], boxes=[BOX]), entity(SPANS[2])],
                  [entity(boxes=[]), entity(SPANS[1], boxes=[BOX]), entity(SPANS[2], boxes=[BOX])])
    assert correct(report)["GMNER"] == 2, "None against [] is right, None against a box is wrong"
    assert report["not_assessed"] == {"predicted": 2, "gold": 0}
    assert any(note.startswith("2 of 3 entities of PRED have no boxes assessed") for note in report["notes"])


def test_missing_and_failed_posts_have_no_entities():
    gold = [post(n, entity()) for n in "abc"]
    report = score([post("a", entity()), post("b", entity(), error="no picture")], gold)
    assert report["rows"]["MNER"]["recall"] == pytest.approx(100 / 3, abs=1e-4)
    assert (report["posts"], report["missing"], report["failed"]) == (3, 1, 1)
    assert report["rows"]["MNER"]["predicted"] == 1
    assert any("1 of 3 gold posts are not in PRED (first: c)" in w for w in report["warnings"])


def test_surplus_posts_stop_the_scoring_or_are_left_out():
    predicted, gold = [post("x", entity()), post("a", entity()), post("y")], [post("a", entity())]
    with pytest.raises(GmnerError, match="2 post.* not in GOLD; the first is id 'x'"):
        score(predicted, gold)
    report = score(predicted, gold, Settings(ignore_extra=True))
    assert report["ignored"] == 2 and report["rows"]["MNER"]["predicted"] == 1


def test_gold_must_be_whole():
    with pytest.raises(RecordError, match="carries an error: torn"):
        score([post("a")], [post("a", error="torn")])
    with pytest.raises(GmnerError, match="GOLD holds no posts"):
        score([], [])


@pytest.mark.parametrize("name,value", [("iou", 0), ("iou", 1), ("iou", float("nan")), ("small", 1.5),
                                        ("small", -1)])
def test_thresholds_outside_their_range_are_wrong_usage(name, value):
    with pytest.raises(UsageError, match=f"--{name}"):
        Settings(**{name: value})


# --- types --------------------------------------------------------------------------------------

def test_label_map_works_on_both_sides_and_an_unknown_type_gets_a_hint():
    predicted, gold = [entity(type="OTHER"), entity(SPANS[1])], [entity(type="MISC"), entity(SPANS[1])]
    plain = only(predicted, gold)
    assert any("--label-map OTHER=MISC" in w for w in plain["warnings"]) and correct(plain)["MNER"] == 1
    for renames in ({"OTHER": "MISC"}, {"MISC": "OTHER"}):
        mapped = only(predicted, gold, renames=renames)
        assert correct(mapped)["MNER"] == 2 and not mapped["warnings"]
        assert mapped["per_type"]["MNER"][next(iter(renames.values()))]["correct"] == 1
    assert any("renames nothing" in w for w in only(predicted, gold, renames={"OTHR": "MISC"})["warnings"])


def test_fine_types_have_rows_of_their_own_and_their_parents_are_checked():
    gold = [
        entity(type="person", fine_type="athlete", boxes=[]),
        entity(SPANS[1], "location", [BOX], fine_type="city")
    ]
    predicted = [
        entity(type="person", fine_type="actor", boxes=[]),
        entity(SPANS[1], "person", [BOX], fine_type="city")
    ]
    report = only(predicted, gold)
    assert [correct(report)[n] for n in ("MNER", "MNER-fine", "GMNER-fine")] == [1, 1, 1]
    assert report["per_type"]["MNER-fine"]["city"]["correct"] == 1
    assert report["per_type"]["MNER-fine"]["athlete"] == {
        "precision": 0, "recall": 0, "f1": 0, "predicted": 0, "gold": 1, "correct": 0}
    assert any(
        n.startswith("1 predicted entities report a coarse type that is not the parent")
        for n in report["notes"])


# --- seeing -------------------------------------------------------------------------------------

def test_groundability_and_grounding_by_hand():
    spots = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7)]
    gold = [[BOX], [BOX], [BOX], [], [], [BOX]]
    predicted = [[BOX], [FAR], [], [], [BOX]]  # the last gold span is not found
    report = only([entity(s, boxes=b) for s, b in zip(spots, predicted, strict=False)],
                  [entity(s, boxes=b) for s, b in zip(spots, gold, strict=True)])
    assert report["groundability"] == {"accuracy": 60, "entities": 5, "tp": 2, "fp": 1, "fn": 1, "tn": 1}
    assert report["grounding"] == {"precision": pytest.approx(100 / 3, abs=1e-4), "precision_given_box": 50,
                                   "correct": 1, "found": 3, "given_box": 2, "gold": 4}


def test_masks_count_by_pixels_and_only_where_both_files_have_them():
    whole, part = encoded(pixels(0, 0, 8, 8)), encoded(pixels(0, 0, 8, 6))
    diagonal = encoded(pixels(0, 0, 8, 3))
    gold = [
        entity(boxes=[BOX], masks=[whole]),
        entity(SPANS[1], boxes=[BOX], masks=[whole]),
        entity(SPANS[2], boxes=[])
    ]
    predicted = [entity(boxes=[BOX], masks=[part]), entity(SPANS[1], "LOC", [BOX], masks=[diagonal]),
                 entity(SPANS[2], boxes=[], masks=[])]
    report = only(predicted, gold)
    assert [correct(report)[n] for n in ("EEG", "GMNER", "EES", "SMNER")] == [3, 2, 2, 2]
    assert report["masks"]["mean_iou"] == pytest.approx(100 * (0.75 + 0.375) / 2)
    assert [row["correct"] for row in report["sweep"]["SMNER"].values()] == [2, 2, 2, 2, 2, 1, 1]
    for p in predicted:
        p.masks = None
    unsegmented = only(predicted, gold)
    assert "SMNER" not in unsegmented["rows"] and unsegmented["masks"] is None
    assert any("run `gmner segment` on PRED" in note for note in unsegmented["notes"])


def test_a_broken_mask_names_its_post():
    good = encoded(pixels(0, 0, 8, 8))
    bad = type(good)(size=good.size, counts="zz")
    with pytest.raises(RecordError, match="post a: a mask"):
        only([entity(boxes=[BOX], masks=[bad])], [entity(boxes=[BOX], masks=[good])])


def test_small_objects_filter_each_side_by_its_own_area():
    tiny, other_tiny = (0.0, 0.0, 2.0, 2.0), (0.0, 0.0, 2.0, 1.5)
    gold = post("a", entity(boxes=[tiny]), entity(SPANS[1], boxes=[BOX]), entity(SPANS[2], boxes=[tiny, FAR]),
                image_size=(20, 20))
    predicted = post("a", entity(boxes=[other_tiny]), entity(SPANS[1], boxes=[tiny]),
                     entity(SPANS[2], boxes=[tiny]))
    small = score([predicted], [gold])["small_objects"]["EEG"]
    assert (small["predicted"],
            small["gold"]) == (3, 1), "20 x 20 / 50 = 8 square pixels; the largest gold box decides"
    assert (small["correct_predicted"], small["correct_gold"]) == (2, 1)
    assert (small["precision"], small["recall"]) == (pytest.approx(66.6667), 100)
    assert score([predicted], [gold],
                 Settings(small=0.0099))["small_objects"]["EEG"]["gold"] == 0, "strictly under"
    gold.image_size = None
    unknown = score([predicted], [gold])
    assert unknown["small_objects"] is None
    assert any("1 post(s) with boxes have no image_size" in note for note in unknown["notes"])


def test_top_proposals_rank_by_score():
    eleventh = [Proposal(box=FAR, score=0.9 - n / 100) for n in range(10)] + [Proposal(box=HALF, score=0.5)]
    random.Random(1).shuffle(eleventh)
    gold = post("a", entity(boxes=[BOX]), entity(SPANS[1], boxes=[]))
    report = score([post("a", entity(boxes=[]), proposals=eleventh)], [gold, post("b", entity(boxes=[BOX]))])
    assert report["proposals"] == {
        "gold": 1, "gold_without_proposals": 1, "top10": 0, "top15": 100, "top20": 100
    }
    assert only([entity(boxes=[])], [entity(boxes=[BOX])])["proposals"] is None


def test_a_box_without_a_mask_counts_as_not_visible_and_as_no_overlap():
    whole = encoded(pixels(0, 0, 8, 8))
    gold = [entity(s, boxes=[BOX], masks=[whole]) for s in SPANS[:3]]
    report = only([entity(boxes=[BOX], masks=[whole]), entity(SPANS[1], boxes=[BOX])], gold)
    assert report["masks"] == {
        "mean_iou": 50, "mean_iou_given_mask": 100, "found": 2, "given_mask": 1, "gold": 3
    }
    assert correct(report)["SMNER"] == 1
    assert any(n.startswith("1 entities of PRED have boxes but no masks") for n in report["notes"])


def test_another_text_under_the_same_id_is_a_warning():
    shouted = Post(id="a", text="ALLEN and more", entities=[Entity(start=0, end=5, type="PER")])
    assert any("another text in PRED than in GOLD (first: a)" in w
               for w in score([shouted], [post("a", entity())])["warnings"])
    assert not score([post("a", entity())], [post("a", entity())])["warnings"]


def test_given_spans_pair_the_same_type_before_the_nearest_box():
    gold = [entity(type="PER", boxes=[BOX]), entity(type="LOC", boxes=[])]
    predicted = [entity(type="LOC", boxes=[BOX]), entity(type="PER", boxes=[])]
    for shown in (predicted, predicted[::-1]):
        counts = only(shown, gold)["groundability"]
        assert (counts["fn"], counts["fp"], counts["accuracy"]) == (1, 1, 0)
