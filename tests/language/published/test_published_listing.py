"""The one printer of lists in the accounts of published files."""

from __future__ import annotations

import pytest

from gmner_cli.language.published.import_captions import ImportCaptions
from gmner_cli.language.published.knowledge_files import Match
from gmner_cli.language.published.listing import SHOWN, listed
from gmner_cli.language.published.pools import PoolReport
from gmner_cli.records import Post


@pytest.mark.parametrize(("things", "said"), [([], ""), ([7, "b"], "7, b"),
                                              (["a\nb\x1b[31m"], "a\\nb\\x1b[31m"),
                                              (range(SHOWN), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
                                              (range(SHOWN + 1), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...")])
def test_no_more_than_the_first_are_named_and_all_of_it_is_printable(things, said):
    assert listed(things) == said


def test_every_account_names_as_many(tmp_path):
    ids = [f"p{n}" for n in range(SHOWN + 1)]
    (tmp_path / "f").write_text("x.jpg :y\n")
    stage = ImportCaptions([tmp_path / "f"])
    stage([Post(id=identity, text="x") for identity in ids])
    for told in (*list(stage.account())[-2:-1], str(Match(posts=11, without=ids)),
                 list(PoolReport(unmatched=ids).lines())[-1]):
        assert listed(ids) in told
