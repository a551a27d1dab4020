"""The WebSocket `ws/subscriptions-r4`: a small ASGI application beside Django.

Whoever connects says nothing of themselves; a token that was got with a login binds the socket to a Subscription.
Messages in: `bind-with-token`, `unbind-from-token`, `ping`. Out: Bundles, `pong`, an OperationOutcome for what fails.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from inbox.fhir import outcome

from .hub import POLICY, Hub, Socket

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
"""A connection, and the events from and to it. Source: https://asgi.readthedocs.io/en/latest/specs/www.html"""

MAX_SOCKETS = 2000
MAX_MESSAGE = 8_000
UNBOUND = 60.0
"""Seconds that a socket may stay without being bound to anything."""
MESSAGES, PERIOD = 60, 10.0
"""Messages that a client may send in so many seconds."""
TOO_BIG = 1009
FAREWELL = 1.0


class Endpoint:
    """The application of one server process."""

    def __init__(self) -> None:
        self.hub = Hub()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if not welcome(scope) or len(self.hub.sockets) >= MAX_SOCKETS:
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        socket = Socket()
        self.hub.sockets.add(socket)
        works = (self._read(socket, receive), _write(socket, send), _bound_in_time(socket), socket.over.wait())
        tasks = [asyncio.ensure_future(one) for one in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hub.sockets.discard(socket)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if socket.over.is_set():
            await _say_goodbye(socket, send)

    async def _read(self, socket: Socket, receive: Receive) -> None:
        """Answer what the client says, until it leaves or says too much."""
        said: deque[float] = deque(maxlen=MESSAGES)
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if len(said) == MESSAGES and time.monotonic() - said[0] < PERIOD:
                socket.close(POLICY, "too many messages")
                return
            said.append(time.monotonic())
            text = message.get("text") or ""
            if not text or len(text) > MAX_MESSAGE:
                socket.close(TOO_BIG, f"a message is a text of at most {MAX_MESSAGE} characters")
                return
            try:
                await self._answer(socket, text)
            except outcome.FHIRError as error:
                socket.put(error.outcome())

    async def _answer(self, socket: Socket, text: str) -> None:
        try:
            message = json.loads(text)
            kind = message["type"]
            if kind == "ping":
                socket.put({"type": "pong"})
                return
            token = str(message["payload"]["token"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise outcome.Invalid("A message is JSON with a type, and for a binding with payload.token.") from None
        if kind == "bind-with-token":
            await self.hub.bind(socket, token)
        elif kind == "unbind-from-token":
            self.hub.unbind(socket, token)
        else:
            raise outcome.Invalid("A type is bind-with-token, unbind-from-token or ping.")


def welcome(scope: Scope) -> bool:
    """Whether the handshake names a host of ours and comes from no page, or from one that may call the API."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if not _ours(headers.get(b"host", "")):
        return False
    origin = headers.get(b"origin")
    return origin is None or origin in settings.CORS_ALLOWED_ORIGINS or _ours(urlsplit(origin).netloc)


def _ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


async def _write(socket: Socket, send: Send) -> None:
    """Send what waits, as fast as the client reads."""
    while True:
        await send({"type": "websocket.send", "text": await socket.take()})


async def _bound_in_time(socket: Socket) -> None:
    """End a socket that is bound to nothing for too long."""
    while True:
        before = bool(socket.bound)
        await asyncio.sleep(UNBOUND)
        if not before and not socket.bound:
            socket.close(POLICY, "bound to nothing")
            return


async def _say_goodbye(socket: Socket, send: Send) -> None:
    """Send what still waits and the reason, for a moment only: perhaps the client is why nothing gets through."""
    try:
        async with asyncio.timeout(FAREWELL):
            while socket.waiting and socket.code == POLICY:
                await send({"type": "websocket.send", "text": socket.waiting.popleft()})
            await send({"type": "websocket.close", "code": socket.code, "reason": socket.reason})
    except (TimeoutError, OSError):
        pass
