"""The access token for a remote server: a static one, or by client credentials and renewed before it ends."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from . import outcome

log = logging.getLogger(__name__)

EARLY = 60.0
"""Seconds before its end at which a token is renewed; a short-lived one when half of its life is over."""
LIFE = 300.0
"""Seconds for which a token is used when the server does not say."""


@dataclass(frozen=True)
class Credentials:
    """How this product signs in at the server: `token` as it is, or client id and secret at `url`; nothing at all."""

    url: str = ""
    id: str = ""
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class Tokens:
    """The token that requests carry; safe to ask from several threads."""

    def __init__(
        self, http: httpx.Client, credentials: Credentials, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._token = credentials.token
        self._until = float("inf") if credentials.token else 0.0

    def current(self) -> str:
        """The token to send, empty when the server asks for none; raises Busy when none can be had."""
        if not self._credentials.url:
            return self._token
        with self._lock:
            if self._clock() >= self._until:
                self._renew()
            return self._token

    def refused(self, token: str) -> bool:
        """Note that the server answered 401 to a token; whether another try with a new one makes sense."""
        with self._lock:
            if self._credentials.url and token == self._token:
                self._until = 0.0
        return bool(self._credentials.url)

    def _renew(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.id,
            "client_secret": self._credentials.secret,
        }
        try:
            answer = self._http.post(self._credentials.url, data=form, headers={"Accept": "application/json"})
            body = answer.json() if answer.status_code == 200 else {}
            token, life = str(body["access_token"]), float(body.get("expires_in") or LIFE)
        except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
            log.error("no token from %s: %s", self._credentials.url, type(error).__name__)
            raise outcome.Busy("The FHIR server does not let this product in. Try again later.") from None
        self._token = token
        self._until = self._clock() + life - min(EARLY, life / 2)
