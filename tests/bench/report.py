"""From samples to a result (JSON), and from a result to the table that the document shows."""

import json
import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from .measure import Asked, percentile, ratio
from .operations import Comparison, Operation
from .sets import ROOT, Facts

Result = dict[str, Any]
DOCUMENT = ROOT / "docs" / "performance.md"
SAVED = ROOT / "docs" / "performance.json"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
PACKAGES = ("django", "djangorestframework", "django-allauth", "uvicorn", "httpx")
STEADY = 1.10
"""How far the times of an empty answer may drift during a run."""


def machine() -> Result:
    """Where and with what was measured."""
    cpu = next((one for one in _lines("/proc/cpuinfo") if one.startswith("model name")), ": " + platform.machine())
    versions = {name: version(name) for name in PACKAGES}
    return {
        "cpu": cpu.partition(": ")[2].strip(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **versions,
        "commit": _commit(),
    }


def stored(facts: Facts) -> Result:
    """What a set is."""
    return {"communications": facts.size, "seconds_to_load": facts.seconds, "megabytes": facts.megabytes}


def times(asked: Asked) -> Result:
    """The numbers of one operation on one server, in milliseconds."""
    return {
        "p50": _ms(median(asked.times)),
        "p95": _ms(percentile(asked.times, 0.95)),
        "samples": len(asked.times),
        "bytes": len(asked.content),
    }


def growth(operation: Operation, most: Asked, least: Asked) -> Result:
    """How much slower an operation is with the most data than with the least, and whether that is within its limit.

    Decided by the upper bound of the interval: what can not be told apart from too slow counts as too slow.
    """
    value, low, high = ratio(most.times, least.times)
    tail = percentile(most.times, 0.95) / percentile(least.times, 0.95)
    held = (not operation.growth or high <= operation.growth) and (not operation.tail or tail <= operation.tail)
    found = {"ratio": round(value, 2), "interval": [round(low, 2), round(high, 2)], "tail": round(tail, 2)}
    limits = {"limit": operation.growth or None, "tail_limit": operation.tail or None}
    return {**found, **limits, "held": held if operation.growth or operation.tail else None}


def against(ours: Asked, theirs: Asked) -> Result:
    """How the time of the other server compares with ours; above 1 ours is faster."""
    value, low, high = ratio(theirs.times, ours.times)
    return {"ratio": round(value, 1), "interval": [round(low, 1), round(high, 1)], "held": low > 1}


def comparison(asked: Comparison, one: Asked, other: Asked) -> Result:
    """How two operations of one server compare; decided by the upper bound, as with growth."""
    value, low, high = ratio(one.times, other.times)
    found = {"name": asked.name, "ratio": round(value, 2), "interval": [round(low, 2), round(high, 2)]}
    return {**found, "limit": asked.limit, "held": high <= asked.limit}


def drift(samples: Sequence[Sequence[float]]) -> float:
    """The largest of the medians of an empty answer, as a multiple of the smallest."""
    found = [median(one) for one in samples]
    return round(max(found) / min(found), 2)


def missed(result: Result) -> list[str]:
    """What did not reach its target, in words."""
    found = []
    for one in result["operations"]:
        if one.get("growth", {}).get("held") is False:
            found.append(f"{one['id']}: {_factor(one['growth'])} with more data, limit {one['growth']['limit']}")
        if one.get("against", {}).get("held") is False:
            found.append(f"{one['id']}: slower than the other server")
    found += [
        f"{one['name']}: {_factor(one)}, limit {one['limit']}" for one in result["comparisons"] if not one["held"]
    ]
    if result["drift"] > STEADY:
        found.append(f"an empty answer drifted by a factor of {result['drift']}: the machine was busy, run it again")
    return found


def table(result: Result) -> str:
    """The result in Markdown."""
    sizes = [str(one["communications"]) for one in result["sets"]]
    peer = any("peer" in one["times"] for one in result["operations"])
    head = ["what is asked", *(f"{_number(one)}: p50, p95 (ms)" for one in sizes), "growth (95 % interval)", "limit"]
    head += ["held"] + (["peer, 2 200: p50 (ms)", "times ours", "ours faster"] if peer else [])
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row(_cells(one, sizes, peer)) for one in result["operations"]]
    return "\n".join([*_intro(result), "", *lines, "", *_notes(result)])


def _cells(one: Mapping[str, Any], sizes: Sequence[str], peer: bool) -> Iterator[str]:
    yield f"{one['name']}<br>`{one['request']}`"
    for size in sizes:
        found = one["times"].get(size)
        yield f"{found['p50']}, {found['p95']}" if found else "–"
    grown = one.get("growth")
    yield _factor(grown) if grown else "–"
    yield f"{grown['limit']}" if grown and grown["limit"] else "–"
    yield _verdict(grown["held"]) if grown else "–"
    if peer:
        theirs, compared = one["times"].get("peer"), one.get("against")
        yield f"{theirs['p50']}" if theirs else "–"
        yield f"{compared['ratio']}" if compared else "–"
        yield _verdict(compared["held"]) if compared else "–"


def _intro(result: Result) -> Iterator[str]:
    on = result["machine"]
    yield f"Measured on {result['at'][:10]}: {on['cores']} cores ({on['cpu']}), {on['system']}, Python {on['python']},"
    yield f"SQLite {on['sqlite']}, Django {on['django']}."


def _notes(result: Result) -> Iterator[str]:
    for one in result["sets"]:
        yield (
            f"- {_number(one['communications'])} Communications: loaded in {one['seconds_to_load']} s,"
            f" {one['megabytes']} MB on disk."
        )
    yield f"- An empty answer took {result['empty']} ms and drifted by a factor of {result['drift']} during the run."
    for name, (before, after) in result["memory"].items():
        yield f"- Memory of the server with {_number(name)}: {before} MB before, {after} MB after the run."
    for one in result["comparisons"]:
        yield f"- {one['name']}: {_factor(one)} times as long, limit {one['limit']}, held: {_verdict(one['held'])}."
    if reason := result.get("no_peer"):
        yield f"- Not compared with another server: {reason}."
    yield from (f"- Missed: {one}." for one in missed(result))


def save(result: Result) -> None:
    """Keep a result beside the document, and its table in it."""
    SAVED.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8"), result), encoding="utf-8")


def with_table(text: str, result: Result) -> str:
    """The document with the table of a result."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table(result)}\n\n{END}{rest.split(END)[1]}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _row(cells: Any) -> str:
    return "| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |"


def _factor(grown: Mapping[str, Any]) -> str:
    low, high = grown["interval"]
    return f"{grown['ratio']} ({low} to {high})"


def _verdict(held: bool | None) -> str:
    return "–" if held is None else "yes" if held else "**no**"


def _number(value: Any) -> str:
    return f"{int(value):,}".replace(",", " ")


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def print_table(result: Result) -> None:
    """The result for whoever started the run."""
    sys.stdout.write(table(result) + "\n")
