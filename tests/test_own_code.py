"""A user's files: what they may import, that they do not mix, and that every change of them is noticed."""

from __future__ import annotations

import hashlib
import importlib
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gmner_cli.classes import own_code
from gmner_cli.classes.own_code import digests, load, place_of
from gmner_cli.errors import ModelError, UsageError


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """``mine(name=text, ...)`` writes files of the folder ``mine``; ``mine.get(file, name)`` imports one."""
    folder = tmp_path / "mine"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def write(files: dict[str, str], place: Path = folder) -> Path:
        for name, text in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        return place

    def get(name: str = "WORD", file: str = "model.py", place: Path = folder):
        path = f"{place / file}:{name}"
        return load(path, trusted=[path])[0]

    write.get, write.folder = get, folder
    write.digests = lambda file="model.py", place=folder: digests(f"{place / file}:X")
    before = list(sys.path)
    yield write
    assert sys.path == before


STATEMENTS = {
    "import helper\nWORD = helper.WORD": ["helper.py"],
    "import helper as other\nWORD = other.WORD": ["helper.py"],
    "from helper import WORD": ["helper.py"],
    "from helper import *": ["helper.py"],
    "from . import helper\nWORD = helper.WORD": ["helper.py"],
    "from .helper import WORD": ["helper.py"],
    "import nets.deep.leaf\nWORD = nets.deep.leaf.WORD": [
        "nets/__init__.py",
        "nets/deep/leaf.py",
        "helper.py",
    ],
    "import nets.deep.leaf as leaf\nWORD = leaf.WORD": ["nets/__init__.py", "nets/deep/leaf.py", "helper.py"],
    "from nets.deep import leaf\nWORD = leaf.WORD": ["nets/__init__.py", "nets/deep/leaf.py", "helper.py"],
    "from .nets.deep.leaf import WORD": ["nets/__init__.py", "nets/deep/leaf.py", "helper.py"],
    "from nets import up\nWORD = up.WORD": ["nets/__init__.py", "nets/up.py", "helper.py"],
    "WORD = __import__('helper').WORD": None,
    "import importlib\nWORD = importlib.import_module('.helper', __package__).WORD": ["helper.py"],
    "from . import WORD": ["__init__.py"],
}
FILES = {
    "helper.py": "WORD = 'said'",
    "nets/__init__.py": "",
    "nets/deep/leaf.py": "import helper\nWORD = helper.WORD",
    "nets/up.py": "from ..helper import WORD",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_file_imports_its_neighbours_and_all_are_counted(mine, statement):
    mine({**FILES, "model.py": statement})
    if "import WORD" in statement and statement.startswith("from . "):
        mine({"__init__.py": "WORD = 'said'"})
    assert mine.get() == "said"
    names = STATEMENTS[statement]
    if names is not None:
        found = mine.digests()
        assert next(iter(found)) == "model.py" and sorted(found) == sorted(["model.py", *names])
        assert found["model.py"] == hashlib.sha256(statement.encode()).hexdigest()


def test_what_is_imported_late_works_on_threads_and_is_counted_before_it_runs(mine):
    mine(
        {
            **FILES,
            "model.py": "def ask():\n    from nets.deep import leaf\n    import helper\n"
            "    return leaf.WORD + helper.WORD",
        }
    )
    assert sorted(mine.digests()) == ["helper.py", "model.py", "nets/__init__.py", "nets/deep/leaf.py"], (
        "before it is run"
    )
    ask = mine.get("ask")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: ask(), range(20))) == {"saidsaid"}


def test_an_installed_module_of_the_name_wins_and_that_is_said_once(mine, capsys):
    own_code._say_once.cache_clear()
    mine(
        {
            "yaml.py": "WORD = 'mine'",
            "random.py": "WORD = 'mine'",
            "model.py": "import random, yaml\nimport yaml as again\nfrom . import yaml as own\n"
            "WORD = [hasattr(yaml, 'safe_load'), "
            "hasattr(random, 'shuffle'), own.WORD]",
        }
    )
    assert mine.get() == [True, True, "mine"]
    said = capsys.readouterr().err
    assert (
        said.count("`import yaml`") == said.count("`import random`") == 1 and "`from . import yaml`" in said
    )
    assert sorted(mine.digests()) == ["model.py", "yaml.py"], "the one that was asked for by its place"


