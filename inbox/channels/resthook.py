"""One signed POST to the endpoint of a rest-hook Subscription.

Source: https://hl7.org/fhir/R4/subscription.html#2.46.7.1
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx

from . import addresses
from .addresses import Allowed

HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\t -~]{0,2000})")
OURS = {
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-deleted-resource",
    "x-signature",
    "x-subscription-id",
}
"""Headers that a Subscription can not set."""


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, 0 where there was none, and in words why it is no success."""

    status: int
    text: str = ""

    @property
    def done(self) -> bool:
        return 200 <= self.status < 300


def post(
    allowed: Allowed, endpoint: str, headers: Mapping[str, str], body: bytes, *, secret: str, timeout: float
) -> Answer:
    """Send a body, signed; redirects are not followed, and of the answer nothing but the status is looked at.

    `timeout` in seconds for connecting, and again for each part of the exchange.
    """
    try:
        target = allowed.target(endpoint)
        address = allowed.resolve(target)
    except addresses.Refused as error:
        return Answer(0, str(error))
    usual = target.port == addresses.PORTS[target.scheme]
    sent = {
        **headers,
        "Host": target.host if usual else f"{target.host}:{target.port}",
        "User-Agent": "fhir-inbox",
        "X-Signature": sign(secret, body),
    }
    host = f"[{address}]" if ":" in address else address
    url = httpx.URL(f"{target.scheme}://{host}:{target.port}{target.path}")
    # The connection goes to the address that was judged; the certificate is asked of the name.
    extensions = {"sni_hostname": target.host.strip("[]")}
    try:
        # No proxy and no .netrc of the environment: nothing else may say where this goes.
        with (
            httpx.Client(timeout=timeout, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=sent, extensions=extensions) as answer,
        ):
            status = answer.status_code
    except httpx.TimeoutException:
        return Answer(0, f"No answer within {timeout:g} seconds.")
    except httpx.HTTPError as error:
        return Answer(0, f"No connection ({type(error).__name__}).")
    return Answer(status, "" if 200 <= status < 300 else f"The endpoint answered {status}.")


def sign(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of the raw body in hexadecimal, as Medplum's servers sign."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(lines: Iterable[str]) -> dict[str, str]:
    """`channel.header` as headers; raises ValueError naming the line that is none, or that may not be set."""
    found = {}
    for line in lines:
        match = HEADER.fullmatch(line)
        if match is None:
            raise ValueError(f"“{line[:40]}” is not a header such as “Authorization: Bearer abc”.")
        if match[1].lower() in OURS:
            raise ValueError(f"The header {match[1]} can not be set.")
        found[match[1]] = match[2].strip()
    return found
