"""Each probe, asked of the embedded store and of the store in memory that judges the mutants."""

import pytest

from .conftest import SHIPPED, Clinic
from .judges import person
from .probes import PROBES, Probe


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_on_the_embedded_store(clinic: Clinic, probe: Probe) -> None:
    assert probe.ask(clinic[probe.who]) == probe.expected


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_in_memory(probe: Probe) -> None:
    assert probe.ask(person(probe.who, SHIPPED[probe.policy])) == probe.expected
