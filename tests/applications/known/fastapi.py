"""Those on FastAPI."""

from __future__ import annotations

from tests.applications.application import Application, Door

__all__ = ["APPLICATIONS"]

QUETZ = Application(
    name="quetz-server",
    framework="FastAPI",
    own="signed cookies",
    # It registers a route in a way that later versions of Starlette have dropped.
    requirements=("fastapi<0.116", "starlette<0.47"),
    files={
        "quetz.toml": "[github]\nclient_id = 'a'\nclient_secret = 'b'\n"
        "[sqlalchemy]\ndatabase_url = 'sqlite:///{home}/quetz/quetz.sqlite'\n"
        "[users]\ndefault_role = 'member'\n"
        "[session]\nsecret = 'not-a-secret-but-long-enough-for-quetz'\nhttps_only = false\n",
        # Its form with a name and a password, which is among its plugins for authentication and off by itself.
        "simple-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: simple\nVersion: 1\n",
        "simple-1.dist-info/entry_points.txt": (
            "[quetz.authenticator]\nsimple = quetz.authentication.base:SimpleAuthenticator\n"
        ),
    },
    environment={"QUETZ_CONFIG_FILE": "{home}/quetz/config.toml"},
    prepare=("quetz create {home}/quetz --copy-conf {home}/quetz.toml --dev",),
    server="uvicorn",
    target="quetz.main:app",
    cookie="session",
    setting="""\
import os

from quetz.main import app
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware

from sojourn import Sessions
from sojourn.inbound.asgi import SessionMiddleware as OurMiddleware

ours = Middleware(OurMiddleware, sessions=Sessions(os.environ["SOJOURN_STORE"], principal="user_id"))
app.user_middleware = [ours if each.cls is SessionMiddleware else each for each in app.user_middleware]
""",
    moved_target="moved:app",
    moved_cookie="__Host-id",
    renews=True,
    doors=(
        Door(
            name="members",
            form="/auth/simple/login",
            fields={"username": "grace", "password": "grace"},
            page="/api/me",
            mark="grace",
            out="/auth/logout",
        ),
    ),
)

APPLICATIONS = (QUETZ,)
