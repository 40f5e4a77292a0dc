"""What `scripts/applications` is made of, tried with an application that is here: no network, no installation."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.applications import page
from tests.applications.application import Application, Door
from tests.applications.installation import Failed, Installation, run
from tests.applications.known import APPLICATIONS, UNFIT
from tests.applications.page import Outcome
from tests.applications.trial import OWN, Trial
from tests.applications.visit import CHECKS, OUTSIDE, Check
from tests.applications.visitor import Forms

DIARY = """\
import secrets

from flask import Flask, redirect, request, session

application = Flask("diary")
application.secret_key = "not a secret"
TOKEN = "<form method=post action='{}'><input type=hidden name=token value='{}'>"


@application.get("/enter")
def form():
    session["token"] = secrets.token_hex(8)
    return TOKEN.format("/enter", session["token"]) + "<input name=user><input name=password type=password></form>"


@application.post("/enter")
def enter():
    assert request.form["token"] == session["token"]
    if request.form["password"] == "right":
        session["user"] = request.form["user"]
    return redirect("/")


@application.get("/")
def diary():
    if "user" not in session:
        return redirect("/enter")
    return f"the diary of {session['user']}" + TOKEN.format("/leave", session["token"]) + "</form>"


@application.post("/leave")
def leave():
    assert request.form["token"] == session["token"]
    session.clear()
    return redirect("/")
"""

MOVED = """\
import os

from diary import application

from sojourn import Sessions
from sojourn.inbound.flask import SessionInterface

application.session_interface = SessionInterface(Sessions(os.environ["SOJOURN_STORE"]))
"""


def diary(setting: str = MOVED) -> Application:
    return Application(
        name="flask",
        framework="Flask",
        own="signed cookies",
        files={"diary.py": DIARY},
        prepare=('python -c \'open("prepared", "w")\'',),
        target="diary:application",
        cookie="session",
        setting=setting,
        moved_target="moved:application",
        moved_cookie="__Host-id",
        doors=(
            Door(
                name="owner",
                form="/enter",
                fields={"user": "ada", "password": "right"},
                page="/",
                mark="the diary of ada",
                out="/leave",
                out_method="POST",
            ),
        ),
    )


class Here(Installation):
    """The environment of the tests, in the place of one that is made."""

    def __init__(self, application: Application) -> None:
        super().__init__(application, Path())
        self.python = Path(sys.executable)
        self.place = self.python.parent.parent


def failed(trial: Trial, store: str | None) -> set[str]:
    checks = trial.run(store)["owner"]
    assert {check.name for check in checks} == set(CHECKS) - {"new id"} - (set() if store else OUTSIDE)
    return {check.name for check in checks if not check.passed}


@pytest.mark.long
def test_an_application_is_driven_before_and_after_the_move(tmp_path: Path) -> None:
    trial = Trial(diary(), Here(diary()), tmp_path)
    trial.prepare()
    assert (tmp_path / "prepared").exists()
    assert failed(trial, None) == {"replay"}  # a signed cookie is good for whoever has a copy
    assert failed(trial, f"sqlite:///{tmp_path}/sessions.db") == set()


@pytest.mark.long
def test_an_application_that_has_not_moved_is_found_out(tmp_path: Path) -> None:
    application = diary("from diary import application\n")
    trial = Trial(application, Here(application), tmp_path)
    trial.prepare()
    assert failed(trial, f"sqlite:///{tmp_path}/sessions.db") == {"cookie", "stored", "ended", "replay"}


def test_an_application_that_does_not_start_is_told_of(tmp_path: Path) -> None:
    application = diary("raise RuntimeError('no')\n")
    trial = Trial(application, Here(application), tmp_path)
    trial.prepare()
    (check,) = trial.run(f"sqlite:///{tmp_path}/sessions.db")["owner"]
    assert (check.name, check.passed) == ("start", False)


def test_what_a_program_says_when_it_fails_is_told() -> None:
    with pytest.raises(Failed, match="it broke"):
        run([sys.executable, "-c", "raise SystemExit('it broke')"])


def test_a_form_is_sent_with_what_it_hides() -> None:
    text = "<form action=/a><input name=q></form><input type=hidden name=s value=2>"
    forms = Forms(f"{text}<form><input type=hidden name=t value=1><input name=user></form>")
    assert [(form.action, form.hidden, form.names) for form in forms.found] == [
        ("", {"s": "2"}, {"s"}),
        ("/a", {}, {"q"}),
        ("", {"t": "1"}, {"t", "user"}),
    ]


def test_the_page_tells_what_was_tried_and_what_failed() -> None:
    good, bad = Check(name="sign-in", passed=True), Check(name="replay", passed=False, found="they are signed in")
    doors = [door.name for door in APPLICATIONS["ihatemoney"].doors]
    outcome = Outcome(name="ihatemoney", version="7", framework="Flask 3")
    outcome.checks = {OWN: {doors[0]: [good, bad]}, "sqlite": {doors[0]: [good, good], doors[1]: [good]}}
    assert outcome.good
    broken = Outcome(name="pretix", failure="it broke")
    assert not broken.good
    text = page.text([outcome, broken])
    assert f"| ihatemoney 7 | Flask 3 | signed cookies | {doors[0]} | 1 of 2 | 2 of 2 |" in text
    assert f"| ihatemoney 7 | Flask 3 | signed cookies | {doors[1]} | – | 1 of 1 |" in text
    assert "before. Not so: refuses the cookies of before the sign-out (they are signed in)." in text
    assert "- `pretix`: it broke" in text
    assert all(f"- `{name}`: " in text for name in UNFIT)


def test_each_application_says_all_that_it_needs() -> None:
    for application in APPLICATIONS.values():
        assert "SOJOURN_STORE" in application.setting
        assert application.moved_target or application.moved_environment or "moved" in str(application.files)
        assert len({door.name for door in application.doors}) == len(application.doors)
