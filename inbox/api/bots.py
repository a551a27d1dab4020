"""Bots: who may read one may call it. They are functions of this server and are not written through the API."""

import logging
from collections.abc import Callable, Iterable
from typing import IO, Any, cast

from django.db import DatabaseError
from django.http import HttpResponse
from django.urls import path, re_path
from rest_framework.request import Request
from rest_framework.response import Response

from inbox.bots import registry
from inbox.bots.registry import Bot, BotError, Reply
from inbox.fhir import outcome, rows, searchset
from inbox.fhir.repository import Page

from .base import FHIRView
from .binary import AnyForm
from .negotiation import FHIR_JSON, body, loads

log = logging.getLogger(__name__)

OPAQUE = "application/octet-stream"
FORM = "application/x-www-form-urlencoded"
SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'"}


class BotView(FHIRView):
    def visible(self, bots: Iterable[Bot | None]) -> list[Bot]:
        """Those of these that the policy lets the caller read; raises Forbidden when it has no bots at all."""
        if not self.repo.may("read", "Bot"):
            raise outcome.Forbidden()
        return [one for one in bots if one is not None and self.repo.may("read", "Bot", one.resource)]

    def one(self, bots: Iterable[Bot | None]) -> Bot:
        """The first that may be read; raises NotFound."""
        found = next(iter(self.visible(bots)), None)
        if found is None:
            raise outcome.NotFound()
        return found


class Bots(BotView):
    """`/Bot`: all that may be called."""

    def get(self, request: Request) -> Response:
        found = self.visible(registry.every())
        params = self.query()
        for name, value in params:
            if name == "_id":
                found = [one for one in found if one.id in value.split(",")]
            elif name == "identifier":
                found = [one for one in found if one in registry.find(value)]
            else:
                raise outcome.Invalid(f"Unknown search parameter “{name[:64]}” for Bot.", expression=name[:64])
        return Response(searchset.of_page("Bot", params, Page([one.resource for one in found]), self.url))


class OneBot(BotView):
    """`/Bot/echo`."""

    def get(self, request: Request, id: str) -> Response:
        self.no_parameters()
        return Response(self.one([registry.get(id)]).resource)


class Execute(BotView):
    """`/Bot/echo/$execute` and `/Bot/$execute?identifier=…`: call a bot with a body of any content type."""

    content_negotiation_class = AnyForm

    def post(self, request: Request, id: str = "") -> HttpResponse | Response:
        bot = self.one([registry.get(id)] if id else self._named())
        kind = (request.content_type or OPAQUE).strip()
        given = _input(body(cast("IO[bytes]", request._request)), kind)
        repo: Any = self.repo
        repo.trail.read("execute", "Bot", bot.id)
        return _answer(_run(bot, repo, given, kind), kind)

    def _named(self) -> list[Bot]:
        params = self.query()
        if [name for name, _ in params] != ["identifier"]:
            raise outcome.Invalid("Name the bot by its id, or by “identifier”.", expression="identifier")
        return list(registry.find(params[0][1]))


urlpatterns = [
    path("fhir/R4/Bot", Bots.as_view()),
    path("fhir/R4/Bot/$execute", Execute.as_view()),
    path("fhir/R4/Bot/<str:id>/$execute", Execute.as_view()),
    re_path(r"^fhir/R4/Bot/(?P<id>[A-Za-z0-9.-]{1,64})$", OneBot.as_view()),
]


def _run(bot: Bot, repo: Any, given: Any, kind: str) -> Any:
    """The result of a bot; what it raises becomes an outcome. The store's own refusals keep their status."""
    try:
        return bot.run(repo, given, kind)
    except (outcome.FHIRError, DatabaseError):
        raise
    except BotError as error:
        raise outcome.Invalid(str(error) or "The bot could not do this.") from None
    except Exception as error:
        log.exception("the bot %s failed", bot.id)
        raise outcome.Invalid(f"The bot {bot.id} failed ({type(error).__name__}).") from None


def _input(content: bytes, kind: str) -> Any:
    """What a bot is given: JSON as Python values (None for no body), text as text, the rest as bytes."""
    bare = _bare(kind)
    if _is_json(bare):
        return loads(content) if content.strip() else None
    if bare.startswith("text/") or bare == FORM:
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise outcome.Invalid("A text is UTF-8.") from None
    return content


def _answer(result: Any, kind: str) -> HttpResponse:
    """Text as text, bytes as they are, the rest as JSON; in the form of the input where that is one for it."""
    named = isinstance(result, Reply)
    content, kind = (result.content, result.content_type) if named else (result, kind)
    bare = _bare(kind)
    if content is None:
        return HttpResponse(b"", content_type=kind, headers=SANDBOX)
    if isinstance(content, bytes):
        return HttpResponse(content, content_type=kind if named else OPAQUE, headers=SANDBOX)
    if isinstance(content, str) and not (named and _is_json(bare)):
        textual = bare.startswith("text/") or (named and bool(bare))
        named_kind = kind if textual else "text/plain; charset=utf-8"
        return HttpResponse(_bytes(lambda: str(content)), content_type=named_kind, headers=SANDBOX)
    form = kind if _is_json(bare) else FHIR_JSON
    return HttpResponse(_bytes(lambda: rows.dumps(content)), content_type=form, headers=SANDBOX)


def _bytes(text: Callable[[], str]) -> bytes:
    """A text as UTF-8, whatever the content type says of other character sets; raises Invalid for what is none."""
    try:
        return text().encode()
    except (TypeError, ValueError, RecursionError):
        raise outcome.Invalid("The answer of the bot is no text and no JSON.") from None


def _bare(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


def _is_json(bare: str) -> bool:
    return bare.endswith(("/json", "+json"))
