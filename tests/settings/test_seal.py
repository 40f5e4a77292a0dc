"""Keys come from the environment or from a file of their own; nothing tells them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.settings.written import Load, refusal

from sojourn.settings import Settings
from sojourn.store.sealed import SealedStore, key_ring, new_key
from sojourn.store.stack import layers

KEYS = [new_key(), new_key()]


def test_keys_can_stand_in_a_variable() -> None:
    settings = Settings.load(environ={"SOJOURN_SEAL": ",".join(KEYS)})
    assert settings.of("shop").options.seal == tuple(key_ring(" ".join(KEYS)))
    sealed = settings.sessions("shop").store
    assert any(isinstance(each, SealedStore) for each in layers(sealed))


@pytest.mark.parametrize("place", ["file:keys", "env:SESSION_KEYS"])
def test_a_file_of_settings_names_the_place_of_the_keys(load: Load, place: str) -> None:
    Path("keys").write_text("\n".join(KEYS) + "\n", encoding="ascii")
    settings = load(f"[sessions]\nseal = '{place}'", SESSION_KEYS=" ".join(KEYS))
    assert settings.of("shop").options.seal == tuple(key_ring(" ".join(KEYS)))


def test_an_application_can_be_without_a_seal(load: Load) -> None:
    settings = load("[applications.shop]\nseal = false", SOJOURN_SEAL=KEYS[0])
    assert settings.of("shop").options.seal is None


WRONG = {
    "a key in the file": (KEYS[0], "keys do not stand in a file of settings; name theirs, file:PATH, or"),
    "no file": ("file:nowhere", "the file nowhere cannot be read"),
    "no variable": ("env:NOWHERE", "there is no variable NOWHERE"),
    "an empty variable": ("env:EMPTY", "there is no key in it"),
    "no key": ("env:SHORT", "key 1 of the ring is no URL-safe base64 of 32 bytes"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_what_is_no_place_of_keys_is_told_without_them(load: Load, text: str, problem: str) -> None:
    told = refusal(lambda: load(f"[sessions]\nseal = '{text}'", EMPTY=" ", SHORT=f"x{KEYS[0]}").of("shop"))
    assert told.startswith("sojourn.toml:2: ")
    assert problem in told
    assert not any(key[:8] in told for key in KEYS)


def test_a_wrong_key_of_the_environment_is_told_with_its_variable() -> None:
    told = refusal(lambda: Settings.load(environ={"SOJOURN_SEAL": KEYS[0][:-4]}).of("shop"))
    assert told.startswith("SOJOURN_SEAL: key 1 of the ring")
    assert KEYS[0][:8] not in told


def test_no_secret_is_in_a_repr() -> None:
    settings = Settings.load(
        environ={"SOJOURN_SEAL": KEYS[0], "SOJOURN_STORE": "valkey://:s3cret@host", "SOJOURN_ROUTE": "n1"}
    )
    shown = repr([settings.layer("shop"), settings.of("shop")])
    assert "route='n1'" in shown
    assert "SOJOURN_SEAL" in shown
    assert "s3cret" not in shown
    assert KEYS[0][:8] not in shown
    assert repr(key_ring(KEYS[0])[0])[2:10] not in shown
