"""Pages: what the back end shows to people, and to clients that read pages."""

from __future__ import annotations

import html

__all__ = ["front_page", "login_page"]

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">{head}<title>{title}</title></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


def front_page(user: str, head: str) -> str:
    """The page at `/`. `head`: a meta tag with a token, or nothing."""
    body = f'<p>Signed in as {html.escape(user)}.</p>\n<p><a href="/logout">Sign out</a></p>'
    return _PAGE.format(head=head, title="Back end", body=body)


def login_page(names: tuple[str, str, str], token: str, onward: str, *, failed: bool) -> str:
    """The form. `names`: its fields; `token`: the hidden one's; `onward`: where to go afterwards."""
    user, password, hidden = map(html.escape, names)
    lines = [
        '<p class="error">User or password is wrong.</p>' if failed else "",
        '<form method="post" action="/login">',
        f'<input type="hidden" name="{hidden}" value="{html.escape(token)}">',
        f'<input type="hidden" name="next" value="{html.escape(onward)}">',
        f'<label>User <input name="{user}" autocomplete="username"></label>',
        f'<label>Password <input type="password" name="{password}" autocomplete="current-password"></label>',
        '<button type="submit">Sign in</button>',
        "</form>",
    ]
    return _PAGE.format(head="", title="Sign in", body="\n".join(filter(None, lines)))
