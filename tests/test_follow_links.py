"""--follow-links: folders of links, as the hub cache, DVC and git-annex leave them."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from gmner_cli.app import build
from gmner_cli.errors import ImageError
from gmner_cli.pictures.images import open_image
from tests.conftest import write_jsonl
from tests.data.conftest import Folder


@pytest.fixture
def links(tmp_path, monkeypatch):
    """A working folder with posts, a folder of linked pictures, and a data set of linked annotations."""
    for name in [name for name in os.environ if name.startswith("GMNER_")]:
        monkeypatch.delenv(name)
    store, here = tmp_path / "store", tmp_path / "here"
    store.mkdir()
    here.mkdir()
    source = Folder(here / "source")
    for name in ("t1", "d1", "s1"):
        source.xml(name, [("Ada Brook", (1, 1, 9, 9))], size=(12, 10))
        Image.new("RGB", (12, 10), "red").save(store / f"{name}.jpg")
        os.rename(here / "source" / "xml" / f"{name}.xml", store / f"{name}.xml")
        (here / "source" / "xml" / f"{name}.xml").symlink_to(store / f"{name}.xml")
    (here / "images").mkdir()
    for name in ("t1", "d1", "s1"):
        (here / "images" / f"{name}.jpg").symlink_to(f"../../store/{name}.jpg")
    write_jsonl(here / "posts.jsonl", [{"id": "t1", "text": "Ada", "image": "t1.jpg", "entities": [
        {"start": 0, "end": 3, "type": "PER", "boxes": [[1, 1, 9, 9]]}]}])
    monkeypatch.chdir(here)
    return here


def run(*args: str, **env: str):
    return CliRunner().invoke(build(), list(args), env=env)


def test_every_command_that_has_images_has_it():
    for name, command in get_command(build()).commands.items():
        spelled = {opt for parameter in command.params for opt in parameter.opts}
        assert ("--images" in spelled) == ("--follow-links" in spelled), name


def test_view_by_flag_and_by_variable_and_never_by_gmner_yaml(links):
    args = ("view", "posts.jsonl", "--images", "images", "-o", "page.html")
    done = run(*args)
    assert done.exit_code == 3
    assert "leaves the image folder through a symbolic link, which only --follow-links allows" in done.stderr
    assert run(*args, "--follow-links").exit_code == 0
    assert run(*args, GMNER_FOLLOW_LINKS="1").exit_code == 0
    (links / "gmner.yaml").write_text("follow-links: true\n")
    done = run(*args, GMNER_TRUST="1")
    assert done.exit_code == 2
    assert "lets symbolic links lead out of folders, with 'follow-links'" in done.stderr
    assert "--follow-links" in done.stderr


def test_pictures_and_annotations_of_a_data_set(links):
    args = ("prepare", "twitter-gmner", "--source", "source", "--images", "images", "-o", "out")
    assert run(*args).exit_code == 0
    report = json.loads((links / "out" / "report.json").read_text())
    found = set(report["findings"])
    assert found >= {"broken_annotation", "missing_image"} and "symbolic link" in json.dumps(report)
    train = json.loads((links / "out" / "train.jsonl").read_text())
    assert "boxes" not in train["entities"][0], "what could not be read is not assessed"

    assert run(*args, "--follow-links").exit_code == 0
    report = json.loads((links / "out" / "report.json").read_text())
    assert not {"broken_annotation", "missing_image"} & set(report["findings"])
    train = json.loads((links / "out" / "train.jsonl").read_text())
    assert train["entities"][0]["boxes"] == [[1, 1, 9, 9]] and train["image_size"] == [12, 10]


def test_the_stages_that_look(links):
    args = ("segment", "posts.jsonl", "--images", "images", "-o", "out.jsonl", "--device", "cpu")
    done = run(*args)
    assert done.exit_code == 3 and "--follow-links" in done.stderr
    assert run(*args, "--follow-links").exit_code == 0
    assert "masks" in json.loads((links / "out.jsonl").read_text())["entities"][0]


def test_a_folder_of_pictures_that_nobody_named_is_no_link_out(links):
    """``images`` beside the posts is found by the tool; where it leads elsewhere, the user has to say so."""
    os.rename(links / "images", links.parent / "private")
    (links / "images").symlink_to("../private")
    Image.new("RGB", (12, 10), "red").save(links.parent / "private" / "own.jpg")
    write_jsonl(links / "posts.jsonl", [{"id": "t1", "text": "Ada", "image": "own.jpg"}])
    for command in (("view", "posts.jsonl", "-o", "page.html"), ("segment", "posts.jsonl", "-o",
                                                                 "out.jsonl")):
        done = run(*command)
        assert done.exit_code == 2 and "is a link that leads out of its folder" in done.stderr, done.stderr
        assert run(*command, "--images", "images").exit_code == 0
        assert run(*command, "--follow-links").exit_code == 0


@pytest.fixture
def linked(tmp_path):
    """A folder of pictures as the hub cache or DVC leaves one: links to files elsewhere."""
    store, inside = tmp_path / "store", tmp_path / "images"
    store.mkdir()
    inside.mkdir()
    Image.new("RGB", (4, 4), "red").save(store / "1f2e", format="PNG")
    (inside / "a.png").symlink_to("../store/1f2e")
    (inside / "sub").symlink_to("../store")
    (inside / "gone.png").symlink_to("../store/none")
    (inside / "endless.png").symlink_to("/dev/zero")
    os.mkfifo(store / "fifo")
    (inside / "fifo.png").symlink_to("../store/fifo")
    return inside


def test_links_lead_out_of_the_folder_only_where_that_is_allowed(linked):
    for name in ("a.png", "sub/1f2e", "gone.png", "endless.png", "fifo.png"):
        with pytest.raises(ImageError, match="leaves the image folder through a symbolic link, which only "
                                             "--follow-links allows"):
            open_image(linked, name)
    for name in ("a.png", "sub/1f2e", str(linked / "a.png"), "./sub/../a.png"):
        assert open_image(linked, name, follow_links=True).getpixel((0, 0)) == (255, 0, 0)
    for name, words in {
            "gone.png": "no such image: its link leads to nothing", "endless.png": "is not a file",
            "fifo.png": "is not a file", "sub": "is not a file", "../store/1f2e": "leaves the image folder",
            str(linked.parent / "store" / "1f2e"): "leaves the image folder",
            "sub/../../store/1f2e": "leaves the image folder"
    }.items():
        with pytest.raises(ImageError) as caught:
            open_image(linked, name, follow_links=True)
        assert words in caught.value.message, name


def test_the_folder_itself_may_be_a_link(linked):
    Image.new("RGB", (4, 4), "red").save(linked.parent / "store" / "b.png")
    (linked.parent / "photos").symlink_to("store")
    for name in ("b.png", str(linked.parent / "photos" / "b.png"), str(linked.parent / "store" / "b.png")):
        assert open_image(linked.parent / "photos", name).size == (4, 4)
