"""The files of the demo clinics on any day: all times move by whole days, so that the newest is recent."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from inbox.fhir.types import Resource

FOLDER = Path(__file__).parent
FILES = {
    "springfield": ("springfield-people.ndjson", "springfield-threads.ndjson"),
    "shelbyville": ("shelbyville.ndjson",),
}
NAMES = {"springfield": "Springfield Clinic", "shelbyville": "Shelbyville Clinic"}
INSTANT = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')
"""A JSON string that is a time with its second. Dates without a time, such as `birthDate`, stay as they are."""


def resources(now: datetime) -> dict[str, list[Resource]]:
    """The resources of each practice; the newest moment is of today, or of yesterday when its hour has not come yet."""
    texts = {id: "".join((FOLDER / name).read_text(encoding="utf-8") for name in names) for id, names in FILES.items()}
    newest = max(max(INSTANT.findall(text)) for text in texts.values())
    days = (now - _time(newest)) // timedelta(days=1)
    return {id: [json.loads(line) for line in shifted(text, days).splitlines()] for id, text in texts.items()}


def shifted(text: str, days: int) -> str:
    """JSON text with every time moved by whole days."""
    return INSTANT.sub(lambda match: f'"{_time(match[1]) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"', text)


def logins() -> list[dict[str, Any]]:
    """Who can sign in: e-mail, name, role, practice, profiles, policy."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "logins.json").read_text(encoding="utf-8"))
    return found


def machines() -> list[dict[str, Any]]:
    """Which machines can log in: client id, name, practice, profile, policy."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "machines.json").read_text(encoding="utf-8"))
    return found


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
