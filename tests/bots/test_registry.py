"""Bots are registered by name, those of other packages too."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox.bots import registry


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if nothing had been loaded yet; as before afterwards."""
    registry.every()
    monkeypatch.setattr(registry, "_bots", {"echo": registry._bots["echo"]})
    registry._load.cache_clear()
    yield
    registry._load.cache_clear()


def distribution(folder: Path, name: str, code: str) -> None:
    """An installed package, as pip would leave it, whose module is the bots' entry point."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{name} = {name}\n", encoding="utf-8")


def test_bots_of_another_package_are_found_and_a_broken_one_stops_nobody(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "broken_bots", "raise RuntimeError('no')\n")
    distribution(
        tmp_path,
        "clinic_bots",
        "from inbox.bots.registry import bot\n"
        "@bot('greet', name='Greet')\n"
        "def greet(repo, given, kind):\n    return f'Hello {given}'\n",
    )
    assert registry.get("greet") is None
    registry._load.cache_clear()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    found = registry.get("greet")
    assert found is not None
    assert found.run(None, "homer", "text/plain") == "Hello homer"  # type: ignore[arg-type]
    assert [one.id for one in registry.every()] == ["echo", "greet"]
    sys.modules.pop("clinic_bots", None)


def test_an_id_is_given_once(fresh: None) -> None:
    registry.bot("one", name="One")(lambda repo, given, kind: 1)
    with pytest.raises(ValueError, match="already"):
        registry.bot("one", name="Other")(lambda repo, given, kind: 2)
    with pytest.raises(ValueError, match="no FHIR id"):
        registry.bot("no id", name="X")(lambda repo, given, kind: 3)
