"""One POST: to the address that was judged, in the name of the host, with headers that are headers."""

import socket
from typing import Any

import httpx
import pytest

from inbox.channels import addresses, resthook


@pytest.mark.parametrize("line", ["Authorization: Bearer abc", "X-A:b", "X-Empty:", "x-tab:\tb"])
def test_a_header_is_a_name_and_a_value(line: str) -> None:
    name, _, value = line.partition(":")
    assert resthook.headers([line]) == {name: value.strip()}


@pytest.mark.parametrize(
    "line",
    ["", "no colon", ": x", "a b: c", "X: a\r\nY: b", "X: a\nb", "X: \x00", "X: é", "Host: evil", "x-signature: 1"],
)
def test_what_is_none_or_is_ours_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="header"):
        resthook.headers([line])


def test_the_connection_goes_to_the_address_that_was_judged_in_the_name_of_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[httpx.Request] = []
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(None, None, None, "", (next(answers), port))]

    def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    allowed = addresses.parse(["hooks.example.org"])
    answer = resthook.post(allowed, "https://hooks.example.org/x?y=1", {"X-A": "b"}, b"{}", secret="s", timeout=1)
    assert answer.done
    (request,) = asked
    assert str(request.url) == "https://93.184.216.34/x?y=1"
    assert request.headers["Host"] == "hooks.example.org"
    assert request.extensions["sni_hostname"] == "hooks.example.org"
    assert request.headers["X-Signature"] == resthook.sign("s", b"{}")


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        port = server.getsockname()[1]
        allowed = addresses.parse(["http://127.0.0.1:*"])
        answer = resthook.post(allowed, f"http://127.0.0.1:{port}/", {}, b"", secret="s", timeout=0.2)
        connection, _ = server.accept()
        assert connection.recv(100).startswith(b"POST / HTTP/1.1")
        connection.close()
    assert "No answer" in answer.text


def test_the_signature_is_that_of_the_known_example() -> None:
    body = b"The quick brown fox jumps over the lazy dog"
    assert resthook.sign("key", body) == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
