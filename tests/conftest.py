"""The people of every test, each as the repository that they may see and change."""

from typing import Any

import pytest

from inbox import fhir
from inbox.fhir.guard import Guarded
from inbox.fhir.store import Store
from inbox.models import Practice
from tests import clinic


@pytest.fixture
def practice(db: Any) -> Practice:
    """Springfield: alice, bob, charlie, sam and the patient homer."""
    practice = fhir.create_practice("springfield", "Springfield Clinic")
    fhir.bulk_load(practice, clinic.people())
    return practice


@pytest.fixture
def system(practice: Practice) -> Store:
    """The whole practice, without a guard."""
    return fhir.system(practice.pk)


@pytest.fixture
def alice(practice: Practice) -> Guarded:
    """A clinician."""
    return clinic.connect(practice, "Practitioner/alice", "clinician")


@pytest.fixture
def bob(practice: Practice) -> Guarded:
    """A clinician of alice's team."""
    return clinic.connect(practice, "Practitioner/bob", "clinician")


@pytest.fixture
def homer(practice: Practice) -> Guarded:
    """A patient."""
    return clinic.connect(practice, "Patient/homer", "patient")


@pytest.fixture
def charlie(practice: Practice) -> Guarded:
    """A clinician who takes part in nothing: the stranger."""
    return clinic.connect(practice, "Practitioner/charlie", "clinician")


@pytest.fixture
def sam(practice: Practice) -> Guarded:
    """A supervisor, who reads everything and changes nothing."""
    return clinic.connect(practice, "Practitioner/sam", "supervisor")
