"""Proxies and certificates as the environment names them, checked before a connection is made.

HTTP libraries raise errors of many classes for a variable that names nothing usable. Here each becomes one
message that names the variable and what to do about it.
"""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from gmner_cli.errors import UsageError, shown

SCHEMES = ("http", "https", "socks5", "socks5h")
"""What proxies may speak."""


def first_words(problem: BaseException) -> str:
    """Why a library of others gave up, in one printable line: the first that says more than a status, or the
    error's class."""
    lines = [" ".join(line.split()) for line in str(problem).splitlines() if line.strip()]
    # Of what the hub's client says, the first line is a status and the number of a request.
    said = lines[1] if len(lines) > 1 and "Request ID" in lines[0] else next(iter(lines), "")
    return shown(said) or type(problem).__name__


def proxy_for(scheme: str, host: str, port: int | None = None) -> str | None:
    """The proxy that questions to an address go through, or None. Raises UsageError for one that cannot be
    used."""
    proxies = getproxies()
    if _spared(host.lower(), port, proxies.get("no", "")) or proxy_bypass(host):
        return None
    kind = scheme if proxies.get(scheme) else "all"
    return _proxy(kind, proxies[kind]) if proxies.get(kind) else None


def certificates() -> ssl.SSLContext | None:
    """Those that SSL_CERT_FILE, or else SSL_CERT_DIR, names; None where neither is set. Raises UsageError for
    one that holds none."""
    for name, option, there in (("SSL_CERT_FILE", "cafile", os.path.isfile), ("SSL_CERT_DIR", "capath",
                                                                              _folders)):
        path = os.environ.get(name)
        if not path:
            continue
        try:
            if not there(path):
                raise FileNotFoundError("there is no such " + ("file" if option == "cafile" else "folder"))
            given: dict[str, Any] = {option: path}
            return ssl.create_default_context(**given)
        except (OSError, ValueError) as problem:  # ssl's own are among them
            raise UsageError(f"{name} names no certificates: {first_words(problem)}", where=shown(path),
                             hint="give the path of a file in PEM format, or take the variable away: unset "
                                  f"{name}"
                             if option == "cafile" else "give a folder of certificates, or take the "
                                                        f"variable away: unset {name}") from None
    return None


def _folders(path: str) -> bool:
    return any(os.path.isdir(part) for part in path.split(os.pathsep))


def check() -> None:
    """Raise UsageError for the first variable that a client that heeds all of them would stumble over."""
    certificates()
    for kind, url in getproxies().items():
        if kind in ("http", "https", "all"):
            _proxy(kind, url)


def _proxy(kind: str, url: str) -> str:
    """The address of a proxy; nothing of it is shown but its scheme, because it may hold a password."""
    name = next((name for name in (f"{kind}_proxy", f"{kind}_proxy".upper()) if os.environ.get(name)),
                f"{kind}_proxy")
    otherwise = f"unset {name}, or name in NO_PROXY the hosts that need none"
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{name} is not the address of a proxy", hint="such as http://localhost:3128; or "
                                                                       f"{otherwise}")
    if parts.scheme not in SCHEMES:
        raise UsageError(f"{name} is a proxy of the kind {shown(parts.scheme, 40)}, which is not spoken here",
                         hint=f"{', '.join(SCHEMES)} are; for a SOCKS proxy write socks5://HOST:PORT. Else "
                              f"{otherwise}")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise UsageError(f"{name} is a SOCKS proxy, and the package socksio, which speaks to those, is not "
                         "installed",
                         hint=f"pip install socksio; or {otherwise}")
    return url


def _spared(host: str, port: int | None, listed: str) -> bool:
    """Whether NO_PROXY lists a host: by its name, by that of a domain above it, or by a network that it is
    in."""
    for entry in (part.strip().lower() for part in listed.split(",")):
        name = entry.partition("://")[2] or entry
        if name == "*":
            return True
        name = name.removeprefix("*").strip(".")
        if name and (host in (name, name.strip("[]")) or f"{host}:{port}" == name or host.endswith(f".{name}")
                     or _within(host, name)):
            return True
    return False


def _within(host: str, network: str) -> bool:
    try:
        return "/" in network and ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
