"""What a database does for a statement: the indexes it uses, the tables it reads whole, how much it sorts."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

SOURCES = re.compile(r"json_each|u|[as]\d+|j|CONSTANT ROW|\(subquery-\d+\)")
"""What SQLite may scan: lists that are as short as a page."""


@dataclass
class Plan:
    """`sorted` counts rows on PostgreSQL; on SQLite it is 0, or more where anything but the last merge is sorted."""

    sql: str
    text: str
    indexes: set[str] = field(default_factory=set)
    scanned: set[str] = field(default_factory=set)
    sorted: int = 0
    read: int = 0


def of(call: Callable[[], object]) -> list[Plan]:
    """The plan of every SELECT that a call makes, the call having been made before."""
    with CaptureQueriesContext(connection) as captured:
        call()
    texts = [query["sql"] for query in captured.captured_queries]
    return [_plan(sql) for sql in texts if sql.startswith(("SELECT", "WITH"))]


def _plan(sql: str) -> Plan:
    return _postgres(sql) if connection.vendor == "postgresql" else _sqlite(sql)


def _sqlite(sql: str) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        lines = [(parent, detail) for _, parent, _, detail in cursor.fetchall()]
    plan = Plan(sql, "\n".join(detail for _, detail in lines))
    for parent, detail in lines:
        plan.indexes |= set(re.findall(r"INDEX (\w+)", detail))
        if (scan := re.match(r"SCAN (\S+)", detail)) and not SOURCES.fullmatch(scan[1]):
            plan.scanned.add(scan[1])
        plan.sorted += parent != 0 and detail == "USE TEMP B-TREE FOR ORDER BY"
    return plan


def _postgres(sql: str) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        (answer,) = cursor.fetchone()
    tree = answer[0]["Plan"]
    plan = Plan(sql, json.dumps(tree, indent=1))
    for node in _nodes(tree):
        rows = round(node["Actual Rows"] * node["Actual Loops"])
        dropped = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
        plan.read += round(rows + dropped) if "Scan" in node["Node Type"] else 0
        if "Index Name" in node:
            plan.indexes.add(node["Index Name"])
        if node["Node Type"] == "Seq Scan" and node["Actual Loops"]:
            plan.scanned.add(node["Relation Name"])
        if node["Node Type"] == "Sort":
            plan.sorted = max(plan.sorted, rows)
    return plan


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree
    for child in tree.get("Plans", []):
        yield from _nodes(child)


def steps(call: Callable[[], object]) -> int:
    """How much SQLite computes for a call, in tens of its virtual machine's steps: the same on every machine."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(tick, 10)
    try:
        call()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return count
