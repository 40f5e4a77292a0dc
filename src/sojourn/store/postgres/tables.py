"""The tables of a PostgreSQL store. A change of them, or of the functions, is a new version."""

from __future__ import annotations

__all__ = ["TABLES", "VERSION"]

VERSION = 1

# Texts are sorted by code point (collation "C"), as everywhere else; so a change of the server's locale harms no index.
TABLES = f"""
create table layout (version integer not null);
insert into layout values ({VERSION});

create table session (
    key text collate "C" not null,
    app text collate "C" not null,
    ref text collate "C" not null,
    principal text collate "C",
    epoch bigint not null,
    version bigint not null,
    created_at float8 not null,
    accessed_at float8 not null,
    renewed_at float8 not null,
    expires_at float8 not null,
    absolute_at float8 not null,
    node text collate "C" not null,
    data bytea not null,
    claimed_until float8,
    reason text,  -- of its end: null for as long as nobody has claimed it
    -- Each use puts off expires_at. An index of it would be written each time, and all others with it: they are spared
    -- (HOT) where no value changes that is in an index.
    expires_slot float8 not null generated always as (floor(expires_at / 600)) stored,
    primary key (key, app)
) with (fillfactor = 75);
alter table session alter column data set storage external;  -- packed, or sealed: compressing it gains little
create unique index session_ref on session (ref, app);
create index session_expires_slot on session (expires_slot) where claimed_until is null;
create index session_claimed_until on session (claimed_until) where claimed_until is not null;
-- A principal may be longer than an index allows.
create index session_principal on session (hashtextextended(principal, 0)) where principal is not null;

create table stub (
    key text collate "C" not null,
    app text collate "C" not null,
    target text collate "C" not null,
    leads boolean not null,
    until float8,
    primary key (key, app)
);
create index stub_target on stub (target, app);
create index stub_until on stub (until) where until is not null;

create table lease (
    ref text collate "C" not null,
    app text collate "C" not null,
    holder text not null,
    until float8 not null,
    primary key (ref, app)
);
create index lease_until on lease (until);
"""  # noqa: S608 - no statement of a user
