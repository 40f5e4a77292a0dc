"""Functions within the server, for what takes more than one look: creating again, moving, ending, admitting.

Each query of a function sees what was committed before that query began. So what is looked at under a lock holds.
Applications are compared by `is true` for the reason that is given with the statements.
"""

from __future__ import annotations

__all__ = ["DONE", "FULL", "FUNCTIONS", "IN_THE_WAY", "MISSED", "TAKEN"]

# What a function answers.
DONE = 0
MISSED = 1  # nothing is at the place, or another version
TAKEN = 2  # something is where it was to be moved or created
IN_THE_WAY = 3  # a session that is live or claimed is where it was to be created
FULL = 4  # the principal has as many sessions as one may have

_TELLING = """
create type answer as (code integer, note text);
create type admission as (code integer, note text, evicted session[]);

create function note(_key text, _app text, _version bigint, _node text, _ended boolean) returns text
language sql stable as $$
    select json_build_array(_key, _app, _version, _node, _ended)::text
$$;

create function channel() returns text
language sql stable as $$
    select 'sojourn_' || oid from pg_namespace where nspname = current_schema()
$$;

create function tell(_notes text) returns void
language plpgsql as $$
declare
    -- A payload has less than 8000 bytes, and a character up to 4.
    size constant integer := case when octet_length(_notes) = length(_notes) then 7900 else 1900 end;
    pieces constant integer := coalesce((length(_notes) - 1) / size + 1, 0);
begin
    for piece in 1 .. pieces loop
        perform pg_notify(channel(), piece || '/' || pieces || ' ' || substr(_notes, (piece - 1) * size + 1, size));
    end loop;
end $$;
"""

_SAVING = """
create function follow(_key text, _app text, _created_at float8, _accessed_at float8, _renewed_at float8, _grace float8)
returns void
language plpgsql as $$
begin
    -- Once the new key is in use, the old ones are followed for the grace time alone.
    if _accessed_at > _renewed_at and _renewed_at > _created_at then
        update stub set until = _accessed_at + _grace where target = _key and (app = _app) is true and until is null;
    end if;
end $$;

create function replace(_place text, _over_ref text, _over_version bigint, {record}, _grace float8) returns answer
language plpgsql as $$
begin
    update session set {set}
    where key = _place and (app = _app) is true and ref = _over_ref and version = _over_version and reason is null;
    if not found then
        return ({missed}, null::text);
    end if;
    perform follow(_key, _app, _created_at, _accessed_at, _renewed_at, _grace);
    return ({done}, note(_key, _app, _version, _node, false));
end $$;

create function add({record}, _now float8) returns answer
language plpgsql as $$
declare
    stored session;
    expired text[] := '{{}}';
    notes text := '';
begin
    insert into session values ({values}) on conflict do nothing;
    if found then
        -- Only now: whoever was moving a session away from here is done, and the stub that he left is seen.
        if not exists (select from stub where key = _key and (app = _app) is true) then
            return ({done}, note(_key, _app, _version, _node, false));
        end if;
        delete from session where key = _key and (app = _app) is true;
    end if;
    for stored in
        select * from session where (app = _app) is true and (key = _key or ref = _ref) order by key for update
    loop
        if stored.reason is not null or stored.expires_at > _now then
            return ({in_the_way}, null::text);
        end if;
        expired := expired || stored.key;  -- it is absent, so it is in nobody's way
        notes := notes || note(stored.key, _app, stored.version, stored.node, true) || ',';
    end loop;
    if exists (select from stub where key = _key and (app = _app) is true and target <> all (expired)) then
        return ({taken}, null::text);
    end if;
    delete from stub where (app = _app) is true and target = any (expired);
    delete from session where (app = _app) is true and key = any (expired);
    insert into session values ({values});
    return ({done}, notes || note(_key, _app, _version, _node, false));
end $$;

create function move(
    _place text, _over_ref text, _over_version bigint, {record}, _now float8, _grace float8
) returns answer
language plpgsql as $$
declare
    same_hands boolean;
begin
    select epoch = _epoch into same_hands from session
        where key = _place and (app = _app) is true and ref = _over_ref and version = _over_version and reason is null
        for update;
    if not found then
        return ({missed}, null::text);
    end if;
    if exists (select from session where (app = _app) is true and (key = _key or ref = _ref) and key <> _place)
        or exists (select from stub where key = _key and (app = _app) is true)
    then
        return ({taken}, null::text);
    end if;
    update session set key = _key, {set} where key = _place and (app = _app) is true;
    update stub set
        target = _key,
        leads = leads and same_hands,
        -- A stub that led until now was left at this sign-in, as the key before the last.
        until = case when leads and not same_hands then _now + _grace else until end
    where target = _place and (app = _app) is true;
    insert into stub values (_place, _app, _key, same_hands, case when not same_hands then _now + _grace end);
    perform follow(_key, _app, _created_at, _accessed_at, _renewed_at, _grace);
    return ({done}, note(_place, _app, _version, _node, true) || ',' || note(_key, _app, _version, _node, false));
end $$;
"""

