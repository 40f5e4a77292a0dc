"""Tracking by the client's certificate: its digest stands for an id, and nobody can change it."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fixtures.visitor import Action, Answer, Visitor, application, everything, sets, signs_in
from tests.fixtures.watched import Gate

from sojourn import Lifetime, Session, Sessions
from sojourn.core import events
from sojourn.core.ids import CertificateId, SessionId
from sojourn.errors import SettingError
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]
TRACKING = ["certificate"]


def certificate(name: str) -> bytes:
    """A certificate of that name, as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 1, begin, begin + dt.timedelta(days=9))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


ALICE, MALLORY = certificate("alice"), certificate("mallory")


def pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


class Client(Visitor):
    """Somebody with a certificate, in front of a server that tells it as the ASGI TLS extension has it."""

    def __init__(self, sessions: Sessions, der: bytes | None = ALICE) -> None:
        super().__init__(sessions)
        self.der = der

    async def ask(self, action: Action, *, status: int = 200, **request: Any) -> Answer:
        chain = [] if self.der is None else [pem(self.der), pem(MALLORY)]
        request.setdefault("extensions", {"tls": {"client_cert_chain": chain, "client_cert_error": None}})
        return await super().ask(action, status=status, **request)


async def test_a_certificate_is_all_that_it_takes(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    client = Client(sessions)
    answer = await client.ask(sets(a=1))
    assert (answer.cookies, answer.all("x-session-id")) == ({}, [])
    assert (await client.ask(everything)).value == {"a": 1}
    assert (await Client(sessions, MALLORY).ask(everything)).value == {}
    await Client(sessions, MALLORY).ask(sets(a=2))
    assert (await client.ask(everything)).value == {"a": 1}


async def test_without_one_no_session_is_created_and_that_is_said(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    nobody = Client(sessions, None)
    assert (await nobody.ask(everything)).value == {}
    for action in (sets(a=1), signs_in("alice")):
        assert (await nobody.ask(action)).status == 403
    assert await sessions.find() == []


async def test_one_that_was_not_verified_is_none(make: Make) -> None:
    client = Client(make(tracking=TRACKING))
    await client.ask(sets(a=1))
    for tls in (
        {"client_cert_chain": [pem(ALICE)], "client_cert_error": "expired"},
        {},
        None,
        {"client_cert_chain": None},
    ):
        assert (await client.ask(everything, extensions={"tls": tls})).value == {}
    assert (await client.ask(everything, extensions={"tls": {"client_cert_chain": ["no PEM"]}})).value == {}


async def test_its_public_fingerprint_opens_nothing_in_any_other_way(make: Make) -> None:
    sessions = make(tracking=["certificate", "cookie", "url", "header"])
    client = Client(sessions)
    secret = (await client.ask(lambda s: (s.update(a=1), s.id)[1])).value
    assert secret == base64.urlsafe_b64encode(hashlib.sha256(ALICE).digest())[:43].decode()
    thief = Visitor(sessions)
    assert (await thief.ask(everything, cookies=[f"__Host-id={secret}".encode()])).value == {}
    assert (await thief.ask(everything, path=f"/;jsessionid={secret}")).value == {}
    assert CertificateId(hashlib.sha256(ALICE).digest()).key != SessionId(secret).key


async def test_an_answer_that_depends_on_it_is_kept_by_no_cache(make: Make) -> None:
    """No Vary names what TLS tells."""
    client = Client(make(tracking=TRACKING))
    public = [(b"cache-control", b"public")]
    assert (await client.ask(everything, headers=public)).all("cache-control") == ["no-store"]
    assert (await client.ask(lambda _: None, headers=public)).all("cache-control") == ["public"]


async def test_urls_do_not_carry_it(make: Make) -> None:
    client = Client(make(tracking=["certificate", "url"]))
    assert (await client.ask(lambda s: (s.update(a=1), s.encode_url("/a"))[1])).value == "/a"


# --- an id that cannot be changed ------------------------------------------------------------------------------------


async def test_a_sign_in_keeps_the_key_and_raises_the_epoch(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    client = Client(sessions)
    await client.ask(sets(a=1))
    before = (await sessions.find())[0]
    for action in (signs_in("alice"), Session.renew):
        await client.ask(action)
        after = (await sessions.find())[0]
        assert (after.key, after.ref, after.epoch) == (before.key, before.ref, before.epoch + 1)
        before = after
    assert (await client.ask(lambda s: [s.principal, s["a"]])).value == ["alice", 1]


async def test_what_began_before_a_sign_in_cannot_write_after_it(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    told: list[events.Event] = []
    sessions.listen(told.append)
    client, handler = Client(sessions), Gate()
    await client.ask(sets(a=1))

    async def late(session: Session) -> None:
        session["a"] = 2
        await handler()

    asking = asyncio.create_task(client.ask(late))
    await handler.reached.wait()
    await client.ask(signs_in("alice"))
    handler.opened.set()
    await asking
    assert (await client.ask(everything)).value == {"a": 1}
    assert [event.names for event in told if isinstance(event, events.ChangesDropped)] == [("a",)]


async def test_what_one_principal_left_is_not_the_next_ones(make: Make) -> None:
    client = Client(make(tracking=TRACKING))
    await client.ask(signs_in("alice"))
    await client.ask(sets(a=1))
    await client.ask(signs_in("bob"))
    assert (await client.ask(lambda s: [s.principal, dict(s)])).value == ["bob", {}]


async def test_age_gives_it_no_new_key(make: Make, clock: FakeClock) -> None:
    sessions = make(tracking=TRACKING, lifetime=Lifetime(idle=None, renew=60))
    client = Client(sessions)
    await client.ask(sets(a=1))
    before = (await sessions.find())[0]
    clock.advance(seconds=600)
    await client.ask(everything)
    after = (await sessions.find())[0]
    assert (after.key, after.version, after.renewed_at) == (before.key, before.version, before.renewed_at)


async def test_after_its_end_the_certificate_begins_another_and_the_ended_one_never_comes_back(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    client, handler = Client(sessions), Gate()
    await client.ask(sets(a=1))
    first = (await sessions.find())[0].ref

    async def late(session: Session) -> None:
        session["a"] = 2
        await handler()

    asking = asyncio.create_task(client.ask(late))
    await handler.reached.wait()
    await client.ask(Session.end)
    assert (await client.ask(everything)).value == {}
    await client.ask(sets(b=1))
    handler.opened.set()
    await asking
    assert (await client.ask(everything)).value == {"b": 1}
    assert [record.ref for record in await sessions.find()] != [first]


async def test_two_first_requests_at_once_make_one_session_of_both(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    client, handler = Client(sessions), Gate()
    refs: list[str] = []

    async def late(session: Session) -> None:
        session["late"] = 1
        await handler()
        await session.save()
        refs.append(session.ref)

    asking = asyncio.create_task(client.ask(late))
    await handler.reached.wait()
    await client.ask(sets(a=1))
    handler.opened.set()
    await asking
    assert (await client.ask(everything)).value == {"a": 1, "late": 1}
    assert [record.ref for record in await sessions.find()] == refs


async def test_a_first_request_of_nobody_writes_nothing_into_what_another_has_signed_in(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    client, handler = Client(sessions), Gate()

    async def late(session: Session) -> None:
        session["late"] = 1
        await handler()

    asking = asyncio.create_task(client.ask(late))
    await handler.reached.wait()
    await client.ask(signs_in("alice"))
    handler.opened.set()
    await asking
    assert (await client.ask(everything)).value == {}


async def test_fifty_first_requests_at_once_lose_nothing(make: Make) -> None:
    sessions = make(tracking=TRACKING)
    sessions.listen(lambda _: None)
    await asyncio.gather(*(Client(sessions).ask(sets(**{f"a{n}": n})) for n in range(50)))
    assert len((await Client(sessions).ask(everything)).value) == 50
    assert len(await sessions.find()) == 1


async def test_one_that_expired_is_announced_before_another_takes_its_place(make: Make, clock: FakeClock) -> None:
    """It comes back before any sweep."""
    sessions = make(tracking=TRACKING, lifetime=Lifetime(idle=600))
    told: list[events.Event] = []
    sessions.listen(told.append)
    client = Client(sessions)
    await client.ask(sets(a=1))
    first = (await sessions.find())[0].ref
    clock.advance(seconds=601 + 30)
    assert (await client.ask(everything)).value == {}
    await asyncio.gather(client.ask(sets(b=1)), client.ask(sets(c=1)))
    assert (await client.ask(everything)).value == {"b": 1, "c": 1}
    ended = [event for event in told if isinstance(event, events.SessionEnded)]
    assert [(event.ref, event.reason, event.attributes()) for event in ended] == [(first, "idle", {"a": 1})]
    assert await sessions.sweep() == 0


async def test_a_stranger_with_the_same_certificate_begins_another_where_strangers_end_it(make: Make) -> None:
    sessions = make(tracking=TRACKING, identity=lambda request: request.path.strip("/") or None, strangers="end")
    client = Client(sessions)
    for name in ("alice", "bob"):
        await client.ask(sets(name=name), path=f"/{name}")
        assert (await client.ask(everything, path=f"/{name}")).value == {"name": name}
    assert [record.principal for record in await sessions.find()] == ["bob"]


# --- proxies ---------------------------------------------------------------------------------------------------------

PROXY: dict[str, Any] = {"client": ("10.0.0.7", 4711)}
DIGEST = hashlib.sha256(ALICE).hexdigest()


@pytest.mark.parametrize(
    "value",
    [
        f":{base64.b64encode(ALICE).decode()}:",
        DIGEST,
        DIGEST.upper(),
        ":".join(DIGEST[at : at + 2] for at in range(0, 64, 2)),
        urllib.parse.quote(pem(ALICE)),
        pem(ALICE).replace("\n", "%0A"),
    ],
    ids=["RFC 9440", "digest", "in capitals", "with colons", "PEM", "PEM of nginx"],
)
async def test_a_trusted_proxy_tells_it_in_a_header_as_they_do(value: str) -> None:
    sessions = Sessions(tracking=["certificate"], certificate=Certificate(proxies=["10.0.0.0/8"]))
    await Client(sessions).ask(sets(a=1))
    proxied = Visitor(sessions)
    assert (await _told(proxied, value)).value == {"a": 1}
    assert (await _told(proxied, value, client=("::ffff:10.0.0.7", 1))).value == {"a": 1}


@pytest.mark.parametrize(
    "who",
    [{"client": ("192.0.2.1", 1)}, {"client": ("not an address", 1)}, {"client": None}, {"client": ("11.0.0.7", 1)}],
)
async def test_nobody_else_is_believed(who: dict[str, Any]) -> None:
    sessions = Sessions(tracking=["certificate"], certificate=Certificate(proxies=["10.0.0.7"]))
    await Client(sessions).ask(sets(a=1))
    assert (await _told(Visitor(sessions), DIGEST, **who)).value == {}
    everybody = Sessions(sessions.store, tracking=["certificate"], near=None)
    assert (await _told(Visitor(everybody), DIGEST, **PROXY)).value == {}


@pytest.mark.parametrize(
    "value",
    ["", " ", "::", ":=:", ":AAA:", "ab" * 31, "ab" * 31 + "ag", "ab" * 20, "ab" * 64, "-----BEGIN", "%", "é" * 64],
)
async def test_what_is_no_certificate_is_none(value: str) -> None:
    sessions = Sessions(tracking=["certificate"], certificate=Certificate(proxies=["10.0.0.7"]))
    assert (await _told(Visitor(sessions), value, sets(a=1))).status == 403


async def test_two_headers_are_none_since_one_of_them_was_planted() -> None:
    sessions = Sessions(tracking=["certificate"], certificate=Certificate(proxies=["10.0.0.7"]))
    await _told(Visitor(sessions), DIGEST, sets(a=1), **PROXY)
    answer = await _told(Visitor(sessions), DIGEST, everything, hashlib.sha256(MALLORY).hexdigest(), **PROXY)
    assert answer.value == {}


async def test_behind_a_proxy_the_certificate_is_what_the_proxy_tells_not_its_own() -> None:
    sessions = Sessions(tracking=["certificate"], certificate=Certificate(proxies=["10.0.0.7"]))
    proxy = Client(sessions, MALLORY)
    assert (await proxy.ask(sets(a=1), **PROXY)).status == 403


async def test_a_unix_socket_is_trusted_where_that_is_said() -> None:
    sessions = Sessions(tracking=["certificate"], certificate=Certificate(proxies=["unix"], header="X-Cert"))
    await Client(sessions).ask(sets(a=1), client=("127.0.0.1", 1))
    assert (await _told(Visitor(sessions), DIGEST, name=b"x-cert", client=None)).value == {"a": 1}


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"proxies": "10.0.0.7"}, "list"),
        ({"proxies": ["10.0.0.0/33"]}, "10.0.0.0/33"),
        ({"proxies": ["proxy.example"]}, "proxy.example"),
        ({"proxies": ["10.0.0.7/8"]}, "host bits"),
        ({"header": "a b"}, "header"),
        ({"header": ""}, "header"),
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_given(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingError, match=what):
        Certificate(**settings)


async def _told(
    visitor: Visitor, value: str, action: Action = everything, *more: str, name: bytes = b"client-cert", **who: Any
) -> Answer:
    """What is answered to who is connected, with that header."""
    inner = SessionMiddleware(application(action), visitor.sessions)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] += [(name, each.encode()) for each in (value, *more)]
        await inner(scope, receive, send)

    answer = await visitor.call(app, bare=True, **{**PROXY, **who})
    if answer.error is not None:
        raise answer.error
    return answer
