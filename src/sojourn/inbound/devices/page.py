"""The page: plain HTML that works without scripts, from a phone's width on."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time
from collections.abc import Sequence
from html import escape
from importlib import resources

from sojourn.inbound.devices.device import Device

__all__ = ["POLICY", "page", "sign_in_first"]

_STYLE = (resources.files(__package__) / "page.css").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
"""What browsers are to refuse on the page (CSP): every script, and everything from elsewhere."""

_UNITS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def page(title: str, devices: Sequence[Device], *, ended: int | None) -> str:
    """The page. `ended`: how many sessions the form before has ended; None where there was none."""
    now = time.time()
    said = "" if ended is None else f'<p class="said" role="status">{_ended(ended)}</p>'
    lines = "".join(_line(device, now) for device in devices)
    others = len(devices) - 1
    button = "" if others < 1 else _button("others", "1", f"Sign out of {_other(others)}", kind="all")
    hint = "<p>Where you are signed in. Do you not know one of these? Sign out there.</p>"
    return _whole(title, f"{hint}{said}<ul>{lines}</ul>{button}")


def sign_in_first(title: str) -> str:
    """What those see who are not signed in."""
    return _whole(title, "<p>Sign in first: then you see here where else you are signed in.</p>")


def _whole(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main><h1>{escape(title)}</h1>{content}</main></html>"
    )


def _line(device: Device, now: float) -> str:
    of = f"{device.name}, in use now" if device.here else device.name
    here = '<span class="here">this device</span>' if device.here else ""
    used = "In use now" if device.here else f"Last used {_ago(device.accessed_at, now)}"
    return (
        f"<li><div><h2>{escape(device.name)} {here}</h2>"
        f"<p><span>{used}</span> <span>signed in {_ago(device.created_at, now)}</span></p></div>"
        f"{_button('end', device.ref, 'Sign out', of=of)}</li>"
    )


def _button(name: str, value: str, text: str, *, kind: str = "one", of: str = "") -> str:
    label = f' aria-label="{escape(f"{text}: {of}")}"' if of else ""
    button = f'<button name="{name}" value="{escape(value)}" class="{kind}"{label}>{escape(text)}</button>'
    return f'<form method="post">{button}</form>'


def _ended(count: int) -> str:
    return "That session had ended already." if count == 0 else f"Signed out of {_other(count)}."


def _other(count: int) -> str:
    return "1 other device" if count == 1 else f"{count} other devices"


def _ago(then: float, now: float) -> str:
    stamp = dt.datetime.fromtimestamp(then, dt.UTC).isoformat(timespec="seconds")
    return f'<time datetime="{stamp}" title="{stamp}">{_words(now - then)}</time>'


def _words(seconds: float) -> str:
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