def test_a_module_of_the_working_directory_hides_no_neighbour(mine, monkeypatch):
    """``python -m gmner_cli`` has it in sys.path."""
    mine({"helper.py": "WORD = 'beside'", "model.py": "from helper import WORD"})
    Path("helper.py").write_text("WORD = 'here'")
    for place in (Path.cwd(), mine.folder):
        monkeypatch.chdir(place)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [str(place), *sys.path])
            assert sorted(mine.digests()) == ["helper.py", "model.py"]
            own_code._folders.clear()
            assert mine.get() == "beside"


def test_the_tool_itself_is_never_a_neighbour(mine, monkeypatch):
    """Where a recipe lies in a clone of it, and nothing is installed."""
    mine({"gmner_cli/__init__.py": "", "model.py": "from gmner_cli.model import Model as WORD"})
    from gmner_cli.model import Model

    assert mine.get() is Model and list(mine.digests()) == ["model.py"]


def test_sys_path_stays_as_it_is_also_meanwhile_and_nothing_leaks(mine):
    before = list(sys.path)
    mine({"helper.py": "import sys\nPATH = list(sys.path)", "model.py": "import helper\nWORD = helper.PATH"})
    assert mine.get() == before and "helper" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("helper")
    assert not list(mine.folder.rglob("__pycache__")), "and nothing is written"


def test_files_of_one_name_in_two_folders_do_not_mix(mine, tmp_path):
    text = "import helper\ndef word():\n    import late\n    return helper.WORD, late.WORD\nclass Kind: pass"
    places = []
    for name in ("one", "two"):
        places.append(
            mine(
                {"model.py": text, "helper.py": f"WORD = {name!r}", "late.py": f"WORD = {name!r}"},
                tmp_path / name,
            )
        )
    words = [mine.get("word", place=place) for place in places]
    assert [word() for word in words] == [("one", "one"), ("two", "two")]
    kinds = [mine.get("Kind", place=place) for place in places]
    assert kinds[0] is not kinds[1] and kinds[0] is mine.get("Kind", place=places[0])


def test_what_changed_is_imported_anew_and_what_runs_keeps_its_own(mine):
    mine(
        {
            "helper.py": "WORD = 'old'",
            "model.py": "import helper\ndef word():\n    import late\n    return helper.WORD, late.WORD",
            "late.py": "WORD = 'old'",
        }
    )
    old = mine.get("word")
    assert old() == ("old", "old") and mine.get("word") is old, "nothing changed"
    mine({"helper.py": "WORD = 'new'"})  # as long, and within the same second
    new = mine.get("word")
    assert new() == ("new", "old") and old() == ("old", "old")
    mine({"model.py": "def word(:"})
    with pytest.raises(UsageError, match=r"model.py:1: .*invalid syntax"):
        mine.get("word")
    mine({"model.py": "word = 5"})
    assert mine.get("word") == 5


def test_a_missing_neighbour_of_a_function_is_no_package_to_install(mine):
    from gmner_cli.errors import foreign

    mine({"model.py": "def word():\n    from .nothing_such import x"})
    with pytest.raises(ModuleNotFoundError, match="there is no .nothing_such in") as caught:
        mine.get("word")()
    assert foreign(caught.value) is None and place_of(caught.value) == f"{mine.folder / 'model.py'}:2"


def test_its_objects_can_be_pickled(mine):
    mine(
        {
            "helper.py": "class Kind:\n    pass",
            "model.py": "from helper import Kind\nclass Mine(Kind):\n    x = 1",
        }
    )
    for name in ("Kind", "Mine"):
        kind = mine.get(name)
        assert type(pickle.loads(pickle.dumps(kind()))) is kind


@pytest.mark.parametrize(
    "name", ["my-model.py", "model.v2.py", "50%.py", "torch.py", "import.py", "ñ model.py"]
)
def test_a_file_may_be_called_anything(mine, name):
    mine({**FILES, name: "import helper, torch\nWORD = helper.WORD, torch.nn.__name__"})
    assert mine.get(file=name) == ("said", "torch.nn") and sorted(mine.digests(name)) == sorted(
        [name, "helper.py"]
    )


