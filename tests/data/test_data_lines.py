"""What the lines of a tagged file tell of each other: columns, joined lines, files without tags."""

from __future__ import annotations

import pytest

from gmner_cli.data import Options, load
from gmner_cli.errors import GmnerError
from tests.data.test_data_schemes import TWO, plain, told


@pytest.mark.parametrize("content", [
    "Lady\tB-PER\x85Gaga\tI-PER\x85in\tO\x85Oslo\tB-LOC\x85\x85rain\tO\x85",
    "Lady\tB-PER\u2028Gaga\tI-PER\u2028in\tO\u2028Oslo\tB-LOC\u2028\u2028rain\tO\n",
    "Lady\tB-PER\nGaga\tI-PER\rin\tO\nOslo\tB-LOC\r\rrain\tO\n",
    "\ufeff\ufeffLady\tB-PER\nGaga\tI-PER\nin\tO\nOslo\tB-LOC\n\nrain\tO\n",
    "# id 23b-a\tdomain=en\nLady _ _ B-PER\nGaga _ _ I-PER\nin _ _ O\nOslo _ _ B-LOC\n\n# id "
    "7\tdomain=en\nrain _ _ O\n",
    "#\thttp://a.org [2010-01-01]\n1\tLady\tB-PER\n2\tGaga\tI-PER\n3\tin\tO\n4\tOslo\tB-LOC\n\n#\thttp://b.org\n1\train\tO\n",
    "1-2\tLadyGaga\t_\n1\tLady\tB-PER\n2\tGaga\tI-PER\n3\tin\t_\n3.1\tbe\t_\n4\tOslo\tB-LOC\n\n1\train\tO\n",
    "0\tLady\tB-PER\n1\tGaga\tI-PER\n2\tin\tO\n3\tOslo\tB-LOC\n\n0\train\tO\n",
    "1\tLady\tB-PER\n2\tGaga\tI-PER\n3\tin\tO\n4\tOslo\tB-LOC\n\n5\train\tO\n",
    "Lady\tB\u2013PER\nGaga\tI\u2013PER\nin\tO\nOslo\tB\u2013LOC\n\nrain\tO\n",
    "Lady\tB/PER\nGaga\tI/PER\nin\tO\nOslo\tB/LOC\n\nrain\tO\n", "Lady B:PER\nGaga I:PER\nin O\nOslo "
                                                                 "B:LOC\n\nrain O\n",
    "Lady \t B-PER\nGaga \t I-PER\nin \t O\nOslo \t B-LOC\n\nrain \t O\n",
])
def test_more_files_as_people_have_them_read_alike(tmp_path, content):
    for fix in (False, True):
        splits = plain(tmp_path, content, fix=fix)
        assert told(splits) == TWO
        assert not splits.report.problems()


@pytest.mark.parametrize("content", [
    "Lady\tB-PER\tGaga\tI-PER\nin\tO\nOslo\tB-LOC\n\nrain\tO\n",
    "Lady B-PER Gaga I-PER\nin O\nOslo B-LOC\n\nrain O\n",
    "Lady\xa0B-PER\nGaga\xa0I-PER\nin\xa0O\nOslo\xa0B-LOC\n\nrain\xa0O\n"
])
def test_joined_lines_and_odd_spaces_keep_words_and_tags(tmp_path, content):
    splits = plain(tmp_path, content, fix=True)
    assert told(splits) == TWO and splits.report.of("malformed_line") and not splits.report.problems()
    with pytest.raises(GmnerError, match="columns"):
        plain(tmp_path, content)


def test_joined_lines_of_the_twitter_sets_come_apart(gmner):
    gmner.write(train="IMGID:1\nLady\tB-PER\tGaga\tI-PER\nin\tO\rOslo\tB-LOC\n")
    splits = load("twitter-gmner", gmner.root, options=Options(fix=True))
    assert [(e.text, e.type) for e in splits["train"][0].entities] == [("Lady Gaga", "PER"), ("Oslo", "LOC")]
    assert splits["train"][0].tokens == ["Lady", "Gaga", "in", "Oslo"]


@pytest.mark.parametrize(("line", "token"), [("Oslo\tNNP\tB-NP", "Oslo"),
                                             ("Oslo\tNNP\tB-NP\tB-LOC\tx", "Oslo"), ("Oslo NNP B-NP", "Oslo"),
                                             ("\tOslo\tB-NP\tB-LOC", "Oslo"), ("Oslo\tNNP", "Oslo"),
                                             ("Oslo,B-LOC", "Oslo,B-LOC"), ("Oslo/B-LOC", "Oslo/B-LOC")])
def test_a_line_with_other_columns_than_the_rest_is_no_silent_guess(tmp_path, line, token):
    content = f"EU\tNNP\tB-NP\tB-ORG\nis\tVB\tB-VP\tO\nin\tIN\tB-PP\tO\nup\tIN\tB-PP\tO\n{line}\n"
    if "\t" not in line and " " in line:
        content = content.replace("\t", " ")
    splits = plain(tmp_path, content, fix=True)
    assert splits["tagged"][0].tokens == ["EU", "is", "in", "up", token]
    assert "NP" not in {e.type for e in splits["tagged"][0].entities}
    assert {f.where.rpartition(":")[2] for f in splits.report.lost()} == {"5"}


@pytest.mark.parametrize(("content", "words"), [("Lady,B-PER\nin,O\n", "tabs or spaces"),
                                                ("B-PER\tLady\nO\tin\n", "first column looks like tags"),
                                                ("Lady\nGaga\n\nin\n", "gmner prepare text"),
                                                ('{"tokens":["a"],"tags":["O"]}\n', "doccano"),
                                                ("Lady\tB-PER\t0.9\nin\tO\t1.0\n", "--column"),
                                                ("Lady B-PER|B-LOC\nin O\n", "more than one tag")])
def test_a_file_whose_tags_are_not_found_is_never_a_file_without_entities(tmp_path, content, words):
    with pytest.raises(GmnerError):
        plain(tmp_path, content)
    lost = plain(tmp_path, content, fix=True).report.lost()
    assert any(words in finding.message for finding in lost)


@pytest.mark.parametrize("content", ["", "\ufeff", "\n \n\t\n", "-DOCSTART- -X- O\n\n"])
def test_a_file_without_posts_is_refused(tmp_path, content):
    for fix in (False, True):
        with pytest.raises(GmnerError, match="no posts"):
            plain(tmp_path, content, fix=fix)


def test_a_split_without_posts_is_a_problem(gmner):
    (gmner.root / "txt" / "test.txt").write_text("")
    assert [
        f.message for f in load("twitter-gmner", gmner.root).report.problems() if f.kind == "empty_split"
    ] == ["test has no posts"]


@pytest.mark.parametrize("content", [
    "IMGID:1\nAda\nsings\n", "<!DOCTYPE html>\n<body>404</body>\n",
    "version https://git-lfs.github.com/spec/v1\nsize 12\n"
])
def test_a_split_without_any_tag_is_never_one_without_entities(gmner, content):
    gmner.write(train=content)
    splits = load("twitter-gmner", gmner.root, options=Options(fix=True))
    assert ["nothing tells what the entities are" in f.message for f in splits.report.lost()] == [True]
