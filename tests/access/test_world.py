from . import world
from .conftest import Clinic


def test_the_world_is_loaded(clinic: Clinic) -> None:
    assert len(clinic.all_of("Communication")) > 20
    assert clinic["alice"].reads("Communication/T1") == 200
