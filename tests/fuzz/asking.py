"""Requests at random: addresses, searches, patches, Bundles and headers, each of them nearly one that is understood."""

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from inbox.fhir import searchparams
from inbox.fhir.types import Resource

from .values import IDS, RAW, REFERENCES, Dice, base64_of, dumped, resource
from .world import HIDDEN

FHIR, PATCH, FORM = "application/fhir+json", "application/json-patch+json", "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Ask:
    """One request; the path is below the base of the API and encoded, headers are named as HTTP names them."""

    method: str
    path: str
    body: bytes = b""
    kind: str = FHIR
    headers: tuple[tuple[str, str], ...] = ()

    def about(self, old: str, new: str) -> "Ask":
        """The same with another word in all its parts."""
        headers = tuple((name, value.replace(old, new)) for name, value in self.headers)
        body = self.body.replace(old.encode(), new.encode())
        return replace(self, path=self.path.replace(old, new), body=body, headers=headers)


TYPES = (
    "Communication", "Communication", "Communication", "Task", "Task", "Patient", "Practitioner", "Binary",
    "Observation", "Schedule", "Slot", "Subscription", "Provenance", "Encounter", "DocumentReference", "AuditEvent",
    "Bot", "Bundle", "AccessPolicy", "Parameters", "Basic", "Colour",
)  # fmt: skip
HAS = ("Communication:part-of", "Communication:subject", "Task:focus", "Provenance:target", "Slot:schedule", "Task:x")
MODIFIERS = (
    "", "", "", "not", "missing", "exact", "contains", "identifier", "text", "Patient", "Communication", "iterate",
    "above", "x", "", "missing:not",
)  # fmt: skip


CONTROLS: dict[str, tuple[str, ...]] = {
    "_count": ("0", "1", "2", "1000", "1001", "-1", "9" * 12, "x"),
    "_sort": ("_lastUpdated", "-_lastUpdated", "sent", "-sent", "_id", "-_id", "status", "x", "sent,-_id,status,x,y,z"),
    "_total": ("none", "estimate", "accurate", "x"),
    "_summary": ("true", "false", "text", "data", "count", "x"),
    "_elements": ("id", "status,note", "subject", "x", ",", "note,payload,topic"),
    "_include": ("Communication:part-of", "Communication:subject", "Communication:recipient", "Task:focus", "*"),
    "_include:iterate": ("Communication:part-of", "Communication:in-response-to", "Communication:sender"),
    "_revinclude": ("Communication:part-of", "Task:focus", "Provenance:target", "*", "x"),
    "_revinclude:iterate": ("Communication:part-of", "Task:focus", "Provenance:target"),
    "_format": ("json", "xml", FHIR, ""),
    **dict.fromkeys(("_cursor", "_offset", "_pretty", "_text", "_filter", "_content", "_list", "_type"), ()),
}
"""The parameters that say how to answer, and others that are nobody's; those without values take any."""


AROUND: tuple[list[tuple[str, str]], ...] = (
    [],
    [("_revinclude", "Communication:part-of"), ("_total", "accurate")],
    [("_include", "Communication:part-of"), ("_revinclude:iterate", "Communication:part-of")],
    [("_revinclude", "Task:focus"), ("_revinclude:iterate", "Provenance:target")],
    [("part-of", "Communication/open-thread"), ("_sort", "sent"), ("_count", "2")],
    [("part-of:Communication.identifier", f"urn:x|{HIDDEN}mark")],
    [("_has:Communication:part-of:identifier", f"urn:x|{HIDDEN}mark"), ("_summary", "count")],
    [("identifier", f"urn:x|{HIDDEN}mark")],
    [("_id", "open-thread,open-message,open-task"), ("_elements", "topic,payload,note")],
    [("_sort", "-_lastUpdated"), ("_count", "3")],
)
"""Searches that are understood, most of them for Communications."""


