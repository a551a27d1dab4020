"""What a reader has read: one Task for each reader and thread, opened by a message and completed by reading."""

from contextlib import suppress

from django.conf import settings

from inbox import fhir
from inbox.fhir import outcome
from inbox.fhir.repository import Repository, Write
from inbox.fhir.types import Params

from . import vocabulary
from .derived import receipt_id


def unread_count(repo: Repository) -> int:
    """How many threads wait to be read: the one source for every badge."""
    if not repo.may("search", "Task"):
        return 0
    return repo.search("Task", [*_open(repo), ("_total", "accurate"), ("_count", "0")]).total or 0


def unread_threads(repo: Repository) -> list[str]:
    """The references of all threads that wait to be read."""
    threads: list[str] = []
    cursor = ""
    while repo.may("search", "Task"):
        params: Params = [*_open(repo), ("_count", str(min(1_000, settings.FHIR_MAX_COUNT)))]
        found = repo.search("Task", [*params, ("_cursor", cursor)] if cursor else params)
        threads += [one["focus"]["reference"] for one in found.resources]
        cursor = found.next
        if not cursor:
            break
    return threads


def unread_among(repo: Repository, threads: list[str]) -> dict[str, str]:
    """Those of these threads that wait to be read, and when their mark was opened; one search."""
    if not threads or not repo.may("search", "Task"):
        return {}
    params: Params = [*_open(repo), ("focus", ",".join(threads)), ("_count", str(len(threads)))]
    found = repo.search("Task", params).resources
    return {one["focus"]["reference"]: one["meta"]["lastUpdated"] for one in found}


def _open(repo: Repository) -> Params:
    code = f"{vocabulary.READ_RECEIPT_SYSTEM}|{vocabulary.READ_RECEIPT}"
    return [("code", code), ("owner", ",".join(repo.actor.profiles or (repo.actor.profile,))), ("status", "requested")]


def mark_read(repo: Repository, thread: str) -> str:
    """Complete the reader's open mark, by the system for them; gives when it was opened, or nothing.

    The caller has just read the thread through the guard; a reader's policy needs no right to write marks. A store
    that is too busy to write leaves the thread unread rather than unopened.
    """
    store = fhir.system(repo.actor.practice)
    profiles = repo.actor.profiles or (repo.actor.profile,)
    marks = store.named("Task", [receipt_id(thread, profile) for profile in profiles])
    opened = [one for one in marks.values() if one["status"] == "requested"]
    writes = [
        Write("PUT", "Task", one["id"], {**one, "status": "completed"}, one["meta"]["versionId"]) for one in opened
    ]
    with suppress(outcome.Busy, outcome.Stale):
        store.apply(writes)
    return min((str(one["meta"]["lastUpdated"]) for one in opened), default="")
