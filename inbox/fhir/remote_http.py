"""HTTP to one remote FHIR server: pooled connections, tokens, time limits, retries, and errors as `outcome` names them.

A request is repeated only where a repeat is harmless: a read, or a write that carries a condition.
"""

import json
import logging
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from . import outcome, rows
from .remote_token import Credentials, Tokens
from .types import Params, Resource

log = logging.getLogger(__name__)

JSON = "application/fhir+json"
RETRIES = 2
PAUSE = 0.1
PATIENT = 2.0
"""Seconds of `Retry-After` that are waited for here; a longer one is told to the person."""
AWAY = 10
"""Seconds after which a person is told to try again, when the server does not say."""
REDIRECTS = 3


class Away(outcome.Busy):
    """The FHIR server does not answer; try again in a moment.

    `wait` are the seconds that the server asked for; `again` says whether another try at once makes sense.
    """

    def __init__(self, text: str = "", *, wait: int = 0, again: bool = True) -> None:
        super().__init__(text)
        self.wait = wait
        self.again = again
        self.retry_after = wait or AWAY


@dataclass(frozen=True)
class Answer:
    """What the server answered: the status, and the resource if there was one."""

    status: int
    body: Resource = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Server:
    """One remote server; `base` is its FHIR base without a slash at the end, `timeout` seconds for one answer."""

    def __init__(
        self,
        base: str,
        credentials: Credentials,
        *,
        timeout: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=30)
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 3.0)), limits=limits, transport=transport
        )
        self.tokens = Tokens(self._http, credentials)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Read; `path` is below the base, or a whole address below it (a `next` link)."""
        return self._asked("GET", path, params=params, repeat=True)

    def probe(self) -> None:
        """Ask whether the server is there, once; raises Busy when it is not."""
        self._once("GET", self._url("metadata"), None, {"Accept": JSON})

    def search(self, path: str, params: Params) -> Answer:
        """Search by POST, for questions that are too long for an address."""
        return self._asked("POST", f"{path}/_search", form=params, repeat=True)

    def send(self, method: str, path: str, body: Resource | None = None, **headers: str) -> Answer:
        """Write; `headers` are `if_match` (a version) and `if_none_exist` (a query)."""
        named = {"If-Match": f'W/"{headers["if_match"]}"'} if headers.get("if_match") else {}
        if headers.get("if_none_exist"):
            named["If-None-Exist"] = headers["if_none_exist"]
        return self._asked(method, path, body=body, headers=named, repeat=bool(named))

    def bundle(self, bundle: Resource, *, repeat: bool) -> list[Resource]:
        """The entries of the answer to a batch or transaction, in order; `repeat` says whether a repeat is harmless."""
        body = self._asked("POST", "", body=bundle, repeat=repeat).body
        entries = body.get("entry", [])
        if len(entries) != len(bundle["entry"]):
            raise Away("The FHIR server answered a bundle with another number of entries.")
        return [one if isinstance(one, dict) else {} for one in entries]

    def _asked(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Resource | None = None,
        form: Params | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool,
    ) -> Answer:
        url = self._url(path)
        if params:
            url = f"{url}?{urlencode(params)}"
        content = urlencode(form).encode() if form else rows.dumps(body).encode() if body is not None else None
        kind = {"Content-Type": "application/x-www-form-urlencoded" if form else JSON} if content is not None else {}
        for attempt in range(RETRIES + 1):
            try:
                return self._once(method, url, content, {"Accept": JSON, **kind, **(headers or {})})
            except Away as error:
                if not (repeat and error.again) or attempt == RETRIES or error.wait > PATIENT:
                    raise
                time.sleep(PAUSE * 2**attempt * random.uniform(0.5, 1.5))
        raise Away()

    def _once(self, method: str, url: str, content: bytes | None, headers: dict[str, str]) -> Answer:
        """One request; a second one with a new token where the first was refused, as a refused one did nothing."""
        for last in (False, True):
            token = self.tokens.current()
            if token:
                headers["Authorization"] = f"Bearer {token}"
            answer = self._followed(method, url, content, headers)
            if answer.status_code != 401 or last or not self.tokens.refused(token):
                break
        return _read(answer)

    def _followed(self, method: str, url: str, content: bytes | None, headers: dict[str, str]) -> httpx.Response:
        """The answer after redirects of a read inside the base; nothing is ever sent to another address."""
        try:
            for _ in range(REDIRECTS):
                answer = self._http.request(method, url, content=content, headers=headers)
                if not answer.is_redirect or method != "GET":
                    break
                url = self._url(urljoin(url, answer.headers.get("Location", "")))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("%s %s: %s", method, _place(url), type(error).__name__)
            raise Away() from None
        if answer.is_redirect:
            raise Away("The FHIR server sends us to another address, which is not followed.", again=False)
        return answer

    def _url(self, path: str) -> str:
        """An address below the base; raises Away for any other one."""
        if "://" not in path:
            if {".", ".."} & set(path.partition("?")[0].split("/")):
                raise outcome.NotFound()  # an id that no address can hold
            return f"{self.base}/{path}" if path else self.base
        at, base = urlsplit(path), urlsplit(self.base)
        inside = at.path == base.path or at.path.startswith(f"{base.path}/")
        if (at.scheme, at.netloc) != (base.scheme, base.netloc) or not inside or ".." in at.path:
            log.error("an address outside %s was not followed: %s", self.base, _place(path))
            raise Away("The FHIR server names an address that is not its own; it is not followed.", again=False)
        return path


def _place(url: str) -> str:
    """An address without its query, which may hold what people look for."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _read(answer: httpx.Response) -> Answer:
    """The answer as a resource; raises what its status means."""
    try:
        body = rows.loads(answer.text) if answer.content else {}
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if answer.status_code >= 400:
        raise error_of(answer.status_code, body if isinstance(body, dict) else {}, answer.headers)
    if not isinstance(body, dict):
        raise Away("The answer of the FHIR server can not be read.")
    return Answer(answer.status_code, body, answer.headers)


