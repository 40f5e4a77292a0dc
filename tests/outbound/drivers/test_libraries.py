"""Libraries that send by a session of requests, over an exchange, unchanged: zeep and pyodata."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pyodata  # type: ignore[import-untyped]
import zeep
from pyodata.v2.service import Service  # type: ignore[import-untyped]
from tests.outbound.drivers.picky import behind_a_door
from tests.outbound.drivers.server import Asked, Reply
from zeep.transports import Transport

from sojourn.outbound import Backend

WSDL = """<?xml version="1.0"?>
<definitions name="Stock" targetNamespace="urn:stock" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:stock"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <message name="Asked"><part name="item" type="xsd:string"/></message>
  <message name="Told"><part name="left" type="xsd:int"/></message>
  <portType name="StockPort"><operation name="Left"><input message="tns:Asked"/><output message="tns:Told"/></operation>
  </portType>
  <binding name="StockBinding" type="tns:StockPort">
    <soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="Left"><soap:operation soapAction="left"/>
      <input><soap:body use="literal" namespace="urn:stock"/></input>
      <output><soap:body use="literal" namespace="urn:stock"/></output>
    </operation>
  </binding>
  <service name="Stock"><port name="Port" binding="tns:StockBinding"><soap:address location="HERE"/></port></service>
</definitions>"""

TOLD = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<s:LeftResponse xmlns:s="urn:stock"><left>%d</left></s:LeftResponse></soap:Body></soap:Envelope>"""

METADATA = b"""<?xml version="1.0"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">
 <edmx:DataServices m:DataServiceVersion="2.0" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">
  <Schema Namespace="SHOP" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
   <EntityType Name="Order"><Key><PropertyRef Name="Id"/></Key>
    <Property Name="Id" Type="Edm.String" Nullable="false"/><Property Name="Item" Type="Edm.String" Nullable="false"/>
   </EntityType>
   <EntityContainer Name="SHOP" m:IsDefaultEntityContainer="true"><EntitySet Name="Orders" EntityType="SHOP.Order"/>
   </EntityContainer>
  </Schema>
 </edmx:DataServices>
</edmx:Edmx>"""


def soap(asked: Asked) -> Reply:
    if asked.method != "POST":
        here = f"http://{asked.all('host')[0].decode()}/soap"
        return Reply(headers=((b"Content-Type", b"text/xml"),), body=WSDL.replace("HERE", here).encode())
    item = re.search(rb"<item>(\w+)</item>", asked.body)
    assert item is not None
    return Reply(headers=((b"Content-Type", b"text/xml"),), body=(TOLD % len(item[1])).encode())


class Shop:
    """An OData service of orders."""

    def __init__(self) -> None:
        self.orders: list[dict[str, str]] = []

    def answer(self, asked: Asked) -> Reply:
        path = urlsplit(asked.url).path
        if path.endswith("$metadata"):
            return Reply(headers=((b"Content-Type", b"application/xml"),), body=METADATA)
        if asked.method == "POST":
            self.orders.append(json.loads(asked.body))
            return self._said(201, self.orders[-1])
        return self._said(200, {"results": self.orders} if path.endswith("/Orders") else {})

    def _said(self, status: int, value: object) -> Reply:
        body = json.dumps({"d": value}).encode()
        return Reply(status, ((b"Content-Type", b"application/json"),), body)


def test_zeep_signs_in_once_and_goes_on_when_the_session_is_gone() -> None:
    with behind_a_door(soap) as (server, door):
        backend = Backend(server.url, reuse="exchange", auth=("alice", "secret"), csrf=True)
        with backend.exchange().requests() as session:
            client = zeep.Client(server.url + "soap?wsdl", transport=Transport(session=session))  # type: ignore[no-untyped-call]
            assert [client.service.Left(item="a" * n) for n in range(1, 5)] == [1, 2, 3, 4]
            assert door.counts == {"sign-ins": 1, "tokens": 1}
            door.sessions.clear()
            assert client.service.Left(item="abcde") == 5
            assert door.counts == {"sign-ins": 2, "tokens": 2, "refused": 1}


def test_zeep_may_be_called_by_many_threads() -> None:
    with behind_a_door(soap) as (server, door):
        backend = Backend(server.url, reuse="exchange", auth=("alice", "secret"), csrf=True)
        with backend.exchange().requests() as session, ThreadPoolExecutor(20) as threads:
            client = zeep.Client(server.url + "soap?wsdl", transport=Transport(session=session))  # type: ignore[no-untyped-call]
            told = threads.map(lambda n: client.service.Left(item="a" * n), range(1, 101))
            assert list(told) == list(range(1, 101))
        assert door.counts == {"sign-ins": 1, "tokens": 1}


def test_pyodata_signs_in_once_and_needs_no_token_of_its_own() -> None:
    shop = Shop()
    with behind_a_door(shop.answer) as (server, door):
        backend = Backend(server.url + "odata/", reuse="exchange", auth=("alice", "secret"), csrf=True)
        with backend.exchange().requests() as session:
            client: Service = pyodata.Client(server.url + "odata/", session)
            for n in range(3):
                client.entity_sets.Orders.create_entity().set(Id=str(n), Item="chair").execute()
            door.sessions.clear()
            client.entity_sets.Orders.create_entity().set(Id="3", Item="table").execute()
            orders = client.entity_sets.Orders.get_entities().execute()
            assert [order.Item for order in orders] == ["chair", "chair", "chair", "table"]
        assert door.counts == {"sign-ins": 2, "tokens": 2, "refused": 1}
