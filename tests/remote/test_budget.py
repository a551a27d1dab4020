"""How many requests a page asks a remote server: the number must not grow with what the page shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from inbox import fhir
from inbox.fhir.guard import Guarded
from inbox.fhir.remote_http import Server
from inbox.models import Practice
from tests import clinic
from tests.remote.conftest import Look
from tests.views.conftest import Visit, visit

__all__ = ["visit"]

pytestmark = pytest.mark.django_db(databases="__all__")


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The requests to the server inside the block, as method and address."""
    asked: list[str] = []
    real = Server._followed

    def counting(self: Server, method: str, url: str, *rest: Any) -> httpx.Response:
        asked.append(f"{method} {url.removeprefix(self.base)}")
        return real(self, method, url, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Server, "_followed", counting)
        yield asked


@pytest.mark.parametrize(("name", "list_budget", "thread_budget"), [("alice", 6, 11), ("homer", 4, 7)])
def test_pages_ask_few_questions_however_much_they_show(
    visit: Visit,
    practice: Practice,
    alice: Guarded,
    look: Look,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    list_budget: int,
    thread_budget: int,
) -> None:
    browser = visit(name)
    asked: dict[int, tuple[int, int]] = {}
    for size in (1, 12):
        threads = [clinic.start(alice, "Practitioner/bob", topic=f"Topic {number}") for number in range(size)]
        look()
        counts = []
        for path in ("/threads/?scope=all", f"/threads/{threads[-1]}/"):
            with counted(monkeypatch) as requests:
                assert browser.get(path).status_code == 200
            counts.append(len(requests))
        asked[size] = (counts[0], counts[1])
    assert asked[1] == asked[12]
    assert asked[12] <= (list_budget, thread_budget)
    assert fhir.remote_problem() == ""