ERRORS: dict[int, type[outcome.FHIRError]] = {
    400: outcome.Invalid,
    403: outcome.Forbidden,
    404: outcome.NotFound,
    409: outcome.Conflict,
    410: outcome.Gone,
    412: outcome.Stale,
    413: outcome.TooLarge,
    422: outcome.Unprocessable,
}


def error_of(status: int, body: Resource, headers: Mapping[str, str] | None = None) -> outcome.FHIRError:
    """The error that an answer means, with the text and the place of the server's OperationOutcome."""
    text, expression, codes = _issue(body)
    if status == 401:
        log.error("the FHIR server does not accept our credentials: %s", text)
        return Away("The FHIR server does not let this product in. Try again later.", again=False)
    if status >= 500 or status in (408, 425, 429):
        return Away(text, wait=_wait(headers or {}))
    kind = ERRORS.get(status, outcome.Unprocessable)
    if status == 412 and ("multiple-matches" in codes or "multiple" in text.lower()):
        kind = outcome.MultipleMatches
    if status in (400, 422) and ("not-found" in codes or text.lower().startswith("invalid reference")):
        kind = outcome.UnknownReference
    return kind(text, expression=expression)


def _issue(body: Resource) -> tuple[str, list[str], set[str]]:
    """Text, expressions and codes of an OperationOutcome, of any shape that servers give it."""
    found: Any = body.get("issue")
    issues: list[dict[str, Any]] = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    texts, places = [], []
    for one in issues:
        details = one.get("details")
        named = details.get("text") if isinstance(details, dict) else ""
        texts.append(str(named or one.get("diagnostics") or ""))
        where = one.get("expression") or one.get("location")
        places += [str(place) for place in where] if isinstance(where, list) else []
    codes = {str(one.get("code")) for one in issues} | {str(body.get("id"))}
    return next(filter(None, texts), "")[:500], places[:10], codes


def _wait(headers: Mapping[str, str]) -> int:
    """Seconds of `Retry-After`; 0 where there is none, or a date."""
    text = headers.get("Retry-After", "")
    return min(max(int(text), 1), 3600) if re.fullmatch("[0-9]{1,8}", text) else 0
