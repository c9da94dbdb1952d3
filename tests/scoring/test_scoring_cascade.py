"""What each stage loses, from runs whose errors are known."""

import json

import pytest
from posts_to_score import BOX, FAR, SPANS, encoded, entity, pixels, post, save

from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.scoring.cascade import LEVELS, cascade
from gmner_cli.scoring.printed_table import render_cascade
from gmner_cli.scoring.task_scores import Settings, score

WHOLE, PART = encoded(pixels(0, 0, 8, 8)), encoded(pixels(0, 0, 8, 3))


def given(span, type, box=None, mask=None):
    return entity(span, type, boxes=[box] if box else [], masks=[mask] if mask else [])


GOLD = [
    post("a", given(SPANS[0], "PER", BOX, WHOLE), given(SPANS[1], "PER", BOX, WHOLE), image_size=(80, 80)),
    post("b", given(SPANS[2], "PER"), given(SPANS[3], "LOC", BOX, WHOLE), image_size=(80, 80))
]
BOXES = [post("a", given(SPANS[0], "PER", BOX, WHOLE), given(SPANS[1], "PER", BOX, PART)),
         post("b", given(SPANS[2], "PER"), given(SPANS[3], "LOC", BOX, WHOLE))]
GROUNDABLE = [post("a", given(SPANS[0], "PER", BOX, WHOLE), given(SPANS[1], "PER", FAR, PART)),
              post("b", given(SPANS[2], "PER"), given(SPANS[3], "LOC", BOX, WHOLE))]
SPANS_RUN = [post("a", given(SPANS[0], "PER", BOX, WHOLE), given(SPANS[1], "PER", FAR, PART)),
             post("b", given(SPANS[2], "PER", FAR, PART), given(SPANS[3], "LOC", BOX, WHOLE))]
PREDICTED = [post("a", given(SPANS[0], "LOC", BOX, WHOLE), given(SPANS[1], "PER", FAR, PART)),
             post("b", given(SPANS[2], "PER", FAR, PART), given(SPANS[3], "LOC", BOX, WHOLE))]
ORACLES = {"spans": SPANS_RUN, "groundable": GROUNDABLE, "boxes": BOXES}


def test_the_levels_are_those_of_predict():
    from gmner_cli.flow.build import GOLD as levels

    assert levels == LEVELS


def test_each_stage_is_charged_with_its_own_errors():
    report = cascade(PREDICTED, ORACLES, lambda: GOLD)
    table = report["cascade"]
    assert table["f1"] == {"predicted": {"MNER": 75, "EEG": 50, "GMNER": 25, "EES": 50, "SMNER": 25},
                           "spans": {"MNER": 100, "EEG": 50, "GMNER": 50, "EES": 50, "SMNER": 50},
                           "groundable": {"MNER": 100, "EEG": 75, "GMNER": 75, "EES": 75, "SMNER": 75},
                           "boxes": {"MNER": 100, "EEG": 100, "GMNER": 100, "EES": 75, "SMNER": 75}}
    assert table["lost"] == {"tagger": {"MNER": 25, "EEG": 0, "GMNER": 25, "EES": 0, "SMNER": 25},
                             "entailment": {"MNER": 0, "EEG": 25, "GMNER": 25, "EES": 25, "SMNER": 25},
                             "grounding": {"MNER": 0, "EEG": 25, "GMNER": 25, "EES": 0, "SMNER": 0},
                             "segmentation": {"MNER": 0, "EEG": 0, "GMNER": 0, "EES": 25, "SMNER": 25}}
    plain = score(PREDICTED, GOLD)
    assert {key: report[key] for key in plain} == plain


@pytest.mark.parametrize("levels,stages", [
    ((), ["tagger+entailment+grounding+segmentation"]),
    (("spans",), ["tagger", "entailment+grounding+segmentation"]),
    (("boxes",), ["tagger+entailment+grounding", "segmentation"]),
    (("boxes", "spans"), ["tagger", "entailment+grounding", "segmentation"]),
    (("groundable",), ["tagger+entailment", "grounding+segmentation"]),
])
def test_any_part_of_the_runs_will_do_and_all_that_is_lost_is_charged(levels, stages):
    report = cascade(PREDICTED, {level: ORACLES[level] for level in levels}, lambda: GOLD)
    lost = report["cascade"]["lost"]
    assert list(lost) == stages
    for row in ("MNER", "GMNER", "SMNER"):
        assert report["rows"][row]["f1"] + sum(of_stage[row] for of_stage in lost.values()) == 100


def test_a_run_without_boxes_leaves_its_figures_open():
    tagged = [
        post("a", entity(SPANS[0]), entity(SPANS[1])),
        post("b", entity(SPANS[2]), entity(SPANS[3], "LOC"))
    ]
    report = cascade(tagged, {"spans": SPANS_RUN, "boxes": BOXES}, lambda: GOLD)
    assert report["cascade"]["f1"]["predicted"] == {
        "MNER": 100, "EEG": None, "GMNER": None, "EES": None, "SMNER": None
    }
    assert report["cascade"]["lost"]["tagger"]["GMNER"] is None
    assert report["cascade"]["lost"]["entailment+grounding"]["GMNER"] == 50
    shown = [line.split() for line in render_cascade(report).splitlines()]
    assert ["as", "predicted", "100.00", "-", "-", "-", "-"] in shown
    assert ["+", "gold", "boxes", "100.00", "100.00", "100.00", "75.00", "75.00"] in shown
    assert ["segmentation", "(to", "100)", "0.00", "0.00", "0.00", "25.00", "25.00"] in shown


def test_rows_that_no_run_has_are_no_columns():
    tagged = [post("a", entity(SPANS[0]))]
    shown = render_cascade(cascade(tagged, {"spans": tagged}, lambda: tagged)).splitlines()
    assert ["F1", "MNER"] in [line.split() for line in shown]