_ENDING = """
create function standing(_key text, _app text) returns text
language sql stable as $$
    select coalesce((select target from stub where key = _key and (app = _app) is true and leads), _key)
$$;

create function remove(_key text, _app text) returns answer
language plpgsql as $$
declare
    place text;
    stored session;
begin
    loop
        place := standing(_key, _app);
        delete from session where key = place and (app = _app) is true and reason is null returning * into stored;
        exit when found or place = standing(_key, _app);  -- else it was moved meanwhile
    end loop;
    if stored.key is null then
        return ({missed}, null::text);
    end if;
    delete from stub where target = stored.key and (app = _app) is true;
    return ({done}, note(stored.key, _app, stored.version, stored.node, true));
end $$;

create function finish(_key text, _app text, _reason text, _until float8) returns setof session
language plpgsql as $$
declare
    place text;
begin
    loop
        place := standing(_key, _app);
        return query update session set claimed_until = _until, reason = _reason
            where key = place and (app = _app) is true and reason is null returning *;
        exit when found or place = standing(_key, _app);
    end loop;
end $$;
"""

_WRITING = """
create function write(
    _kind text, _place text, _over_ref text, _over_version bigint, {record}, _now float8, _grace float8
) returns answer
language plpgsql as $$
begin
    case _kind
        when 'replace' then return replace(_place, _over_ref, _over_version, {values}, _grace);
        when 'move' then return move(_place, _over_ref, _over_version, {values}, _now, _grace);
        when 'add' then return add({values}, _now);
        when 'remove' then return remove(_key, _app);
    end case;
end $$;

create function door(_app text, _principal text) returns bigint
language sql immutable as $$
    select hashtextextended(_app || ' ' || _principal, 0)
$$;

create function held_by(_app text, _principal text, _now float8) returns setof session
language sql stable as $$
    select * from session
    where hashtextextended(principal, 0) = hashtextextended(_principal, 0) and principal = _principal
        and (app = _app) is true and expires_at > _now and reason is null
$$;

create function admit(
    _kind text, _place text, _over_ref text, _over_version bigint, {record}, _limit integer, _when_full text,
    _now float8, _until float8, _grace float8
) returns admission
language plpgsql as $$
declare
    saved answer;
    others integer;
    other session;
    evicted session[] := '{{}}';
begin
    perform pg_advisory_xact_lock(door(_app, _principal));  -- one at a time for each principal, from all nodes
    saved := write(_kind, _place, _over_ref, _over_version, {values}, _now, _grace);
    if saved.code <> {done} then
        return (saved.code, null::text, evicted);
    end if;
    loop
        select count(*) into others from held_by(_app, _principal, _now) as held where held.key <> _key;
        exit when others < _limit;
        if _when_full = 'refuse' then
            raise exception using errcode = 'SJ001';
        end if;
        exit when others = 0;
        -- One that is renewed at this moment has another key when it can be locked, so all are counted again.
        for other in
            update session set claimed_until = _until, reason = 'evicted'
            where (app = _app) is true and reason is null and key = any (array(
                select key from held_by(_app, _principal, _now) as held where held.key <> _key
                order by case _when_full when 'end-oldest' then created_at else accessed_at end, ref
                limit others + 1 - _limit
            ))
            returning *
        loop
            evicted := evicted || other;
            saved.note := note(other.key, _app, other.version, other.node, true) || ',' || saved.note;
        end loop;
    end loop;
    return (saved.code, saved.note, evicted);
exception  -- nothing of this one happened; what others of the batch did stays
    when sqlstate 'SJ001' then
        return ({full}, null::text, '{{}}'::session[]);
    when unique_violation then
        return ({taken}, null::text, '{{}}'::session[]);
end $$;
"""

_TYPES = {
    "key": "text",
    "app": "text",
    "ref": "text",
    "principal": "text",
    "epoch": "bigint",
    "version": "bigint",
    "created_at": "float8",
    "accessed_at": "float8",
    "renewed_at": "float8",
    "expires_at": "float8",
    "absolute_at": "float8",
    "node": "text",
    "data": "bytea",
}

FUNCTIONS = _TELLING + (_SAVING + _ENDING + _WRITING).format(
    record=", ".join(f"_{name} {kind}" for name, kind in _TYPES.items()),
    values=", ".join(f"_{name}" for name in _TYPES),
    set=", ".join(f"{name} = _{name}" for name in _TYPES if name not in ("key", "app")),
    done=DONE,
    missed=MISSED,
    taken=TAKEN,
    in_the_way=IN_THE_WAY,
    full=FULL,
)
