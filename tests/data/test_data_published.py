"""The published counts, exactly, from the published files."""

from __future__ import annotations

import pytest

from gmner_cli.data import load
from gmner_cli.data.summary import figures


@pytest.fixture(scope="module")
def loaded(shared):
    found = {}

    def get(folder):
        if folder not in found:
            name = folder.removesuffix("-v1").removesuffix("-v2")
            found[folder] = load(name, shared / folder)
        return found[folder]

    return get


def counts(splits, *names):
    return [tuple(figures(splits[split])[name] for split in ("train", "dev", "test")) for name in names]


@pytest.mark.parametrize(("folder", "version", "entities", "groundable", "boxes"), [
    ("twitter-gmner-v1", "1.0", (11782, 2453, 2543), (4694, 986, 1036), (5680, 1166, 1244)),
    ("twitter-gmner-v2", "2.0", (11779, 2450, 2543), (4733, 991, 1046), (5723, 1171, 1254)),
    ("twitter-fmnerg", None, (11779, 2450, 2543), (4733, 991, 1046), (5723, 1171, 1254)),
])
def test_grounded_sets(loaded, folder, version, entities, groundable, boxes):
    splits = loaded(folder)
    assert splits.version == version
    assert counts(splits, "posts", "entities", "groundable", "boxes") == [(7000, 1500, 1500), entities,
                                                                          groundable, boxes]
    assert figures(splits["train"])["not_assessed"] == 0


def test_version_is_told_by_counts_where_the_folder_is_silent(shared, tmp_path):
    for version in ("1", "2"):
        link = tmp_path / version / "posts"
        link.mkdir(parents=True)
        for part in ("txt", "xml"):
            (link / part).symlink_to(shared / f"twitter-gmner-v{version}" / part)
        assert load("twitter-gmner", link).version == f"{version}.0"


def test_fmnerg_types(loaded):
    every = figures([post for split in loaded("twitter-fmnerg").posts.values() for post in split])
    assert (len(every["types"]), len(every["fine_types"])) == (8, 51)


@pytest.mark.parametrize(("folder", "entities", "orphans"), [
    ("twitter-2015", (6166, 1541, 5072), 374), ("twitter-2017", (6049, 1324, 1351), 0)])
def test_mner_sets(loaded, folder, entities, orphans):
    splits = loaded(folder)
    assert counts(splits, "entities") == [entities]
    assert len(splits.report.of("orphan_tag")) == orphans
    assert figures(splits["train"])["types"].keys() == {"PER", "LOC", "ORG", "MISC"}
    assert "boxes" not in figures(splits["train"])


def test_what_v1_gets_wrong_and_v2_mends(loaded):
    assert loaded("twitter-gmner-v1").report.counts() == {
        "orphan_tag": 8, "region_file_name": 766, "box_without_entity": 60, "repeated_name": 99,
        "text_in_two_splits": 8
    }
    assert loaded("twitter-gmner-v2").report.counts() == {
        "region_file_name": 765, "repeated_name": 99, "text_in_two_splits": 8}


def test_leaks_into_the_other_test_splits(shared):
    splits = load("twitter-gmner", shared / "twitter-gmner-v2", beside=True)
    assert {name: (c["test"]["posts"], c["train"]["id"]) for name, c in splits.leaks.items()} == {
        "twitter-2015": (3257, 1563), "twitter-2017": (723, 467)}
    assert splits.leaks["twitter-2017"]["train"] == {"id": 467, "text": 468, "either": 468}
