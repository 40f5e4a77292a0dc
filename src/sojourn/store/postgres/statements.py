"""The statements of a PostgreSQL store. Each is a transaction of its own, for many questions at once.

Plans are made once, perhaps while the tables are small. Then going over a whole index costs no more than the search for
one key in it, and the planner may take it. So it gets no such choice: keys are joined by `= any (array[…])`, which it
can only answer one by one, and applications are compared by `is true`, for which it can use no index.
"""

from __future__ import annotations

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.store.base import SWEEP_DELAY

__all__ = [
    "ADMIT",
    "CLAIM",
    "DISCARD",
    "END",
    "FIELDS",
    "FORGET",
    "HOLD",
    "IN_THE_WAY",
    "LOAD",
    "MOVED",
    "RELEASE",
    "STANDING",
    "STORED",
    "SWEEP",
    "WRITE",
    "WRITE_APART",
]

FIELDS = Record.__struct_fields__
STORED = ", ".join(f"s.{name}" for name in FIELDS)

_ASKED = "text text text bigint text text text text bigint bigint float8 float8 float8 float8 float8 text bytea"

_RIPE = """
with again as (
    select ctid from session where claimed_until <= $1
    order by claimed_until limit $2 for update skip locked
), expired as (
    select ctid from session
    where claimed_until is null and expires_slot <= floor(($1 - {delay}) / 600)
        and expires_at <= $1 - {delay}
    order by expires_slot limit $2 - (select count(*) from again) for update skip locked
)
""".strip()
_LEFT = """
left_ as (
    delete from stub using gone where stub.target = any (array[gone.key]) and (stub.app = gone.app) is true
)
select count(*), tell(string_agg(note(key, app, version, node, true), ',')) from gone
""".strip()


def _filled(statement: str) -> str:
    return statement.format(
        record=", ".join(FIELDS),
        stored=STORED,
        columns=", ".join(("kind", "place", "over_ref", "over_version", *FIELDS)),
        arrays=", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_ASKED.split(), start=1)),
        set=", ".join(
            f"{name} = case kind when 'touch' then s.{name} else asked.{name} end"
            for name in FIELDS
            if name not in ("key", "app", "accessed_at", "expires_at")
        ),
        here="s.key = any (array[asked.key]) and (s.app = asked.app) is true",
        ripe=_RIPE.format(delay=SWEEP_DELAY),
        left=_LEFT,
        grace=GRACE,
    )


LOAD = _filled("""
select asked.n, found.*
from unnest($1::text[], $2::text[]) with ordinality as asked (key, app, n)
cross join lateral (
    select {stored} from session s
    where {here} and s.expires_at > $3 and s.reason is null
    union all
    select {stored} from stub join session s on s.key = any (array[stub.target]) and (s.app = stub.app) is true
    where stub.key = any (array[asked.key]) and (stub.app = asked.app) is true and stub.leads
        and (stub.until is null or stub.until > $3) and s.expires_at > $3 and s.reason is null
) as found
""")

# Rows are locked in the order of their keys, so that no two nodes wait for each other in a circle.
WRITE = _filled("""
with asked as materialized (
    select * from unnest({arrays}) with ordinality as asked ({columns}, n) order by place, app
), added as (
    insert into session ({record})
    select {record} from asked
    where kind = 'add'
        and (select true from stub where stub.key = asked.key and (stub.app = asked.app) is true) is null
    on conflict do nothing
    returning key, app, version, node
), updated as (
    update session s set
        {set},
        accessed_at = case kind when 'touch' then greatest(s.accessed_at, asked.accessed_at)
            else asked.accessed_at end,
        expires_at = case kind when 'touch' then least(greatest(s.expires_at, asked.expires_at), s.absolute_at)
            else asked.expires_at end
    from asked
    where kind <> 'add' and s.key = any (array[asked.place]) and (s.app = asked.app) is true
        and (s.ref = asked.over_ref) is true
        and (s.version = asked.over_version or kind = 'touch') and s.reason is null
    returning asked.n, kind, asked.key, asked.app, asked.version, asked.node, asked.accessed_at,
        asked.accessed_at > asked.renewed_at and asked.renewed_at > asked.created_at as used
), followed as (
    update stub set until = updated.accessed_at + {grace}
    from updated
    where used and stub.target = any (array[updated.key]) and (stub.app = updated.app) is true
        and stub.until is null
), changed as (
    select key, app, version, node from updated where kind = 'replace' union all select * from added
)
select
    (select array_agg(n) from updated) as updated,
    (select array_agg(key) from added) as keys,
    (select array_agg(app) from added) as apps,
    (select tell(string_agg(note(key, app, version, node, false), ',')) from changed)
""")

