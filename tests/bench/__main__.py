"""`make bench`: build the data sets, measure, print one table; exit code 1 when a target is missed.

`python -m tests.bench --ops O11 --sizes 10000 1000000 --save`
"""

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

from tests.interop.peer import why_not

from . import report, servers, sets
from .measure import Asked, take
from .operations import COMPARISONS, EMPTY, O3, OPERATIONS, Operation, wrong
from .servers import Server
from .sets import Facts

SIZES = (10_000, 1_000_000)


def main(arguments: Sequence[str]) -> int:
    """Measure and report; gives the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end too
    options = _options(arguments)
    places = {size: sets.built(size) for size in sorted(options.sizes)}
    facts = {size: sets.facts(place) for size, place in places.items()}
    result = measured(_asked(options.ops), places, facts, samples=options.samples)
    (sets.folder() / "last.json").write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    if options.save:
        report.save(result)
    report.print_table(result)
    return 1 if report.missed(result) else 0


def measured(
    operations: Sequence[Operation], places: Mapping[int, Path], facts: Mapping[int, Facts], *, samples: int
) -> report.Result:
    """Ask everything of our server with each set, and what it can answer of the server of others."""
    with ExitStack() as stack:
        peers = any(one.peer for one in operations)
        other = stack.enter_context(servers.others(places[min(places)]) if peers else nullcontext())
        ours = {size: stack.enter_context(servers.ours(str(size), place)) for size, place in places.items()}
        servers.pin(0, servers.CLIENT_CORE)
        before = {size: server.memory() for size, server in ours.items()}
        empty: dict[int, list[list[float]]] = {size: [] for size in ours}
        rows, kept = [], {}
        for index, operation in enumerate(operations):
            if index in (0, len(operations) // 2):
                _empty(ours, facts, empty, samples)
            asked = _ask(operation, ours, other, facts, samples)
            kept[operation.id] = asked
            rows.append(_row(operation, asked))
        _empty(ours, facts, empty, samples)
        result = {
            "at": report.now(),
            "machine": report.machine(),
            "sets": [report.stored(one) for one in facts.values()],
            "empty": round(min(min(one) for one in next(iter(empty.values()))) * 1_000, 1),
            "drift": max(report.drift(one) for one in empty.values()),
            "memory": {size: [round(before[size]), round(server.memory())] for size, server in ours.items()},
            "operations": rows,
            "comparisons": _compared(kept, str(max(places))),
        }
    if peers and other is None:
        result["no_peer"] = why_not()
    return result


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="How long answers take with much data stored.")
    parser.add_argument("--ops", nargs="+", choices=sorted(OPERATIONS), default=["O11"])
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--save", action="store_true", help="keep the result in docs/performance.json and its table")
    return parser.parse_args(arguments)


def _asked(names: Sequence[str]) -> list[Operation]:
    """The operations of these names; the FHIR ones are compared with opening a thread."""
    found = [one for name in names for one in OPERATIONS[name]]
    return found + [one for one in O3 if "O11" in names and one not in found]


def _ask(
    operation: Operation, ours: Mapping[int, Server], other: Server | None, facts: Mapping[int, Facts], samples: int
) -> dict[str, Asked]:
    """The samples of one operation, by server; raises RuntimeError when an answer is wrong."""
    asked = {str(size): _prepared(operation, ours[size], facts[size]) for size in ours if operation.only(facts[size])}
    if other is not None and operation.peer:
        asked["peer"] = _prepared(operation, other, facts[min(facts)])
    for name, one in asked.items():
        one.once()
        part = name == "peer"
        problem = wrong(operation, facts[min(facts) if part else int(name)], one.content, part=part)
        if problem:
            raise RuntimeError(f"{name}: {operation.shown()} gave {problem}")
    take(list(asked.values()), samples=samples)
    return asked


def _prepared(operation: Operation, server: Server, facts: Facts) -> Asked:
    url = operation.url(facts)
    if not operation.page:
        return Asked(server.http, server.http.build_request("GET", url), [])
    headers = {"Accept": "text/html", "Cookie": "; ".join(f"{name}={value}" for name, value in server.cookies.items())}
    request = server.http.build_request("GET", url, headers=headers)
    del request.headers["Authorization"]
    return Asked(server.http, request, [])


def _empty(
    ours: Mapping[int, Server], facts: Mapping[int, Facts], into: dict[int, list[list[float]]], samples: int
) -> None:
    """Time an empty answer, to see whether the machine keeps its speed."""
    for size, one in _ask(EMPTY, ours, None, facts, samples).items():
        into[int(size)].append(one.times)


def _row(operation: Operation, asked: Mapping[str, Asked]) -> report.Result:
    mine = [one for name, one in asked.items() if name != "peer"]
    row: report.Result = {"id": operation.id, "name": operation.name, "request": operation.shown()}
    row["times"] = {name: report.times(one) for name, one in asked.items()}
    if len(mine) > 1:
        row["growth"] = report.growth(operation, mine[-1], mine[0])
    if "peer" in asked and operation.matches is not None:
        row["against"] = report.against(mine[-1], asked["peer"])
    return row


def _compared(kept: Mapping[str, Mapping[str, Asked]], most: str) -> list[report.Result]:
    return [
        report.comparison(one, kept[one.one][most], kept[one.other][most])
        for one in COMPARISONS
        if most in kept.get(one.one, {}) and most in kept.get(one.other, {})
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
