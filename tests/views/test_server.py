"""Where the data are: told to administrators, and no page at all for everybody else."""

from typing import Any

import pytest

from tests.views.conftest import Visit

pytestmark = pytest.mark.django_db(databases="__all__")


def test_an_administrator_reads_where_the_data_are(visit: Visit) -> None:
    answer = visit("kim").get("/server/")
    assert answer.status_code == 200
    assert "own store" in answer.content.decode()
    assert 'href="/server/"' in answer.content.decode()


def test_for_everybody_else_there_is_no_such_page(visit: Visit) -> None:
    for name in ("alice", "homer", "sam"):
        client = visit(name)
        assert client.get("/server/").content == client.get("/threads/never-was/").content
        assert client.get("/server/").status_code == 404


def test_a_remote_server_that_is_away_is_said_so(visit: Visit, settings: Any) -> None:
    client = visit("kim")
    settings.FHIR_BASE_URL, settings.FHIR_TOKEN, settings.FHIR_TIMEOUT = "http://127.0.0.1:9/fhir", "x", 1
    page = client.get("/server/").content.decode()
    assert "http://127.0.0.1:9/fhir" in page
    assert "can not be worked with at this moment" in page
