"""All open sockets of one server process: what each is bound to, and the one loop that tells them what happened."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from inbox.fhir import outcome, rows
from inbox.fhir.types import Resource

from . import bindings, tokens
from .bindings import Binding, Watch

log = logging.getLogger(__name__)

T = TypeVar("T")

POLL = 0.5
CHECK = 2.0
"""Seconds between looks whether memberships have ended; with the time of a look well below the five promised."""
HEARTBEAT = 30.0
SEEN = 600.0
BROKEN = 5.0
MAX_BINDINGS = 100
MAX_WAITING, MAX_BYTES = 200, 4_000_000
"""Messages, and characters of them, that a socket may lag behind before it is closed."""

POLICY, TOO_SLOW, GOING_AWAY = 1008, 1013, 1001


@dataclass(eq=False)
class Socket:
    """What waits to be sent on one socket, and what it is bound to."""

    bound: dict[str, Binding] = field(default_factory=dict)
    waiting: deque[str] = field(default_factory=deque)
    size: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    code: int = 1000
    reason: str = ""

    def put(self, message: Resource | str) -> None:
        """Let a message wait to be sent; a reader who is too slow loses the socket, not the server its memory."""
        text = message if isinstance(message, str) else rows.dumps(message)
        if self.waiting and (len(self.waiting) >= MAX_WAITING or self.size + len(text) > MAX_BYTES):
            self.close(TOO_SLOW, "too slow")
            return
        self.waiting.append(text)
        self.size += len(text)
        self.news.set()

    async def take(self) -> str:
        """The next message to send."""
        while not self.waiting:
            self.news.clear()
            await self.news.wait()
        text = self.waiting.popleft()
        self.size -= len(text)
        return text

    def close(self, code: int, reason: str) -> None:
        """Ask for the end of the connection."""
        if not self.over.is_set():
            self.code, self.reason = code, reason
            self.over.set()


class Hub:
    """The sockets of a process. Everything here runs on the event loop but what `_ask` hands to its one thread."""

    def __init__(self) -> None:
        self.sockets: set[Socket] = set()
        self._coming = 0
        """Bindings on their way, for which the watch has to stay."""
        self._watch: Watch | None = None
        self._loop: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="subscriptions")

    async def bind(self, socket: Socket, token: str) -> None:
        """Bind a socket to the Subscription of a token, and say so; raises FHIRError when that can not be."""
        self._coming += 1
        try:
            binding = await self._ask(lambda: self._bound(token))
            self._room(socket, binding)
            previous = socket.bound.get(binding.token.subscription)
            binding.events = previous.events if previous else 0
            socket.bound[binding.token.subscription] = binding
        finally:
            self._coming -= 1
        socket.put(bindings.handshake(binding))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())

    def unbind(self, socket: Socket, token: str) -> None:
        """End what a token has bound on this socket; nothing where it has bound nothing, or is over."""
        try:
            claims = tokens.read(token)
        except outcome.Unauthorized:
            return
        if claims in [one.token for one in socket.bound.values()]:
            del socket.bound[claims.subscription]

    def stop(self) -> None:
        """End all sockets and the loop."""
        self._end()
        if self._loop is not None:
            self._loop.cancel()
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=False)

    def _end(self) -> None:
        for socket in self.sockets:
            socket.bound.clear()
            socket.close(GOING_AWAY, "connect again")

    def _bound(self, token: str) -> Binding:
        # The watch begins before the binding, so that nothing falls between the two.
        watch = self._watch or Watch()
        binding = bindings.bind(token)
        self._watch = watch
        return binding

    def _room(self, socket: Socket, binding: Binding) -> None:
        mine = (binding.token.practice, binding.token.membership)
        others = [one for one in self.sockets if one is not socket and mine in _memberships([one])]
        if len(others) >= settings.SOCKETS_PER_MEMBERSHIP:
            socket.close(POLICY, "too many sockets")
            raise outcome.Forbidden("Too many sockets of this membership are open.")
        if len(socket.bound) >= MAX_BINDINGS and binding.token.subscription not in socket.bound:
            raise outcome.Forbidden(f"A socket is bound to {MAX_BINDINGS} Subscriptions at most.")

    async def _run(self) -> None:
        """Look, tell and check for as long as any socket is bound."""
        checked = beat = noted = time.monotonic()
        while self._coming or any(socket.bound for socket in self.sockets):
            pause = POLL
            try:
                pause = 0.0 if await self._look() else POLL
                now = time.monotonic()
                if now - checked >= CHECK:
                    await self._check()
                    checked = now
                if now - noted >= SEEN:
                    heard = [one.token for socket in self.sockets for one in socket.bound.values()]
                    await self._ask(lambda: bindings.seen(heard))  # noqa: B023 - it is over before the next round
                    noted = now
                if now - beat >= HEARTBEAT:
                    self._beat()
                    beat = now
            except (DatabaseError, outcome.Busy):
                log.exception("sockets wait for the database; again in %.0f s", BROKEN)
                pause = BROKEN
            except Exception:
                log.exception("what happened can not be told: all sockets are closed, so that nobody waits in vain")
                self._end()
            await asyncio.sleep(pause)
        self._watch = None
        await self._ask(connections.close_all)

    async def _look(self) -> bool:
        """Tell every socket what has happened.

        Who is bound is asked after the outbox: what a client does once it has its handshake is not passed over.
        """
        watch = self._watch
        if watch is None or not await self._ask(watch.look):
            return False
        bound = [one for socket in self.sockets for one in socket.bound.values()]
        heard = await self._ask(lambda: watch.tell(bound))
        where = {one: socket for socket in self.sockets for one in socket.bound.values()}
        for one in heard:
            socket = where.get(one.binding)
            if socket is None:
                continue
            if one.text:
                socket.put(one.text)
            else:
                socket.bound.pop(one.binding.token.subscription, None)
                socket.put(outcome.NotFound(bindings.ENDED).outcome())
        return watch.tail.more

    async def _check(self) -> None:
        """Close the sockets of memberships that have ended."""
        ended = await self._ask(lambda: bindings.ended(_memberships(list(self.sockets))))
        for socket in self.sockets:
            if _memberships([socket]) & ended:
                socket.bound.clear()
                socket.close(POLICY, "access has ended")

    def _beat(self) -> None:
        for socket in self.sockets:
            for binding in socket.bound.values():
                socket.put(bindings.heartbeat(binding))

    async def _ask(self, work: Callable[[], T]) -> T:
        """Do work with the database in the one thread that has the connection."""

        def run() -> T:
            close_old_connections()
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)


def _memberships(sockets: list[Socket]) -> set[tuple[int, str]]:
    return {(one.token.practice, one.token.membership) for socket in sockets for one in socket.bound.values()}
