"""What the documents say is so: settings, map of the code, links, cases."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def table(name: str) -> list[list[str]]:
    """The rows of the table between `<!-- name:begin -->` and its end, as cells."""
    part = README.split(f"<!-- {name}:begin -->")[1].split(f"<!-- {name}:end -->")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def test_the_settings_table_lists_exactly_what_the_code_reads() -> None:
    code = (ROOT / "inbox" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\b(?:env|flag|number)\(\s*\"([A-Z_]+)\"", code))
    assert {row[0] for row in table("settings")} == read


def test_the_settings_table_gives_the_defaults_of_the_code() -> None:
    code = (ROOT / "inbox" / "settings.py").read_text(encoding="utf-8")
    written = dict(re.findall(r"\b(?:env|number)\(\s*\"([A-Z_]+)\",\s*\"?([^\"\n]+?)\"?\)", code))
    for name, default in ((row[0], row[1]) for row in table("settings")):
        if default not in ("none", "off", "on in production", "./data"):
            assert written[name].replace("_", "") == default.replace("_", ""), name


def test_the_map_names_every_place_and_no_other() -> None:
    named = {row[0].rstrip("/") for row in table("map")}
    inside = {f"inbox/{one.name}" for one in (ROOT / "inbox").iterdir() if one.suffix == ".py" or one.is_dir()}
    inside -= {"inbox/__init__.py", "inbox/__pycache__"}
    folders = ("accounts", "templates", "static", "tests", "docs", "deploy", "locale")
    tops = {name for name in folders if (ROOT / name).is_dir()}
    assert named == inside | tops


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    for link in links:
        assert (document.parent / link).exists(), link


def test_the_access_cases_that_tests_name_are_explained() -> None:
    explained = set(re.findall(r"\bAC\d+\b", (ROOT / "docs" / "access.md").read_text(encoding="utf-8")))
    named = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        named |= {one.upper() for one in re.findall(r"def test_(ac\d+)_", path.read_text(encoding="utf-8"))}
    assert named
    assert named <= explained


def test_no_text_of_the_project_names_a_registry_or_a_machine() -> None:
    hosts = "|".join(("py" + "pi.org", "python" + "hosted", "npm" + "js.org", "deb." + "debian"))
    for path in ("README.md", "Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        assert not re.search(hosts, (ROOT / path).read_text(encoding="utf-8")), path
