"""Those on Flask."""

from __future__ import annotations

from tests.applications.application import NAME, PASSWORD, Application, Door

__all__ = ["APPLICATIONS"]

IHATEMONEY = Application(
    name="ihatemoney",
    framework="Flask",
    own="signed cookies",
    files={
        "make_project.py": "from ihatemoney.models import Project, db\n"
        "from ihatemoney.wsgi import application\n"
        "from werkzeug.security import generate_password_hash\n"
        "project = Project(\n"
        f"    id='society', name='Society', contact_email={NAME!r}, default_currency='XXX',\n"
        f"    password=generate_password_hash({PASSWORD!r}),\n"
        ")\n"
        "with application.app_context():\n"
        "    db.session.add(project)\n"
        "    db.session.commit()\n",
        "ihatemoney.cfg": "import os\n"
        "from werkzeug.security import generate_password_hash\n"
        "SQLALCHEMY_DATABASE_URI = 'sqlite:///{home}/ihatemoney.db'\n"
        "SECRET_KEY = 'not-a-secret'\n"
        "ACTIVATE_ADMIN_DASHBOARD = True\n"
        f"ADMIN_PASSWORD = generate_password_hash({PASSWORD!r}, 'pbkdf2:sha256')\n",
    },
    environment={"IHATEMONEY_SETTINGS_FILE_PATH": "{home}/ihatemoney.cfg"},
    prepare=("python make_project.py",),
    target="ihatemoney.wsgi:application",
    cookie="session",
    setting="""\
import os

from ihatemoney.wsgi import application

from sojourn import Sessions
from sojourn.inbound.flask import SessionInterface

application.session_interface = SessionInterface(Sessions(os.environ["SOJOURN_STORE"]))
""",
    moved_target="moved:application",
    moved_cookie="__Host-id",
    doors=(
        Door(
            name="project",
            form="/authenticate",
            fields={"id": "society", "password": PASSWORD},
            page="/society/",
            mark="/society/add",
            out="/exit",
            out_method="POST",
        ),
        Door(
            name="administration",
            form="/admin?goto=/dashboard",
            fields={"admin_password": PASSWORD},
            page="/dashboard",
            mark="Number of participants",
            out_page="/society/",
            out="/exit",
            out_method="POST",
        ),
    ),
)

SUPERSET = Application(
    name="apache-superset",
    framework="Flask",
    own="signed cookies",
    # What it imports and does not ask for, and versions that fit: wheels alone are older than it needs.
    requirements=("rich", "cachetools", "flask-caching<2.4", "wtforms-json>=0.3.5"),
    files={
        "superset_config.py": "import os\n"
        "SQLALCHEMY_DATABASE_URI = 'sqlite:///{home}/superset.db'\n"
        "SECRET_KEY = 'not-a-secret-but-long-enough-for-superset'\n"
        "TALISMAN_ENABLED = False\n"  # sends browsers to https
        "if 'SOJOURN_STORE' in os.environ:\n"
        "    from moved import *\n",
    },
    environment={"SUPERSET_CONFIG_PATH": "{home}/superset_config.py", "FLASK_APP": "superset"},
    prepare=(
        "superset db upgrade",
        f"superset fab create-admin --username ada --firstname Ada --lastname L --email {NAME} --password {PASSWORD}",
        "superset init",
    ),
    target="superset.app:create_app()",
    cookie="session",
    setting="""\
import os

from sojourn import Sessions
from sojourn.inbound.flask import SessionInterface


def FLASK_APP_MUTATOR(app):
    app.session_interface = SessionInterface(Sessions(os.environ["SOJOURN_STORE"]))
""",
    moved_cookie="__Host-id",
    renews=True,  # Flask-Login
    doors=(
        Door(
            name="users",
            form="/login/",
            fields={"username": "ada", "password": PASSWORD},
            page="/api/v1/me/",
            mark=NAME,
            out="/logout/",
        ),
    ),
)

APPLICATIONS = (IHATEMONEY, SUPERSET)