def test_a_run_that_does_not_believe_what_it_says_is_a_warning():
    swapped = cascade(PREDICTED, {"spans": SPANS_RUN, "boxes": GROUNDABLE}, lambda: GOLD)
    assert [w.split(",")[0] for w in swapped["warnings"]] == ["--cascade boxes: EEG is 75.00 and not 100"]
    assert not cascade(PREDICTED, ORACLES, lambda: GOLD)["warnings"]
    nothing = [post("a")]
    assert not cascade(nothing, {"spans": nothing}, lambda: nothing)["warnings"]


def test_a_note_of_all_runs_is_given_once_and_one_of_a_later_run_names_it():
    failed = [SPANS_RUN[0], post("b", error="no picture")]
    notes = cascade(PREDICTED, {"spans": failed}, lambda: GOLD)["notes"]
    assert notes == ["--cascade spans: 1 predicted post(s) carry an error and count as having no entities"]
    both = cascade(failed, {"spans": failed}, lambda: GOLD)["notes"]
    assert both == ["1 predicted post(s) carry an error and count as having no entities"]


def test_runs_over_other_posts_are_refused():
    with pytest.raises(GmnerError,
                       match="^1 post.* only one of PRED and --cascade spans; the first is id 'b'"):
        cascade(PREDICTED, {"spans": SPANS_RUN[:1]}, lambda: GOLD)
    with pytest.raises(GmnerError, match="^--cascade boxes: 1 post.*of PRED are not in GOLD"):
        cascade(PREDICTED, {"boxes": [*BOXES, post("c")]}, lambda: GOLD)
    surplus = cascade(PREDICTED, {"boxes": [*BOXES, post("c")]}, lambda: GOLD, Settings(ignore_extra=True))
    assert surplus["cascade"]["lost"]["segmentation"]["GMNER"] == 0
    with pytest.raises(GmnerError, match="1 post.* only one of PRED"):
        cascade([], {"spans": [post("a")]}, lambda: [post("a")])


def test_an_unknown_level_is_wrong_usage():
    with pytest.raises(UsageError, match="did you mean 'groundable'"):
        cascade(PREDICTED, {"groundables": GROUNDABLE}, lambda: GOLD)


@pytest.fixture
def files(tmp_path):
    runs = {"pred": PREDICTED, "gold": GOLD, **ORACLES}
    return {name: save(tmp_path / f"{name}.jsonl", *posts) for name, posts in runs.items()}


def test_the_command_prints_one_table_or_the_report_with_it(gmner, files):
    runs = [word for level in LEVELS for word in ("--cascade", f"{level}={files[level]}")]
    shown = gmner("score", files["pred"], files["gold"], *runs, "--table")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.split("\n\n")[1:] == [
        "F1                       MNER     EEG   GMNER    EES  SMNER\n"
        "as predicted            75.00   50.00   25.00  50.00  25.00\n"
        "+ gold spans           100.00   50.00   50.00  50.00  50.00\n"
        "+ gold groundable      100.00   75.00   75.00  75.00  75.00\n"
        "+ gold boxes           100.00  100.00  100.00  75.00  75.00",
        "points lost by           MNER     EEG   GMNER    EES  SMNER\n"
        "tagger                  25.00    0.00   25.00   0.00  25.00\n"
        "entailment               0.00   25.00   25.00  25.00  25.00\n"
        "grounding                0.00   25.00   25.00   0.00   0.00\n"
        "segmentation (to 100)    0.00    0.00    0.00  25.00  25.00\n"]
    report = json.loads(gmner("score", files["pred"], files["gold"], *runs).stdout)
    assert report["cascade"]["lost"]["grounding"]["GMNER"] == 25 and report["rows"]["GMNER"]["f1"] == 25


def test_the_run_without_gold_may_come_through_a_pipe(gmner, files):
    with open(files["pred"]) as stream:
        done = gmner("score", "-", files["gold"], "--cascade", f"boxes={files['boxes']}", stdin=stream.read())
    assert json.loads(done.stdout)["cascade"]["lost"]["tagger+entailment+grounding"]["GMNER"] == 75


@pytest.mark.parametrize("options,code,words", [
    (["span={spans}"], 2, "did you mean 'spans'"),
    (["{spans}"], 2, "not of the form LEVEL=FILE"),
    (["spans="], 2, "not of the form LEVEL=FILE"),
    (["spans={spans}", "spans={boxes}"], 2, "--cascade spans is given twice"),
    (["spans=-", "boxes=-"], 2, "only one of PRED and the runs"),
    (["boxes=none.jsonl"], 1, "none.jsonl: no such file\n  hint: make it with `gmner predict --gold boxes "
                              "... -o none.jsonl`"),
    (["boxes=."], 1, "is a directory"),
    (["spans={other}"], 1, "--cascade spans: 1 post(s) of PRED are not in GOLD"),
])
def test_what_cannot_be_compared_says_how_to_mend_it(gmner, files, tmp_path, options, code, words):
    files["other"] = save(tmp_path / "other.jsonl", post("zzz"))
    runs = [word for option in options for word in ("--cascade", option.format(**files))]
    done = gmner("score", files["pred"], files["gold"], *runs)
    assert (done.returncode, done.stdout) == (code,
                                              "") and words in done.stderr and "Traceback" not in done.stderr


def test_a_cascade_needs_spans_and_a_gold_file(gmner, files):
    run = ("--cascade", f"spans={files['spans']}")
    assert "leave out --match text" in gmner("score", files["pred"], files["gold"], *run, "--match",
                                             "text").stderr
    assert "name a file for GOLD" in gmner("score", files["pred"], "-", *run, stdin="").stderr
