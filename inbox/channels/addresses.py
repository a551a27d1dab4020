"""Where requests of ours may go: the hosts that an operator has listed, and no address of an inner network besides.

An entry of the list is a host (`hooks.example.org`, HTTPS on its usual port), a host with a port (`:*` for any), one
with `http://` before it for HTTP, or a network (`10.1.0.0/16`) in which a listed host may lie although it is private.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
ENTRY = re.compile(r"(?P<plain>http://)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}|\*))?")
PORTS = {"https": 443, "http": 80}


class Refused(Exception):
    """No request may go there; the text says why."""


@dataclass(frozen=True)
class Target:
    """An allowed endpoint, taken apart. `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Allowed:
    """The parsed list."""

    hosts: tuple[tuple[str, str, str], ...]
    """(scheme, host, port), the port empty for the usual one and `*` for any."""
    networks: tuple[IPv4Network | IPv6Network, ...]

    def target(self, endpoint: str) -> Target:
        """An endpoint if it is allowed; raises Refused with the reason."""
        target = _split(endpoint)
        ports = {"*", str(target.port)} | ({""} if target.port == PORTS[target.scheme] else set())
        mine = [one for one in self.hosts if one[1] == target.host]
        if mine and target.scheme not in [one[0] for one in mine]:
            raise Refused(f"{target.host} is listed in SUBSCRIPTION_HOSTS for {mine[0][0]}:// only.")
        if not any(one[0] == target.scheme and one[2] in ports for one in mine):
            raise Refused(f"{target.host} port {target.port} is not listed in SUBSCRIPTION_HOSTS.")
        return target

    def resolve(self, target: Target) -> str:
        """The address to connect to. Raises Refused when the host has none, or lies in a network that is not listed.

        To ask again when connecting would let a name server give another answer: connect to this address.
        """
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Refused(f"{target.host} has no address.") from None
        addresses = [_address(str(one[4][0])) for one in found]
        if not all(self._open(target.host, one) for one in addresses):
            raise Refused(f"{target.host} lies in a private network that SUBSCRIPTION_HOSTS does not list.")
        return str(addresses[0])

    def _open(self, host: str, address: Address) -> bool:
        literal = host.strip("[]") == str(address)
        return literal or address.is_global or any(address in network for network in self.networks)


def parse(entries: Iterable[str]) -> Allowed:
    """The list of an operator; raises ValueError naming the entry that is none."""
    hosts, networks = [], []
    for entry in filter(None, (one.strip().lower() for one in entries)):
        try:
            # An address by itself is a host, not a network of one.
            if "/" in entry.removeprefix("http://"):
                networks.append(ip_network(entry))
                continue
        except ValueError:
            raise ValueError(f"SUBSCRIPTION_HOSTS: {entry!r} is no host and no network.") from None
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"SUBSCRIPTION_HOSTS: {entry!r} is no host and no network.")
        hosts.append(("http" if match["plain"] else "https", match["host"], match["port"] or ""))
    return Allowed(tuple(hosts), tuple(networks))


def _split(endpoint: str) -> Target:
    if not re.fullmatch(r"[!-~]{1,2000}", endpoint):
        raise Refused("An endpoint is an address without spaces, of at most 2000 ASCII characters.")
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Refused("This is not an address.") from None
    if parts.scheme not in PORTS or not host:
        raise Refused("An endpoint starts with https://.")
    if "@" in parts.netloc:
        raise Refused("An endpoint holds no credentials; send them as channel.header.")
    if parts.fragment:
        raise Refused("An endpoint has no part after “#”.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, f"[{host}]" if ":" in host else host, port or PORTS[parts.scheme], path)


def _address(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
