"""Several people at the same moment: each call in a thread of its own, with a connection of its own."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

from django.db import connections

PATIENCE = 60.0
"""Seconds after which a call that never ends fails the test."""


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call gave or raised, all of them having begun together."""
    barrier = Barrier(len(calls), timeout=PATIENCE)
    answers: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            barrier.wait()
            answers[index] = calls[index]()
        except BaseException as error:
            answers[index] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a call never ended"
    return answers


def errors(answers: Sequence[Any]) -> list[BaseException]:
    return [one for one in answers if isinstance(one, BaseException)]
