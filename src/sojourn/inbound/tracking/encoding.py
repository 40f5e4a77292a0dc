"""Encoding: a parameter is put into the path of a URL, if the URL is one of this application."""

from __future__ import annotations

import re
from urllib.parse import quote

from sojourn.inbound.tracking.request import Request
from sojourn.inbound.tracking.rewriting import Rewriting

__all__ = ["encoded"]

# Browsers read a \ as a /, and leave out tabs and line breaks, wherever they stand (WHATWG URL §4.4): what has such
# signs may lead elsewhere than it seems, and no link needs them.
_TRICKY = re.compile(r"\A | \Z|[\x00-\x1f\x7f\\]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")  # and no user, and no escapes
_PORTS = {"http": 80, "https": 443}
_DOT = re.compile(r"%2[eE]")
_PATH_SIGNS = "%/:@!$&'()*+,;=~-._"  # RFC 3986 §3.3, and what is escaped already


def encoded(url: str, parameter: str, rewriting: Rewriting, request: Request, *, redirect: bool) -> str:
    """`url` with `;parameter` at the end of its path; as it is when it leads out of the application, or nowhere.

    What it has of such parameters is replaced. `redirect`: also what leads to the very same page.
    """
    if _TRICKY.search(url):
        return url
    rest, hash_sign, fragment = url.partition("#")
    front, mark, query = rest.partition("?")
    if not (front or mark or redirect):
        return url
    origin, path = _split(front)
    if origin and not _is_ours(origin, rewriting, request):
        return url
    bare = rewriting.strip(path) or ("/" if origin else "") if front else _here(request)
    if not _is_within(bare, request):
        return url
    if _DOT.sub(".", bare.rpartition("/")[2]) in (".", ".."):
        bare += "/"  # or it would be the name of something
    return f"{origin}{bare};{parameter}{mark}{query}{hash_sign}{fragment}"


def _split(front: str) -> tuple[str, str]:
    """Scheme and authority, or one of them; and the path."""
    scheme = _SCHEME.match(front)
    begin = 0 if scheme is None else scheme.end()
    if front[begin : begin + 2] != "//":
        return front[:begin], front[begin:]
    slash = front.find("/", begin + 2)
    return (front, "") if slash < 0 else (front[:slash], front[slash:])


def _is_ours(origin: str, rewriting: Rewriting, request: Request) -> bool:
    """Whether requests to `origin` come to this application."""
    scheme, slashes, authority = origin.rpartition("//")
    scheme = scheme[:-1].lower() or request.scheme
    hosts = request.header(b"host")
    here = _endpoint(request.scheme, hosts[0].decode("latin-1")) if len(hosts) == 1 else None
    there = _endpoint(scheme, authority)
    if not slashes or there is None or here is None:
        return False
    if scheme == request.scheme:
        return there == here
    return rewriting.protocol_switch and there == (here[0], _PORTS[scheme])


def _endpoint(scheme: str, authority: str) -> tuple[str, int] | None:
    found = _AUTHORITY.fullmatch(authority)
    if found is None or scheme not in _PORTS:
        return None
    host, port = found.groups()
    return host.lower(), int(port) if port else _PORTS[scheme]


def _is_within(path: str, request: Request) -> bool:
    """Whether a browser that follows `path` from this request stays below the path of the application."""
    mount = _escaped(request.mount.rstrip("/"))
    if not mount:
        return True
    if not path.startswith("/"):
        here = _escaped(request.path)
        whole = here if here == mount or here.startswith(f"{mount}/") else mount + here
        path = f"{whole.rpartition('/')[0]}/{path}"
    steps: list[str] = []
    for step in _DOT.sub(".", path).split("/")[1:]:
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    arrived = _quoted("/" + "/".join(steps))
    return arrived == mount or arrived.startswith(f"{mount}/")


def _here(request: Request) -> str:
    """The path of the request, as a link on its page has it."""
    name = _escaped(request.path.rpartition("/")[2])
    return f"./{name}" if ":" in name else name


def _escaped(path: str) -> str:
    """A path that was decoded, as it stands in a URL."""
    return _quoted(path.replace("%", "%25"))


def _quoted(path: str) -> str:
    """A path out of a URL, with escapes for what browsers escape."""
    return quote(path, safe=_PATH_SIGNS, errors="surrogateescape")
