"""Where requests may go: to listed hosts, and into no private network that is not listed."""

import socket
from typing import Any

import pytest

from inbox.channels import addresses
from inbox.channels.addresses import Refused

LISTED = ["hooks.example.org", "http://127.0.0.1:*", "other.example.org:8443", "[::1]:8000", "10.1.0.0/16"]


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "path"),
    [
        ("https://hooks.example.org", "hooks.example.org", 443, "/"),
        ("https://HOOKS.example.org:443/a?b=c", "hooks.example.org", 443, "/a?b=c"),
        ("https://other.example.org:8443/x", "other.example.org", 8443, "/x"),
        ("http://127.0.0.1:5000/", "127.0.0.1", 5000, "/"),
        ("https://[::1]:8000/", "[::1]", 8000, "/"),
    ],
)
def test_listed_hosts_are_taken_apart(endpoint: str, host: str, port: int, path: str) -> None:
    found = addresses.parse(LISTED).target(endpoint)
    assert (found.host, found.port, found.path) == (host, port, path)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "hooks.example.org",
        "ftp://hooks.example.org/",
        "http://hooks.example.org/",
        "https://127.0.0.1:5000/",
        "https://evil.example.org/",
        "https://hooks.example.org.evil.example/",
        "https://hooks.example.org:8443/",
        "https://other.example.org/",
        "https://hooks.example.org@evil.example/",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org/#x",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX-Evil: 1",
        "https://hooks.example.org\\@evil.example/",
        "https://hooks。example.org/",
        "https://[::1/",
        "https://2130706433/",
        "https://hooks.example.org/" + "x" * 2000,
        "file:///etc/passwd",
    ],
)
def test_all_others_are_refused(endpoint: str) -> None:
    with pytest.raises(Refused):
        addresses.parse(LISTED).target(endpoint)


@pytest.mark.parametrize(
    "entry", ["https://hooks.example.org", "a b", "10.0.0.0/99", "host:port", "http://x/y", "ex*.org"]
)
def test_an_entry_that_can_not_be_read_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="SUBSCRIPTION_HOSTS"):
        addresses.parse([entry])


def test_an_empty_list_allows_nothing() -> None:
    assert addresses.parse([""]).hosts == ()
    with pytest.raises(Refused, match="SUBSCRIPTION_HOSTS"):
        addresses.parse([""]).target("https://hooks.example.org/")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the name server says, instead of a real one."""
    found: dict[str, list[str]] = {}

    def ask(host: str, port: int, **_: Any) -> list[Any]:
        if host not in found:
            raise socket.gaierror("unknown")
        return [(None, None, None, "", (one, port)) for one in found[host]]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return found


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (["93.184.216.34"], True),
        (["2606:2800:220:1::1"], True),
        (["10.1.2.3"], True),
        (["10.2.2.3"], False),
        (["127.0.0.1"], False),
        (["169.254.169.254"], False),
        (["192.168.1.1"], False),
        (["0.0.0.0"], False),
        (["::1"], False),
        (["fe80::1"], False),
        (["fd00::1"], False),
        (["::ffff:127.0.0.1"], False),
        (["::ffff:10.1.2.3"], True),
        (["100.64.0.1"], False),
        (["93.184.216.34", "127.0.0.1"], False),
    ],
)
def test_a_listed_host_in_a_private_network_is_refused_unless_that_is_listed(
    names: dict[str, list[str]], answer: list[str], allowed: bool
) -> None:
    names["hooks.example.org"] = answer
    found = addresses.parse(LISTED)
    target = found.target("https://hooks.example.org/")
    if allowed:
        assert found.resolve(target)
    else:
        with pytest.raises(Refused, match="private network"):
            found.resolve(target)


def test_an_address_that_is_listed_itself_may_be_private(names: dict[str, list[str]]) -> None:
    names |= {"127.0.0.1": ["127.0.0.1"], "[::1]": ["::1"]}
    found = addresses.parse(LISTED)
    assert found.resolve(found.target("http://127.0.0.1:5000/")) == "127.0.0.1"
    assert found.resolve(found.target("https://[::1]:8000/")) == "::1"


def test_a_host_without_an_address_is_refused(names: dict[str, list[str]]) -> None:
    found = addresses.parse(LISTED)
    with pytest.raises(Refused, match="no address"):
        found.resolve(found.target("https://hooks.example.org/"))
