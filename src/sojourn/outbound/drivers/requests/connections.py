"""The connections that sessions of requests send by."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import requests
import requests.adapters

from sojourn.errors import SettingError
from sojourn.outbound.drivers.reading import PIECE, Reading
from sojourn.outbound.drivers.requests.answers import POOLS, is_interim
from sojourn.outbound.drivers.requests.messages import answer_of, forget_cookies
from sojourn.outbound.drivers.way import Way
from sojourn.outbound.driving import PATIENCE
from sojourn.outbound.messages import Request, Response

if TYPE_CHECKING:
    import ssl

__all__ = ["HOW", "Connections"]

HOW = ("stream", "timeout", "verify", "cert", "proxies")
"""What `HTTPAdapter.send` takes besides the request."""

_MOST_IDLE = 100  # connections that are kept: as many as httpx2 and aiohttp use at once
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # variables in which sessions of requests find whom to trust


class Connections:
    """Those of clients that wait."""

    def __init__(self, way: Way, adapter: requests.adapters.HTTPAdapter | None = None) -> None:
        """`adapter`: by which it goes, instead of one that goes that way."""
        self._adapter = adapter or _Connecting(way)

    def send(
        self, request: requests.PreparedRequest, how: dict[str, Any], shown: requests.PreparedRequest | None
    ) -> requests.Response:
        """As of `HTTPAdapter.send`. `shown`: what errors show; the request that is sent holds what is secret."""
        try:
            response = self._adapter.send(request, **how)
        except requests.RequestException as error:
            error.request = shown
            raise
        if is_interim(response.status_code):  # whoever had the connection next would get the answer
            response.close()
            said = f"an interim answer ({response.status_code}) is all that this adapter reads"
            raise requests.ConnectionError(said, request=shown)
        return response

    def ask(self, request: Request, **how: Any) -> Response:
        """Send a request of a negotiation's own. `how`: as of `HTTPAdapter.send`."""
        prepared = requests.Request(request.method, request.url, dict(request.headers), data=request.body).prepare()
        how = {"timeout": PATIENCE, **how, "stream": True}
        reading = Reading()
        with contextlib.closing(self.send(prepared, how, shown=None)) as response:
            try:
                for piece in response.iter_content(PIECE):
                    if not reading.take(piece):
                        break
            except requests.exceptions.ChunkedEncodingError as error:  # it quotes what came, which may be a token
                error.args = ("the answer broke off, or its chunks are none",)
                error.__context__ = None
                raise error from None
            return answer_of(response, request.url, reading.body)

    def close(self) -> None:
        """Close them."""
        self._adapter.close()


class _Connecting(requests.adapters.HTTPAdapter):
    """Connects, and shows no cookies to `http.cookiejar`, which warns of what it cannot read."""

    def __init__(self, way: Way) -> None:
        """`way`: for what is not said with a call. Raises `SettingError` where it could not be gone."""
        if way.tls is not None and not hasattr(requests.adapters.HTTPAdapter, "build_connection_pool_key_attributes"):
            raise SettingError("Backend(tls=…): this requests goes its own way; install requests 2.32.3 or newer")
        super().__init__(pool_maxsize=_MOST_IDLE)
        self._way = way
        self._proxies = {} if way.proxy is None else {"all": way.proxy.url}

    def init_poolmanager(self, *args: Any, **how: Any) -> None:
        super().init_poolmanager(*args, **how)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **how: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **how)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        how.update(zip(HOW, args, strict=False))
        how["proxies"] = how.get("proxies") or self._proxies
        if how.get("verify", True) is True and self._way.tls is None:
            how["verify"] = next(filter(None, map(os.environ.get, _BUNDLES)), True)
        return super().send(request, **how)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        own = self._way.proxy
        if own is None or proxy != own.url:
            return super().proxy_headers(proxy)
        return {"Proxy-Authorization": own.authorization} if own.authorization else {}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, how = super().build_connection_pool_key_attributes(request, verify, cert)
        if (tls := self._of_way(verify, cert)) is not None:
            return host, {"ssl_context": tls, "cert_reqs": tls.verify_mode}  # or urllib3 would set another one in it
        return host, how

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        if self._of_way(verify, cert) is None:  # else urllib3 would load what it trusts into the context, besides
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def _of_way(self, verify: Any, cert: Any) -> ssl.SSLContext | None:
        """The context, unless the client says itself whom it trusts, or shows a certificate."""
        return self._way.tls if verify in (None, True) and cert is None else None

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        forget_cookies(resp)
        return super().build_response(req, resp)