def search(dice: Dice, type: str) -> list[tuple[str, str]]:
    if dice.once_in(4):
        return list(dice.one(AROUND))
    return [_pair(dice, type) for _ in range(dice.one((0, 1, 1, 2, 2, 3, 4)))]


def _pair(dice: Dice, type: str) -> tuple[str, str]:
    """One parameter: two in three are real ones of the type, with a modifier or a chain."""
    if dice.once_in(3):
        name = dice.one(tuple(CONTROLS))
        return name, dice.word() if dice.once_in(4) or not CONTROLS[name] else dice.one(CONTROLS[name])
    name = _name(dice, type)
    if dice.once_in(6):
        name = f"{name}.{_name(dice, dice.one(TYPES))}"
    if dice.once_in(8):
        name = f"_has:{dice.one(HAS)}:{_name(dice, 'Communication')}"
    return name, ",".join(dice.word() for _ in range(dice.one((1, 1, 1, 2, 3))))


def _name(dice: Dice, type: str) -> str:
    known = sorted(one.code for one in searchparams.parameters(type)) or ["_id"]
    code = dice.text() if dice.once_in(10) else dice.one(known)
    modifier = dice.one(MODIFIERS)
    return f"{code}:{modifier}" if modifier else str(code)


def encoded(pairs: list[tuple[str, str]]) -> str:
    """A query string; what no UTF-8 has is written as bytes that are none."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def _quoted(text: str) -> str:
    return quote(text, safe=":,|$/-._", errors="surrogatepass")


PLACES = tuple(one for one in REFERENCES if re.fullmatch(r"[A-Z][A-Za-z]+/[a-z-]+", one))
VERSIONS = ("1", "1", "2", "0", "9" * 30, "-1", "x")
INSTANCE, TYPED = ("GET", "PUT", "PATCH", "PATCH", "DELETE"), ("GET", "POST", "POST", "PUT", "PATCH", "DELETE")
SHAPES: list[tuple[str, tuple[str, ...]]] = (
    [("/{t}?{q}", ("GET",))] * 4
    + [("/{t}/{i}", INSTANCE)] * 8
    + [("/{t}", TYPED), ("/{t}", TYPED), ("/{t}?{q}", ("PUT", "PATCH", "DELETE")), ("/{t}/{i}?{q}", INSTANCE)]
    + [(one, ("POST",)) for one in ("", "", "", "", "?{q}", "/{t}/_search", "/{t}/_search?{q}")]
    + [(one, ("POST",)) for one in ("/{t}/$validate", "/{t}/{i}/$validate?{q}", "/Bot/{i}/$execute", "/$graphql")]
    + [(one, ("POST",)) for one in ("/Bot/echo/$execute", "/Bot/$execute?identifier={i}", "/{t}/{i}/$x")]
    + [(one, ("GET",)) for one in ("/{t}/{i}/_history", "/{t}/{i}/_history/{v}", "/{t}/_history", "/{t}/_history?{q}")]
    + [(one, ("GET",)) for one in ("/Bot", "/metadata", "/metadata?{q}", "/{t}/{i}/{v}", "/{t}/", "//", "/{i}")]
    + [(one, ("GET", "POST")) for one in ("/Schedule/{i}/$find?start={v}&end={i}", "/{t}/{i}/_history?{q}")]
    + [("/Schedule/open-schedule/$find?start=2026-11-23&end=2026-11-24", ("GET",))]
    + [("/Subscription/{i}/$get-ws-binding-token", ("GET",))]
)
"""Addresses, and the methods that they are made for."""


def _path(dice: Dice) -> tuple[str, tuple[str, ...], str, str]:
    """An address and its methods, with the type and the id in it; three in four name something that could be there."""
    if dice.once_in(4):
        type, id = dice.one(TYPES), _quoted(dice.text()) if dice.once_in(3) else dice.one(IDS)
    else:
        type, _, id = dice.one(PLACES).partition("/")
    query = encoded(search(dice, type))
    version = _quoted(dice.word()) if dice.once_in(4) else dice.one(VERSIONS)
    shape, methods = dice.one(SHAPES)
    return shape.format(t=type, i=id, q=query, v=version), methods, type, id


TAGS = ('W/"1"', 'W/"1"', 'W/"2"', '"1"', "1", "W/", '""', "*", 'W/"x"', 'W/"1", W/"2"')
KINDS = (
    FHIR, "application/json", PATCH, FORM, "text/plain", "application/fhir+xml", "image/png", "", ";",
    "a/b; charset=x", "application/fhir+json; charset=utf-16", "multipart/form-data",
    "application/json-patch+json; x=y",
)  # fmt: skip
HEADERS: dict[str, tuple[str, ...]] = {
    "If-Match": TAGS,
    "If-None-Match": TAGS,
    "If-None-Exist": ("identifier=urn:x|1", "_id=open-thread", "_id=never-was", "identifier="),
    "If-Modified-Since": ("Fri, 20 Nov 2026 12:00:00 GMT", "x", "0", "Thu, 01 Jan 0000 00:00:00 GMT"),
    "Prefer": ("return=minimal", "return=OperationOutcome", "return=x", "handling=lenient", ";;=", ""),
    "Accept": (FHIR, "*/*", "*/*", "text/html", "", "application/fhir+xml", "text/plain;q=x", ";;,,"),
    "Range": ("bytes=0-1", "bytes=9-1", "bytes=-0", "bytes=99999999999999999999-", "x"),
    "X-Security-Context": REFERENCES,
    "X-HTTP-Method-Override": ("DELETE", "GET"),
}
"""The headers that change what a request means."""


def _headers(dice: Dice) -> tuple[tuple[str, str], ...]:
    """None of them, one or two."""
    found = {}
    for _ in range(dice.one((0, 0, 0, 1, 1, 2))):
        name = dice.one(tuple(HEADERS))
        text = encoded(search(dice, dice.one(TYPES))) if name == "If-None-Exist" and dice.once_in(2) else dice.word()
        text = text if dice.once_in(3) else dice.one(HEADERS[name])
        # Servers refuse control characters in a header before the application sees it.
        found[name] = "".join(one for one in text if " " <= one <= "ÿ" and one != "\x7f")
    return tuple(found.items())


OPS = ("add", "remove", "replace", "move", "copy", "test", "x")
POINTERS = (
    "", "/", "/status", "/note", "/note/-", "/note/0", "/note/0/text", "/recipient/0/reference", "/recipient/-",
    "/recipient/9", "/partOf/0/reference", "/payload/0/contentString", "/id", "/resourceType", "/meta",
    "/meta/versionId", "/owner", "/x~2", "/topic/text", "/sender", "/~0~1", "/recipient/01", "/recipient/-1", "/" * 40,
    "status", "/extension/-", "/_status",
)  # fmt: skip
USUAL: tuple[list[Resource], ...] = (
    [{"op": "replace", "path": "/status", "value": "completed"}],
    [{"op": "add", "path": "/note/-", "value": {"text": "x"}}],
    [{"op": "test", "path": "/status", "value": "in-progress"}, {"op": "remove", "path": "/subject"}],
    [{"op": "replace", "path": "/recipient/0/reference", "value": "Practitioner/bob"}],
    [{"op": "copy", "from": "/sender", "path": "/recipient/-"}],
    [{"op": "replace", "path": "/language", "value": "en"}],
)
VALUES: tuple[Any, ...] = ("completed", "entered-in-error", {"reference": "Patient/homer"}, "Practitioner/bob", [], {})


def operations(dice: Dice) -> Any:
    """A JSON Patch, now and then none."""
    if dice.once_in(2):
        return dice.one(USUAL)
    return dice.json() if dice.once_in(4) else [_operation(dice) for _ in range(dice.one((1, 1, 2, 3)))]


def _operation(dice: Dice) -> Resource:
    found: Resource = {"op": dice.one(OPS), "path": dice.word() if dice.once_in(4) else dice.one(POINTERS)}
    if not dice.once_in(4):
        found["value"] = dice.json() if dice.once_in(2) else dice.one(VALUES)
    if dice.once_in(3):
        found["from"] = dice.one(POINTERS)
    return found


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
ELSEWHERE = (
    "/admin", "https://elsewhere.example/Patient/1", "http://127.0.0.1/fhir/R4/Patient", "../Patient/homer", "//x/y",
    "$graphql", "metadata", "Patient/homer/$validate", "file:///etc/passwd", "/threads/",
)  # fmt: skip


def bundle(dice: Dice) -> Resource:
    """A transaction or a batch, now and then something else."""
    types = ("transaction", "transaction", "transaction", "batch", "batch", "batch", "collection", 1)
    entries = dice.json() if dice.once_in(12) else [_entry(dice) for _ in range(dice.one((0, 1, 1, 2, 3, 4)))]
    return {"resourceType": "Patient" if dice.once_in(20) else "Bundle", "type": dice.one(types), "entry": entries}


def _entry(dice: Dice) -> Any:
    if dice.once_in(16):
        return dice.json()
    path, methods, type, id = _path(dice)
    method = dice.one(METHODS if dice.once_in(8) else methods)
    url = dice.one(ELSEWHERE) if dice.once_in(16) else path.removeprefix("/")
    body = _patch(dice) if method == "PATCH" else resource(dice, id=id if method == "PUT" else "", type=type)
    if method == "POST" and not dice.once_in(4):
        url = str(body.get("resourceType"))
    request: Resource = {"method": method, "url": url}
    for name, texts in (("ifMatch", TAGS), ("ifNoneMatch", TAGS), ("ifNoneExist", HEADERS["If-None-Exist"])):
        if dice.once_in(8):
            request[name] = dice.json() if dice.once_in(4) else dice.one(texts)
    entry: Resource = {"request": request, "resource": body}
    if dice.once_in(2):
        entry["fullUrl"] = dice.one(("urn:uuid:a", "urn:uuid:b", "urn:uuid:c", "Patient/homer"))
    if dice.once_in(8):
        entry.pop(dice.one(sorted(entry)))
    return entry


def _patch(dice: Dice) -> Resource:
    """A patch as the resource of an entry."""
    if dice.once_in(2):
        return {"resourceType": "Binary", "data": base64_of(dumped(operations(dice)))}
    texts = (
        ("op", "valueCode", "replace"),
        ("path", "valueString", "/status"),
        ("value", "valueString", '"completed"'),
    )
    parts = [{"name": name, key: dice.word() if dice.once_in(8) else text} for name, key, text in texts]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def ask(dice: Dice, wanted: tuple[str, ...] = METHODS) -> Ask:
    """Any request with one of these methods; seven in eight with one that its address is made for."""
    path, methods, type, id = _path(dice)
    fitting = [] if dice.once_in(8) else [one for one in methods if one in wanted]
    method = dice.one(fitting or wanted)
    body, kind = b"", FHIR
    if "/_search" in path:
        body, kind = encoded(search(dice, type)).encode(), FORM
    elif not path.partition("?")[0]:
        body = dumped(bundle(dice))
    elif method == "PATCH":
        body, kind = dumped(operations(dice)), PATCH
    elif method in ("POST", "PUT"):
        named = id if method == "PUT" and not dice.once_in(4) else ""
        sent = resource(dice, id=named, type=dice.one((type, type, "")))
        body = dumped(sent)
        if method == "POST" and not dice.once_in(4):
            path = f"/{quote(str(sent.get('resourceType'))[:40], errors='surrogatepass')}"
    if dice.once_in(12):
        body = dice.one(RAW) if dice.once_in(2) else dumped(dice.json())
    if dice.once_in(16):
        kind = dice.one(KINDS)
    return Ask(method, path, body, kind, _headers(dice))


def plan(dice: Dice) -> list[Ask]:
    """One to three requests."""
    return [ask(dice) for _ in range(dice.one((1, 2, 3)))]
