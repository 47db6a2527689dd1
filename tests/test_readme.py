"""The README and the docs: every example runs, every table is what the schemas say, the commands are what CI runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml

import pytest_reinfer.strategies  # noqa: F401 -- once for all examples: each run in-process forgets what it imports
from pytest_reinfer import command

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
UNTIMED = """
import hypothesis

slow = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=slow)
hypothesis.settings.load_profile("untimed")
"""  # other work on the machine fails nothing
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str, str]]:
    """Every example with its name and the conftest that stands before it, if one does."""
    found: list[tuple[str, str, str]] = []
    for page in PAGES:
        conftest = ""
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            if block.startswith("# conftest.py"):
                conftest = block
            else:
                name = re.search(r"def (test_\w+)", block)
                found.append((f"{page.stem}-{name.group(1) if name else len(found)}", conftest, block))
                conftest = ""
    return found


@pytest.mark.parametrize(("conftest", "block"), [each[1:] for each in examples()], ids=[each[0] for each in examples()])
def test_an_example_runs_as_it_stands(pytester: pytest.Pytester, conftest: str, block: str) -> None:
    pytester.makeini("[pytest]\nfilterwarnings = error")
    pytester.makeconftest(conftest + UNTIMED)
    pytester.makepyfile(block)
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=block.count("def test_"))
    assert "def test_" in block


def test_the_first_example_of_the_readme_finds_a_forgotten_continuation(pytester: pytest.Pytester) -> None:
    block = next(block for name, _, block in examples() if name == "README-test_exports_every_comment")
    pytester.makepyfile(re.sub(r"if \"continuation\" not in page:\n\s+return", "return", block))
    pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider").assert_outcomes(failed=1)


def test_the_tables_are_those_of_the_schemas() -> None:
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "docs" / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for page in module.PAGES:
        assert module.written(page) == (ROOT / page).read_text(encoding="utf-8"), "run: python docs/make_tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = re.sub(r"(`+)[^\n]*?\1", "", page.read_text(encoding="utf-8"))  # code holds what looks like a link
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        place = (page.parent / path) if path else page
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("heading", ["Try it", "Run the tests"])
def test_a_command_is_one_line_in_a_fenced_block_under_its_heading(heading: str) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert [block.count("\n") for block in blocks] == [1]
    assert f'"{heading}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


SHELL = re.compile(r"^```(sh|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_told() -> list[str]:
    """Every line of a shell in the pages that runs pytest or our command."""
    found = []
    for page in PAGES:
        for language, block in SHELL.findall(page.read_text(encoding="utf-8")):
            folded = re.sub(r">\n\s+|\\\n\s*|(?<=[a-z])\n\s+(?=--)", " ", block)
            lines = (re.sub(r"^(- )?(run: |- )", "", line.strip()).partition(" #")[0] for line in folded.splitlines())
            found += [line.strip() for line in lines if re.match(r"(python -m )?pytest(-reinfer)? ", line.strip())]
            assert language != "yaml" or yaml.safe_load(block)
    return found


@pytest.mark.parametrize("line", sorted({*commands_told()}))
def test_a_command_that_the_pages_tell_has_these_options(line: str, pytestconfig: pytest.Config) -> None:
    words = shlex.split(re.split(r" [|>&]", line)[0])
    if words[0] == "pytest-reinfer":
        arguments = [re.sub(r"^\$\w+$", "https://acme.reinfer.io", word) for word in words[1:]]
        assert command.parser().parse_args(arguments).command == arguments[0]
    for option in re.findall(r"--reinfer[\w-]*", line):
        pytestconfig.getoption(option.lstrip("-").replace("-", "_"))  # ValueError, if there is none
