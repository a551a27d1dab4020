"""Taking times: servers in turn, medians, and how sure the ratio of two medians is."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import httpx

WARM = 50
SAMPLES = 200
LEAST = 4
"""Samples of a server that is so slow that its time is used up before there are `SAMPLES`."""
SECONDS = 4.0
DRAWS = 1_000


@dataclass
class Asked:
    """One request to one server, and the seconds that each answer took."""

    http: httpx.Client
    request: httpx.Request
    times: list[float]
    content: bytes = b""
    spent: float = 0

    def once(self) -> float:
        """Ask; raises RuntimeError for any answer but 200."""
        began = time.perf_counter()
        answer = self.http.send(self.request)
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{self.request.url} answered {answer.status_code}: {answer.text[:500]}")
        self.content = answer.content
        self.spent += took
        return took


def take(asked: Sequence[Asked], *, warm: int = WARM, samples: int = SAMPLES, seconds: float = SECONDS) -> None:
    """Time the same operation on several servers in turn, so that whatever disturbs one disturbs all alike."""
    for one in asked:
        for _ in range(warm):
            one.once()
            if one.spent > seconds / 4:
                break
        one.spent = 0
    for _ in range(samples):
        for one in asked:
            if len(one.times) < LEAST or one.spent < seconds:
                one.times.append(one.once())


def percentile(times: Sequence[float], part: float) -> float:
    """The time under which this part of all times lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def ratio(slow: Sequence[float], fast: Sequence[float]) -> tuple[float, float, float]:
    """How much longer the median of one is than that of the other, with the bounds of its 95 % interval.

    By bootstrap: the medians of samples that are drawn anew from the samples.
    """
    chance = random.Random(1)
    drawn = sorted(_drawn(chance, slow) / _drawn(chance, fast) for _ in range(DRAWS))
    return median(slow) / median(fast), drawn[int(DRAWS * 0.025)], drawn[int(DRAWS * 0.975)]


def _drawn(chance: random.Random, times: Sequence[float]) -> float:
    return median(chance.choices(times, k=len(times)))
