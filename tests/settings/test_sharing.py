"""What is said of a shared id, of all applications and of each."""

from __future__ import annotations

from tests.settings.written import Load, refusal

SHARED = """
[sessions]
store = "sqlite:///sessions.db"
share_id = true

[sessions.lifetime]
idle = "20m"

[applications.blog.lifetime]
idle = "2h"

[applications.office]
share_id = false
"""


def test_applications_that_share_an_id_have_settings_of_their_own_above_those_of_all(load: Load) -> None:
    settings = load(SHARED)
    shop, blog = settings.sessions("shop"), settings.sessions("blog")
    assert [each.lifetime.idle_seconds for each in (shop, blog)] == [1200, 7200]
    assert [settings.of(name).options.share_id for name in ("shop", "blog", "office")] == [True, True, False]


def test_what_does_not_go_with_a_shared_id_is_told_with_its_place(load: Load) -> None:
    settings = load(SHARED.replace("share_id = false", "save = 'async'"))
    assert refusal(lambda: settings.sessions("office")).startswith("sojourn.toml:13 and sojourn.toml:4: ")


def test_memories_of_their_own_share_nothing(load: Load) -> None:
    settings = load("[sessions]\nshare_id = true")
    assert "one store" in refusal(lambda: settings.sessions("shop"))
