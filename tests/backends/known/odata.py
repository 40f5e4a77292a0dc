"""An OData service of SAP's mock server, behind the sign-in, the sessions and the token check of others, on Node."""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.applications.installation import run
from tests.backends.asking import ask
from tests.backends.backend import PASSWORD, USER, Asked, Asking, Known, Log, Waiting, plainly
from tests.backends.fetching import node_packages
from tests.backends.running import Running

from sojourn.outbound import Backend, Exchange, Logout

__all__ = ["KNOWN", "Pyodata"]

PACKAGES = (
    *("@sap-ux/fe-mockserver-core", "express@4", "express-session", "passport", "passport-http"),
    *("csrf-sync", "morgan"),
)

SITE = """\
const express = require('express');
const session = require('express-session');
const passport = require('passport');
const { BasicStrategy } = require('passport-http');
const { csrfSync } = require('csrf-sync');
const morgan = require('morgan');
const Mockserver = require('@sap-ux/fe-mockserver-core').default;

const [port, user, password] = process.argv.slice(2);
const tell = (what) => console.log('told ' + what);
const store = new session.MemoryStore();

passport.serializeUser((who, done) => done(null, who));
passport.deserializeUser((who, done) => done(null, who));
passport.use(new BasicStrategy((name, secret, done) => {
  const known = name === user && secret === password;
  tell(known ? 'signed in' : 'refused');
  done(null, known && { name });
}));
const { csrfSynchronisedProtection, generateToken, invalidCsrfTokenError } = csrfSync();

const site = express();
site.use(morgan(':method :url :status'));
site.get('/told', (_, answer) => store.length((_, number) => answer.json({ sessions: number })));
site.post('/forget', (_, answer) => store.clear(() => answer.end()));
site.use(session({ secret: password, name: 'SAP_SESSIONID_X01_100', resave: false, saveUninitialized: false, store }));
site.use(passport.session());
site.get('/logout', (request, answer) => request.session.destroy(() => answer.end()));
const basic = passport.authenticate('basic');
site.use((request, answer, next) => (request.isAuthenticated() ? next() : basic(request, answer, next)));
site.use((request, answer, next) => {
  if ((request.get('x-csrf-token') || '').toLowerCase() === 'fetch') {
    answer.set('x-csrf-token', generateToken(request));
    delete request.headers['x-csrf-token'];  // or the mock server tells a token of its own
    tell('token');
  }
  next();
});
site.use(csrfSynchronisedProtection);
site.use((error, request, answer, next) =>
  error === invalidCsrfTokenError ? answer.status(403).set('x-csrf-token', 'Required').end() : next(error));

const mock = new Mockserver({
  services: [{
    urlPath: '/sap/opu/odata/sap/ORDERS',
    metadataPath: __dirname + '/metadata.xml',
    mockdataPath: __dirname + '/data',
    noETag: true,
  }],
});
mock.isReady.then(() => {
  site.use(mock.getRouter());
  site.listen(Number(port), '127.0.0.1');
});
"""

METADATA = """\
<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"
    xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
    xmlns:sap="http://www.sap.com/Protocols/SAPData">
  <edmx:DataServices m:DataServiceVersion="2.0">
    <Schema Namespace="ORDERS" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
      <EntityType Name="Order">
        <Key><PropertyRef Name="Number"/></Key>
        <Property Name="Number" Type="Edm.String" Nullable="false" MaxLength="10" sap:creatable="true"/>
        <Property Name="Item" Type="Edm.String" MaxLength="40" sap:creatable="true"/>
      </EntityType>
      <EntityContainer Name="ORDERS_Entities" m:IsDefaultEntityContainer="true">
        <EntitySet Name="Orders" EntityType="ORDERS.Order"/>
      </EntityContainer>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
"""

PATH = "sap/opu/odata/sap/ORDERS/"


class Mock:
    """It runs."""

    def __init__(self, modules: Path, home: Path) -> None:
        """`modules`: where the packages are. Raises `Failed`."""
        (home / "data").mkdir()
        (home / "site.js").write_text(SITE)
        (home / "metadata.xml").write_text(METADATA)
        (home / "data/Orders.json").write_text(json.dumps([{"Number": "0", "Item": "of before"}]))
        environment = {"NODE_PATH": str(modules)}
        self._running = Running(["node", "site.js", "{port}", USER, PASSWORD], home, environment)
        self._running.start()
        self.versions: Mapping[str, str] = {"Node": run(["node", "--version"]).strip().removeprefix("v")} | {
            name: json.loads((modules / name / "package.json").read_text())["version"]
            for name in (package.rpartition("@")[0] or package for package in PACKAGES)
        }

    def backend(self, password: str) -> Backend:
        return Backend(
            f"{self._running.url}{PATH}", reuse="flow", auth=(USER, password), csrf=True, closing=Logout("/logout")
        )

    def log(self) -> Log:
        lines = self._running.said().splitlines()
        return Log(
            lines.count("told signed in"),
            lines.count("told refused"),
            sum(line.startswith(f"POST /{PATH}") and line.endswith(" 201") for line in lines),
            json.loads(ask(f"{self._running.url}told"))["sessions"],
            lines.count("told token"),
        )

    def forget(self) -> None:
        ask(f"{self._running.url}forget", b"")

    def stop(self) -> None:
        self._running.stop()


class Pyodata(Waiting):
    """A client of pyodata over a session of requests; both are shared by threads."""

    def __init__(self, exchange: Exchange) -> None:
        """Nothing is sent until the first call, which asks for the metadata."""
        super().__init__(16)
        self._url = exchange.backend.rules.url
        self._session = exchange.requests()
        self._lock = threading.Lock()
        self._made: Any = None

    async def read(self) -> str:
        return await self.run(self._read)

    async def change(self, number: int) -> str:
        return await self.run(self._change, number)

    async def close(self) -> None:
        await super().close()
        self._session.close()

    def _read(self) -> str:
        order = self._client().entity_sets.Orders.get_entity("0", encode_path=False).execute()
        return "" if order.Item == "of before" else f"the order says {order.Item!r}"

    def _change(self, number: int) -> str:
        made = self._client().entity_sets.Orders.create_entity().set(Number=str(number), Item="new").execute()
        return "" if made.Number == str(number) else f"order {made.Number!r} was made"

    def _client(self) -> Any:
        pyodata: Any = importlib.import_module("pyodata")  # it has no types
        with self._lock:
            if self._made is None:
                self._made = pyodata.Client(self._url, self._session)
        return self._made


def start(places: Path, home: Path) -> Mock:
    """Raises `Failed`."""
    return Mock(node_packages(places / "odata", PACKAGES), home)


def _change(number: int) -> Asked:
    body = json.dumps({"Number": str(number), "Item": "new"})
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    return Asked("POST", "Orders", 201, body=body, headers=headers)


KNOWN = Known(
    title="SAP's OData mock server",
    signs_in="Basic, by passport; a session of express; a token that is asked for, as SAP's; `Logout` by GET",
    forgets="the store of express is emptied",
    counted="lines that passport's check writes, the access log of morgan, and the store's count of sessions",
    start=start,
    callers={
        "pyodata over requests": Pyodata,
        **plainly(Asking(Asked("GET", "Orders('0')?$format=json", 200, mark="of before"), _change)),
    },
)
