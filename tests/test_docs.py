"""The pages say what the code says."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path

import pytest

from sojourn.core.outcome import conclude
from sojourn.outbound import Backend

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


def test_the_page_on_requests_shows_the_table_that_decides() -> None:
    page = (ROOT / "docs/explanation/life-of-a-request.md").read_text()
    docstring = inspect.getdoc(conclude) or ""
    table = docstring[docstring.index("==") : docstring.rindex("==") + 2]

    assert table in page


def test_every_link_of_a_page_leads_to_a_file() -> None:
    for page in PAGES:
        for target in links(page):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_page_can_be_found_from_the_first() -> None:
    found, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page not in found and page.suffix == ".md":
            found.add(page)
            left += [(page.parent / target).resolve() for target in links(page)]
    assert set(PAGES) <= found


def links(page: Path) -> list[str]:
    prose = re.sub(r"```.*?```|<!---.*?--->", "", page.read_text(), flags=re.DOTALL)
    return re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose)


def test_every_file_that_a_page_names_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:core|store|inbound|cli|demo|telemetry)/[\w/]+\.py)`", page.read_text()):
            assert (ROOT / "src/sojourn" / name).exists(), f"{page.relative_to(ROOT)} names {name}"


@pytest.mark.parametrize("name", ["outbound", "settings"])
def test_a_page_of_the_reference_is_that_of_this_code(name: str) -> None:
    page = runpy.run_path(str(ROOT / f"docs/{name}.py"))["page"]()
    assert page == (ROOT / f"docs/reference/{name}.md").read_text(), "run scripts/reference"


def test_every_setting_is_described() -> None:
    settings, outbound = ((ROOT / f"docs/reference/{name}.md").read_text() for name in ("settings", "outbound"))
    assert not re.search(r"\|  \|$", settings, re.MULTILINE)
    assert set(inspect.signature(Backend).parameters) <= set(re.findall(r"^- `(\w+)`: ", outbound, re.MULTILINE))
