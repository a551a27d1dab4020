import pytest

from .conftest import Clinic


pytestmark = pytest.mark.django_db(databases="__all__")


def test_the_world_is_loaded(clinic: Clinic) -> None:
    assert len(clinic.all_of("Communication")) > 20
    assert clinic["alice"].reads("Communication/T1") == 200


def test_b(clinic):
    clinic["alice"].creates(__import__("tests.access.world").access.world.message("T1", "Patient/homer"))
    test_the_world_is_loaded(clinic)


def test_c(clinic):
    test_the_world_is_loaded(clinic)
