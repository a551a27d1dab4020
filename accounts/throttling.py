"""How often a client may ask: counted in the memory of each process, told in headers, refused with 429.

A count that processes share would be a row written for every read; see docs/decisions.md.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # that module reads the settings, which name this one
    from rest_framework.views import APIView

MINUTE = 60
KEPT = 10_000
"""Keys that are remembered; who has not asked for a minute is as new."""


@dataclass(frozen=True)
class Rate:
    """What is left: requests `remaining` of `limit` a minute, all of them back in `reset` seconds.

    `wait` is above 0 when this one was refused: seconds until the next is let through.
    """

    limit: int
    remaining: int
    reset: int
    wait: float = 0

    def tell(self, answer: HttpResponseBase) -> None:
        """Write the headers. Source: draft-ietf-httpapi-ratelimit-headers"""
        answer["RateLimit-Policy"] = f'"client";q={self.limit};w={MINUTE}'
        answer["RateLimit"] = f'"client";r={self.remaining};t={self.reset}'
        if self.wait:
            answer["Retry-After"] = str(math.ceil(self.wait))


class Buckets:
    """A bucket for each key: full at first, a request takes one drop, a minute fills it again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[float, float]] = {}

    def take(self, key: str, limit: int) -> Rate:
        """Count one request of a key that may make `limit` a minute."""
        now = self._clock()
        with self._lock:
            if len(self._held) >= KEPT and key not in self._held:
                self._held = {one: held for one, held in self._held.items() if now - held[1] < MINUTE}
            level, at = self._held.get(key, (float(limit), now))
            level = min(float(limit), level + (now - at) * limit / MINUTE)
            allowed = level >= 1
            level -= 1 if allowed else 0
            self._held[key] = (level, now)
        reset = math.ceil((limit - level) * MINUTE / limit)
        return Rate(limit, int(level), reset, 0 if allowed else (1 - level) * MINUTE / limit)


api = Buckets()
logins = Buckets()


class ClientThrottle(BaseThrottle):
    """API_RATE requests a minute for each client, whoever it acts for; without a token, for each address."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        asked: Any = request._request
        member = getattr(asked, "membership", None)
        key = str(member.pk) if member is not None else get_adapter().get_client_ip(asked)
        asked.rate = api.take(key, settings.API_RATE)
        self.rate: Rate = asked.rate
        return not self.rate.wait

    def wait(self) -> float:
        """Seconds until the next request is let through."""
        return self.rate.wait


def tell(request: HttpRequest, answer: HttpResponseBase) -> None:
    """Put the rate of whoever asked on the answer, if it was counted."""
    rate = getattr(request, "rate", None)
    if isinstance(rate, Rate):
        rate.tell(answer)
