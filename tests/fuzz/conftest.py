"""Who asks at random, and how long."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse

from inbox import fhir
from inbox.models import Practice
from tests.api import tokens
from tests.api.conftest import Api

from . import judges, world
from .asking import Ask
from .values import Dice

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
"""How long to ask, all tests together; without it each test asks so many times."""
SEED = int(os.environ.get("FUZZ_SEED") or (SECONDS and time_ns() // 1_000_000))
"""What is asked: the same for the same seed."""
TESTS = 6
"""Among how many tests the time is shared out."""


@dataclass
class Asker:
    """Somebody with a token (or none), and how they ask."""

    api: Api

    def ask(self, one: Ask) -> tuple[HttpResponse, bytes]:
        """The answer and its body, judged."""
        headers = {name.replace("-", "_"): value for name, value in one.headers}
        answer = self.api.ask(one.method, one.path, one.body, kind=one.kind, **headers)
        body = judges.content(answer)
        judges.judged(one.method, answer, body, bot="/Bot/" in one.path)
        return answer, body


@pytest.fixture
def clinic(db: Any, settings: Any, caplog: pytest.LogCaptureFixture) -> Practice:
    """The practice that is asked; nobody asks too often, and refusals are no news."""
    settings.API_RATE = 10**9
    caplog.set_level(logging.ERROR, "django.request")
    practice = fhir.create_practice("springfield", "Springfield Clinic")
    world.build(practice)
    return practice


@pytest.fixture
def machine(clinic: Practice) -> Asker:
    """May write everything."""
    return Asker(Api(tokens.bearer(clinic, "Practitioner/alice", "integration")))


@pytest.fixture
def alice(clinic: Practice) -> Asker:
    """A clinician."""
    return Asker(Api(tokens.bearer(clinic, "Practitioner/alice", "clinician")))


@pytest.fixture
def charlie(clinic: Practice) -> Asker:
    """A clinician who does not take part in the hidden thread."""
    return Asker(Api(tokens.bearer(clinic, "Practitioner/charlie", "clinician")))


@pytest.fixture
def sam(clinic: Practice) -> Asker:
    """A supervisor, who reads everything and changes nothing."""
    return Asker(Api(tokens.bearer(clinic, "Practitioner/sam", "supervisor")))


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside is taken back, so that every example meets the same clinic."""
    with transaction.atomic("default"):
        yield
        transaction.set_rollback(True, "default")


def every(make: Callable[[Dice], Any], times: int, check: Callable[[Any], None]) -> None:
    """Check so many examples, each in a clinic that is as it was; with FUZZ_SECONDS more while there is time."""
    end, seed = monotonic() + SECONDS / TESTS, SEED
    while True:
        for number in range(times):
            _checked(make(Dice(f"{seed} {number}")), check, seed)
        seed += 1
        if monotonic() >= end:
            return


def _checked(example: Any, check: Callable[[Any], None], seed: int) -> None:
    try:
        with undone():
            check(example)
    except Exception as error:
        error.add_note(f"This was asked: {example!r}\nTo see it again: FUZZ_SEED={seed} pytest tests/fuzz")
        raise