WRITE_APART = _filled("""
with asked as materialized (
    select * from unnest({arrays}) with ordinality as asked ({columns}, n) order by place, app
), done as materialized (
    select n, write(kind, place, over_ref, over_version, {record}, $18, {grace}) as answer from asked
)
select array_agg((answer).code order by n) as codes, tell(string_agg((answer).note, ',' order by n)) from done
""")

ADMIT = _filled("""
with asked as materialized (
    select * from unnest({arrays}, $18::integer[], $19::text[], $20::float8[])
        with ordinality as asked ({columns}, per_principal, when_full, lease, n)
    order by door(app, principal), place
), done as materialized (
    select n, admit(
        kind, place, over_ref, over_version, {record}, per_principal, when_full, $21, $21 + lease, {grace}
    ) as answer
    from asked
), told as materialized (
    select tell(string_agg((answer).note, ',' order by n)) from done
)
select n, (answer).code, {stored}
from done cross join told left join lateral unnest((answer).evicted) as s on true
""")

END = _filled("""
with asked as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[])
        with ordinality as asked (key, app, reason, lease, n)
    order by key, app
), done as materialized (
    select asked.n, {stored} from asked cross join lateral finish(key, app, asked.reason, $5 + lease) as s
), told as materialized (
    select tell(string_agg(note(key, app, version, node, true), ',' order by n)) from done
)
select done.* from done cross join told
""")

# Why something was not written: what stands where it was to be.
STANDING = _filled("""
select n, {stored}
from unnest($1::text[], $2::text[]) with ordinality as asked (key, app, n)
join session s on s.key = any (array[standing(asked.key, asked.app)]) and (s.app = asked.app) is true
where s.reason is null
""")

IN_THE_WAY = _filled("""
select {stored}, reason from session s where (app = $1) is true and (key = $2 or ref = $3) order by key = $2 desc
""")

MOVED = "select from stub where key = $1 and (app = $2) is true and not leads and until > $3"

# What another node is at work on is left to it. What is locked is found again at once, where it is (ctid).
SWEEP = _filled("""
with closed as (
    delete from stub where ctid = any (array(
        select ctid from stub where until <= $1 - {grace} for update skip locked
    ))
)
delete from lease where ctid = any (array(select ctid from lease where until <= $1 for update skip locked))
""")

CLAIM = _filled("""
{ripe}
update session s set
    claimed_until = $1 + $3,
    reason = coalesce(reason, case when expires_at >= absolute_at then 'absolute' else 'idle' end)
where ctid = any (array(select ctid from again union all select ctid from expired))
returning {stored}, reason
""")

FORGET = _filled("""
with asked as materialized (
    select * from unnest($1::text[], $2::text[]) with ordinality as asked (key, app, n)
    order by key, app
), gone as (
    delete from session s using asked
    where {here} and s.reason is not null
    returning s.key, s.app, s.version, s.node
), {left}
""")

DISCARD = _filled("""
{ripe}, gone as (
    delete from session
    where ctid = any (array(select ctid from again union all select ctid from expired))
    returning key, app, version, node
), {left}
""")

HOLD = """
insert into lease as held (ref, app, holder, until) values ($1, $2, $3, $4)
on conflict (ref, app) do update set holder = excluded.holder, until = excluded.until
where held.holder = excluded.holder or held.until <= $5
returning true
"""

RELEASE = "delete from lease where ref = $1 and app = $2 and holder = $3"
