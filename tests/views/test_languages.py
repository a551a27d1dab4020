"""The pages in the language that a browser asks for or a person has chosen: English and Spanish."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import polib
import pytest
from django.test import Client
from django.utils import translation

from accounts.adapter import postman
from inbox.fhir.guard import Guarded
from inbox.services import threads
from tests import visible

from .conftest import Visit

pytestmark = pytest.mark.django_db(databases="__all__")

SPANISH = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}
CATALOGUE = Path(__file__).resolve().parents[2] / "locale" / "es" / "LC_MESSAGES" / "django.po"
DAYS = "lunes|martes|miércoles|jueves|viernes|sábado|domingo"


@pytest.fixture(autouse=True)
def language_ends_with_the_test() -> Iterator[None]:
    """A request leaves its language in the thread that answered it."""
    with translation.override("en"):
        yield


def different() -> list[polib.POEntry]:
    """The entries of the catalogue whose texts are not the same in both languages."""
    return [entry for entry in polib.pofile(str(CATALOGUE)) if entry.msgid != entry.msgstr]


@pytest.fixture(scope="module")
def english() -> set[str]:
    return {entry.msgid for entry in different()}


@pytest.fixture(scope="module")
def spanish() -> set[str]:
    return {entry.msgstr for entry in different()}


@pytest.fixture
def thread(alice: Guarded) -> str:
    return threads.start(
        alice,
        patient="Patient/homer",
        people=["Practitioner/bob"],
        topic="Inhaler 7",
        tags=["lab-results"],
        text="Write me on Monday",
        client_id=str(uuid4()),
    )


def html(client: Client, path: str, **headers: str) -> str:
    return client.get(path, headers=headers).content.decode()


@pytest.mark.parametrize(
    ("name", "path", "heading"),
    [
        ("homer", "/threads/", "Mis mensajes"),
        ("homer", "/threads/?status=closed", "No hay nada cerrado"),
        ("homer", "/threads/new/", "Escribir a la clínica"),
        ("homer", "/threads/{thread}/", "Mensajes sin leer"),
        ("homer", "/threads/{thread}/sent/", "La clínica ya tiene su mensaje"),
        ("homer", "/threads/none/", "Esta página no existe o no tiene permiso para verla"),
        ("alice", "/threads/", "Bandeja de entrada"),
        ("alice", "/threads/?status=closed&tag=heart", "Quitar los filtros"),
        ("alice", "/threads/new/", "Nuevo mensaje"),
        ("alice", "/threads/{thread}/", "Nota interna"),
        ("alice", "/threads/{thread}/people/", "Agregar a una persona"),
        ("alice", "/threads/{thread}/patient/", "Otras conversaciones"),
        ("alice", "/threads/{thread}/mistake/", "Marcar como abierta por error"),
        ("sam", "/threads/", "Elija una conversación"),
    ],
)
def test_a_page_is_wholly_in_spanish_for_a_browser_that_asks_for_it(
    visit: Visit, thread: str, english: set[str], name: str, path: str, heading: str
) -> None:
    page = html(visit(name), path.format(thread=thread), **SPANISH)
    texts = visible.texts(page)
    assert re.search(r"<html lang=\"es\" dir=\"ltr\"", page)
    assert heading in texts
    assert [text for text in texts if text in english] == []


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/"])
def test_account_pages_are_wholly_in_spanish(client: Client, english: set[str], path: str) -> None:
    page = html(client, path, **SPANISH)
    assert '<html lang="es"' in page
    assert [text for text in visible.texts(page) if text in english] == []


@pytest.mark.parametrize("asked", ["", "en-US,en;q=0.9,es;q=0.5", "fr-FR,fr;q=0.9"])
def test_english_is_for_everybody_else(visit: Visit, thread: str, spanish: set[str], asked: str) -> None:
    headers = {"Accept-Language": asked} if asked else {}
    for client, path, text in (
        (Client(), "/accounts/login/", "Sign in"),
        (visit("homer"), "/threads/", "My messages"),
        (visit("alice"), f"/threads/{thread}/", "Internal note"),
    ):
        page = html(client, path, **headers)
        texts = visible.texts(page)
        assert '<html lang="en"' in page
        assert text in texts
        assert [text for text in texts if text in spanish] == []


def test_days_are_named_in_the_language_of_the_page(visit: Visit, thread: str) -> None:
    path = f"/threads/{thread}/"
    assert re.search(rf">Hoy, ({DAYS}) \d+ de [a-z]+<", html(visit("homer"), path, **SPANISH))
    assert re.search(r">Today, [A-Z][a-z]+day \d+ [A-Z][a-z]+<", html(visit("homer"), path))


def test_what_the_product_answers_is_in_spanish_too(visit: Visit, thread: str) -> None:
    empty = visit("homer").post("/threads/new/", {"client_id": "x"}, headers=SPANISH)
    assert empty.status_code == 422
    assert {"Falta corregir 3 cosas", "Escriba un mensaje."} <= set(visible.texts(empty.content.decode()))
    closed = visit("alice").post(f"/threads/{thread}/close/", {"anyway": "1"}, headers=SPANISH, follow=True)
    texts = visible.texts(closed.content.decode())
    assert "La conversación está cerrada." in texts
    assert any(text.endswith("cerró esta conversación ·") for text in texts)


def test_tags_are_stored_in_one_language_and_shown_in_each(visit: Visit, thread: str, alice: Guarded) -> None:
    assert "Lab results" in str(threads.get(alice, thread).header["category"])
    path = f"/threads/{thread}/"
    assert "Resultados de laboratorio" in visible.texts(html(visit("alice"), path, **SPANISH))
    assert "Lab results" in visible.texts(html(visit("alice"), path))


def test_a_wrong_password_is_told_in_spanish(client: Client) -> None:
    wrong = {"login": "homer@clinic.example", "password": "wrong"}
    page = client.post("/accounts/login/", wrong, headers=SPANISH).content.decode()
    assert "El correo electrónico o la contraseña no es correcto." in page
    assert "Este campo es obligatorio." in client.post("/accounts/login/", {}, headers=SPANISH).content.decode()


def test_the_mail_is_in_the_language_of_who_asked_for_it(visit: Visit, client: Client, mailoutbox: list[Any]) -> None:
    visit("homer")
    client.post("/accounts/password/reset/", {"email": "homer@clinic.example"}, headers=SPANISH)
    postman.submit(lambda: None).result()
    assert mailoutbox[0].subject == "Cree su contraseña para FHIR Inbox"
    assert "su contraseña no cambia" in mailoutbox[0].body


def choose(client: Client, language: str, *, came_from: str = "/accounts/login/", **more: str) -> Any:
    """What the button of a language sends."""
    headers = {"Referer": came_from if "//" in came_from else f"http://testserver{came_from}"}
    return client.post("/i18n/setlang/", {"language": language, **more}, headers=headers)


def test_a_chosen_language_goes_before_what_the_browser_asks_for(client: Client) -> None:
    asked = {"Accept-Language": "en"}
    assert choose(client, "es", came_from="/accounts/login/?next=/threads/new/").url.endswith("?next=/threads/new/")
    assert '<html lang="es"' in html(client, "/accounts/login/", **asked)
    choose(client, "en")
    assert '<html lang="en"' in html(client, "/accounts/login/", **SPANISH)


def test_a_language_that_there_is_not_changes_nothing(client: Client) -> None:
    choose(client, "es")
    choose(client, "tlh")
    assert '<html lang="es"' in html(client, "/accounts/login/")


def test_each_entrance_offers_the_other_language_in_its_own_words(visit: Visit) -> None:
    for client, path in ((Client(), "/accounts/login/"), (visit("homer"), "/threads/"), (visit("alice"), "/threads/")):
        offered = re.findall(r'name="language" value="(\w+)" lang="(\w+)">([^<]+)<', html(client, path))
        assert offered == [("es", "es", "Español")]
        choose(client, "es", came_from=path)
        offered = re.findall(r'name="language" value="(\w+)" lang="(\w+)">([^<]+)<', html(client, path))
        assert offered == [("en", "en", "English")]


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_choosing_a_language_never_leads_to_another_host(client: Client, where: str) -> None:
    assert choose(client, "es", came_from="https://evil.example/", next=where).url == "/"


def test_choosing_a_language_needs_the_token_of_the_form() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert choose(strict, "es").status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html(strict, "/accounts/login/"))
    assert token
    assert choose(strict, "es", csrfmiddlewaretoken=token[1]).status_code == 302
