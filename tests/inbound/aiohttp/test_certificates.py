"""aiohttp's own server tells of the client's certificate: sessions of real TLS handshakes."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sojourn import Sessions
from sojourn.inbound.aiohttp import get_session, setup

NAMES = ("server", "alice", "bob")


def write_certificates(place: Path) -> None:
    """An authority, and what it signed: the server's certificate and those of two clients, each with its key."""
    authority_key, authority = ec.generate_private_key(ec.SECP256R1()), _named("authority")
    now = dt.datetime.now(dt.UTC)
    for name in ("authority", *NAMES):
        key = authority_key if name == "authority" else ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder(authority, _named(name), key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True)
            .sign(authority_key, hashes.SHA256())
        )
        no_password = serialization.NoEncryption()
        pkcs8 = serialization.PrivateFormat.PKCS8
        private = key.private_bytes(serialization.Encoding.PEM, pkcs8, no_password)
        (place / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def context(place: Path, name: str | None, purpose: ssl.Purpose) -> ssl.SSLContext:
    made = ssl.create_default_context(purpose, cafile=str(place / "authority.pem"))
    if name is not None:
        made.load_cert_chain(place / f"{name}.pem")
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("certificates")
    write_certificates(made)
    return made


async def count(request: web.Request) -> web.Response:
    session = await get_session(request)
    session["n"] = session.get("n", 0) + 1
    return web.json_response(session["n"])


async def test_a_client_is_known_by_its_certificate(place: Path) -> None:
    app = web.Application()
    setup(app, Sessions(tracking=["certificate"]))
    app.router.add_get("/count", count)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    tls = context(place, "server", ssl.Purpose.CLIENT_AUTH)
    tls.verify_mode = ssl.CERT_OPTIONAL
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    url = f"https://localhost:{runner.addresses[0][1]}/count"

    async def ask(name: str | None) -> tuple[int, str]:
        connector = aiohttp.TCPConnector(ssl=context(place, name, ssl.Purpose.SERVER_AUTH))
        async with aiohttp.ClientSession(connector=connector) as client, client.get(url) as answer:
            assert answer.cookies == {}
            return answer.status, await answer.text()

    try:
        assert [await ask(name) for name in ("alice", "bob", "alice")] == [(200, "1"), (200, "1"), (200, "2")]
        assert (await ask(None))[0] == 403
    finally:
        await runner.cleanup()