def test_a_linked_folder_is_the_same_and_a_linked_file_has_the_neighbours_of_the_link(mine, tmp_path):
    mine({**FILES, "model.py": "import helper\nclass Kind:\n    word = helper.WORD"})
    (tmp_path / "link").symlink_to(mine.folder)
    assert mine.get("Kind") is mine.get("Kind", place=tmp_path / "link")
    other = mine({"helper.py": "WORD = 'other'"}, tmp_path / "other")
    (other / "model.py").symlink_to(mine.folder / "model.py")
    assert mine.get("Kind", place=other).word == "other"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "import nothing_such",
            ["model.py:1: model", "No module named 'nothing_such'", "put nothing_such.py beside model.py"],
        ),
        ("\nfrom .nothing_such import x", ["model.py:2: model", "there is no .nothing_such in "]),
        ("from .. import x", ["model.py:1", "attempted relative import beyond top-level package"]),
        ("import broken", ["broken.py:2", "invalid syntax"]),
        ("from helper import WURD", ["model.py:1", "cannot import name 'WURD' from 'helper'"]),
        ("x = '\0'", ["model.py:1", "null bytes"]),
    ],
)
def test_what_cannot_be_imported_is_placed_in_the_users_file(mine, text, words):
    mine({**FILES, "broken.py": "x = 1\nx = = 1", "model.py": text})
    with pytest.raises(UsageError) as caught:
        mine.get()
    assert all(word in str(caught.value) for word in words) and "gmner_own_" not in str(caught.value)


def test_a_neighbour_may_be_optional(mine):
    mine(
        {
            "model.py": "try:\n    import nothing_such\nexcept ModuleNotFoundError:\n    pass\n"
            "try:\n    from . import nothing_such\nexcept ImportError:\n    WORD = 'without'"
        }
    )
    assert mine.get() == "without"
    mine({"nothing_such.py": ""})
    assert sorted(mine.digests()) == ["model.py", "nothing_such.py"], "as soon as it is there"


def test_an_error_is_placed_in_the_users_file(mine):
    mine(
        {
            "helper.py": "def fail():\n    return {}['x']",
            "model.py": "import helper\ndef word():\n    return helper.fail()",
        }
    )
    try:
        mine.get("word")()
    except KeyError as problem:
        assert place_of(problem) == f"{mine.folder / 'helper.py'}:2"
    assert place_of(KeyError()) is None


def test_code_of_an_installed_package_counts_as_far_as_it_is_of_that_package(mine, monkeypatch):
    package = mine(
        {
            "mylab/__init__.py": "",
            "mylab/model.py": "import torch, yaml\nfrom mylab.helper import X\nfrom . import other",
            "mylab/helper.py": "X = 1",
            "mylab/other.py": "",
            "mylab/unused.py": "",
            "beside.py": "",
        },
        mine.folder.parent / "site",
    )
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(package)])
        found = digests("mylab.model:X")
    assert list(found) == ["mylab/model.py", "mylab/__init__.py", "mylab/helper.py", "mylab/other.py"]
    assert not digests("mylab.nothing:X") and not digests("gmner_cli.model:Model")


@pytest.mark.parametrize("path", ["gmner_cli.x:evil.py:X", "evil.py:X", "gmner_cli.evil.py:X"])
def test_code_that_nobody_trusts_does_not_run(mine, path):
    (Path.cwd() / path.rpartition(":")[0]).write_text("raise SystemExit('it ran')")
    with pytest.raises(ModelError, match="wants to run code"):
        load(path)


def test_digests_follow_the_content_alone(mine, tmp_path):
    mine({**FILES, "model.py": "import nets.up", "unused.py": ""})
    before = mine.digests()
    assert list(before) == ["model.py", "helper.py", "nets/__init__.py", "nets/up.py"]
    shutil.move(mine.folder, tmp_path / "moved")
    assert mine.digests(place=tmp_path / "moved") == before
    (tmp_path / "moved" / "helper.py").write_text("WORD = 2")
    after = mine.digests(place=tmp_path / "moved")
    assert [name for name in before if before[name] != after[name]] == ["helper.py"]
