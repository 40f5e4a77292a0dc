"""The application of the contract in Pyramid."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from sojourn import Sessions
from sojourn.inbound.pyramid import setup
from sojourn.testing.app.deeds import begin, events, perform, stream


def application(sessions: Sessions) -> Any:
    with Configurator() as config:
        setup(config, sessions)
        config.add_route("stream", "/stream")
        config.add_view(_stream, route_name="stream")
        config.add_route("events", "/events")
        config.add_view(_events, route_name="events")
        config.add_route("deed", "/{deed:.*}")
        config.add_view(_do, route_name="deed")
        return config.make_wsgi_app()


def _do(request: Request) -> Response:
    status, body = perform(request.matchdict["deed"], request.session, request.GET)
    return Response(body, status=status, content_type="application/json")


def _stream(request: Request) -> Response:
    begin(request.session)
    return Response(app_iter=stream(request.session))


def _events(request: Request) -> Response:
    return Response(app_iter=events(request.session), content_type="text/event-stream")
