"""Scripts: each operation on one session is one script, which runs in the slot of its tag."""

from __future__ import annotations

import hashlib

from sojourn.core.lifetime import GRACE
from sojourn.store.base import SWEEP_DELAY

__all__ = ["BACKSTOP", "TEXTS", "Script"]

BACKSTOP = 7 * 86_400  # seconds that what has ended rests until the server drops it, if nobody ever sweeps
SPARE = 86_400_000  # milliseconds more for what many sessions share, so that it is not prolonged with each save

TEXTS: dict[bytes, bytes] = {}
"""What a server that has forgotten a script is given instead of its hash."""

_COMMON = f"""
local call = redis.call
local BACKSTOP, SPARE, GRACE, REST = {BACKSTOP}, {SPARE}, {GRACE!r}, {SWEEP_DELAY!r}
"""

# A key outlives all that it holds: it is never given a shorter life, and an endless one for what never ends.
_LIFE = """
local function outlive(key, fresh, ms)
  if not ms then call('PERSIST', key) return end
  local left = fresh and 0 or call('PTTL', key)
  if left >= 0 and left < tonumber(ms) then
    call('PEXPIRE', key, string.format('%.0f', tonumber(ms) + SPARE))
  end
end
local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

# Where fields of a packed record are: see `layout`. Lua counts from 1.
_SESSION = """
local due, refs, channel = KEYS[1], KEYS[2], ARGV[1]
local now, root = tonumber(ARGV[2]), ARGV[3]

local function text(number) return string.format('%.17g', number) end
local function double(value, from) return (struct.unpack('<d', value, from)) end
local function long(value, from) return (struct.unpack('<I4', value, from)) end
local function kind(value) return value and value:sub(1, 1) end
local function place(key, app) return root .. 's:' .. key .. '/' .. app end
local function life(till)
  local ms = math.max(till - now + BACKSTOP, 60) * 1000
  return ms < 1e14 and string.format('%.0f', ms) or nil
end
local function put(key, value, till)
  local ms = life(till)
  if ms then call('SET', key, value, 'PX', ms) else call('SET', key, value) end
end
local function prolong(key, till)
  local ms = life(till)
  if ms then call('PEXPIRE', key, ms) else call('PERSIST', key) end
end
local function list(member, score, till)
  local added = call('ZADD', due, text(score), member)
  outlive(due, added == 1 and call('ZCARD', due) == 1, life(till))
end
-- What is due may be listed too early: the sweep then lists it anew. So most saves and touches need not list it.
local function relist(field, before, expires)
  local function day(at) return at == math.huge and at or math.floor(at / 86400) end
  if before and expires >= before and day(expires) == day(before) then return false end
  list('R' .. field, expires + REST, expires)
  outlive(refs, false, life(expires))
  return true
end
local function ref_of(value) return value:sub(71, 70 + long(value, 59)) end
local function field_of(value, app)
  local ref = ref_of(value)
  return #ref .. '/' .. ref .. app
end
local function taken_apart(field)
  local size, rest = field:match('^(%d+)/(.*)$')
  return rest:sub(1, size), rest:sub(size + 1)
end
local function head(value)
  local principal = long(value, 63)
  return value:sub(1, 70 + long(value, 59) + (principal == 4294967295 and 0 or principal) + long(value, 67))
end
local function tell_end(value, key, app)
  local from = 71 + long(value, 59) + (long(value, 63) == 4294967295 and 0 or long(value, 63))
  local node = value:sub(from, from + long(value, 67) - 1)
  call('PUBLISH', channel, '1' .. value:sub(27, 34) .. value:sub(67, 70) .. node .. key .. '/' .. app)
end
local function keys_of(field)
  local keys = {}
  for key in (call('HGET', refs, field) or ''):gmatch('%S+') do keys[#keys + 1] = key end
  return keys
end
local function is(start, version, ref)
  return kind(start) == 'R' and start:sub(27, 34) == version and long(start, 59) == #ref and start:sub(71) == ref
end
local function follow(key, app)
  local value = call('GET', place(key, app))
  if kind(value) == 'S' then
    if value:sub(2, 2) ~= '1' then return nil end
    key = value:sub(11)
    value = call('GET', place(key, app))
  end
  if kind(value) == 'R' then return value, key end
end
local function refuse(key, app, ref)
  local value, at = follow(key, app)
  if not value or ref_of(value) ~= ref then return {'gone'} end
  return {'conflict', at, value}
end
local function leave(key, app, leads, till, target, ends)
  local open = till == math.huge
  put(place(key, app), 'S' .. (leads and '1' or '0') .. struct.pack('<d', till) .. target,
      open and ends + BACKSTOP or till + GRACE)
  if open then call('ZREM', due, 'S' .. key .. '/' .. app)
  else list('S' .. key .. '/' .. app, till + GRACE, till + GRACE) end
end
local function use(field, app, till)
  local keys = keys_of(field)
  for number = 2, #keys do
    local value = call('GET', place(keys[number], app))
    if kind(value) == 'S' and double(value, 3) == math.huge then
      leave(keys[number], app, value:sub(2, 2) == '1', till, value:sub(11), till)
    end
  end
end
local function remove(key, app, value)
  local field = field_of(value, app)
  local keys = keys_of(field)
  for number = 2, #keys do
    call('DEL', place(keys[number], app))
    call('ZREM', due, 'S' .. keys[number] .. '/' .. app)
  end
  call('DEL', place(key, app))
  call('HDEL', refs, field)
  call('ZREM', due, 'R' .. field)
  tell_end(value, key, app)
end
local function claim(key, app, value, reason, till)
  call('SETRANGE', place(key, app), 0, 'C' .. reason)
  prolong(place(key, app), till)
  list('R' .. field_of(value, app), till, till)
  outlive(refs, false, life(till))
end
"""


class Script:
    """A script, known to the server by its hash."""

    def __init__(self, body: str, *, flags: str = "", session: bool = True) -> None:
        """`flags`: of the server's for scripts. `session`: whether it works on the keys of one tag."""
        text = f"#!lua{' flags=' + flags if flags else ''}{_COMMON}{_LIFE}{_SESSION if session else ''}{body}".encode()
        self.sha = hashlib.sha1(text).hexdigest().encode()  # noqa: S324 - the server's name for it
        self.writes = "no-writes" not in flags
        TEXTS[self.sha] = text


CREATE = Script("""
local app, key, field, by, value, message = unpack(ARGV, 4)
if by ~= '' and clock() > tonumber(by) then return {'late'} end
local there = call('GET', KEYS[3])
local way = {}
if kind(there) == 'R' or kind(there) == 'C' then way[1] = {key, there} end
local other = keys_of(field)[1]
if other and other ~= key then
  local held = call('GET', place(other, app))
  if kind(held) == 'R' or kind(held) == 'C' then way[#way + 1] = {other, held} end
end
local closed = kind(there) == 'S'
for _, each in ipairs(way) do
  if kind(each[2]) == 'C' then return {'conflict'} end
  if double(each[2], 11) > now then return {'conflict', each[1], each[2]} end
  if kind(there) == 'S' and there:sub(11) == each[1] then closed = false end
end
if closed then return {'conflict'} end
local answer = {'ok'}
for _, each in ipairs(way) do
  remove(each[1], app, each[2])
  answer[#answer + 1] = head(each[2])
end
local expires = double(value, 11)
put(KEYS[3], value, expires)
call('HSET', refs, field, key)
outlive(refs, call('HLEN', refs) == 1, life(expires))
list('R' .. field, expires + REST, expires)
call('PUBLISH', channel, message)
return answer
""")

REPLACE = Script("""
local app, key, field, by, value, message, version, ref, used, old = unpack(ARGV, 4)
if by ~= '' and clock() > tonumber(by) then return {'late'} end
local start = call('GETRANGE', KEYS[3], 0, 69 + #ref)
if not is(start, version, ref) then return refuse(key, app, ref) end
if old ~= '' then
  local holder = keys_of(field)[1]
  if holder and holder ~= key then return {'conflict'} end
  call('HSET', refs, field, call('HGET', refs, old) or key)
  call('HDEL', refs, old)
  call('ZREM', due, 'R' .. old)
end
local expires = double(value, 11)
put(KEYS[3], value, expires)
relist(field, old == '' and double(start, 11) or nil, expires)
if used ~= '' then use(field, app, tonumber(used)) end
call('PUBLISH', channel, message)
return {'ok'}
""")

MOVE = Script("""
local app, key, field, by, value, message, version, ref, used, old, from, leads, left = unpack(ARGV, 4)
if by ~= '' and clock() > tonumber(by) then return {'late'} end
local start = call('GETRANGE', KEYS[3], 0, 69 + #ref)
if not is(start, version, ref) then return refuse(from, app, ref) end
local holder = keys_of(field)[1]
if holder and holder ~= from then return {'conflict'} end
if call('EXISTS', KEYS[4]) == 1 then return {'conflict'} end
leads = leads == '1'
local expires = double(value, 11)
local keys = keys_of(old)
for number = 2, #keys do
  local stub = call('GET', place(keys[number], app))
  if kind(stub) == 'S' then
    local led = stub:sub(2, 2) == '1'
    -- A stub that led until now was left at this sign-in, as the key before the last.
    leave(keys[number], app, led and leads, led and not leads and now + GRACE or double(stub, 3), key, expires)
  end
end
leave(from, app, leads, leads and math.huge or now + GRACE, key, expires)
keys[1] = from
call('HDEL', refs, old)
call('HSET', refs, field, key .. ' ' .. table.concat(keys, ' '))
outlive(refs, call('HLEN', refs) == 1, life(expires))
if old ~= field then call('ZREM', due, 'R' .. old) end
put(KEYS[4], value, expires)
list('R' .. field, expires + REST, expires)
if used ~= '' then use(field, app, tonumber(used)) end
call('PUBLISH', channel, left)
call('PUBLISH', channel, message)
return {'ok'}
""")

TOUCH = Script(
    """
local app, field, ref, times, used = unpack(ARGV, 4)
local start = call('GETRANGE', KEYS[3], 0, 69 + #ref)
if kind(start) ~= 'R' or long(start, 59) ~= #ref or start:sub(71) ~= ref then return 0 end
local accessed, expires, absolute = struct.unpack('<ddd', start, 3)
local later, till = struct.unpack('<dd', times)
till = math.min(math.max(expires, till), absolute)
call('SETRANGE', KEYS[3], 2, struct.pack('<dd', math.max(accessed, later), till))
if till ~= expires then prolong(KEYS[3], till) end
local relisted = relist(field, expires, till)
if used ~= '' then use(field, app, tonumber(used)) end
return (relisted or expires <= now) and 2 or 1
""",
    flags="allow-oom",
)

DELETE = Script(
    """
local app, key, expired = unpack(ARGV, 4)
local value, at = follow(key, app)
if not value or (expired and (ref_of(value) ~= expired or double(value, 11) > now)) then return false end
remove(at, app, value)
return {at, head(value)}
""",
    flags="allow-oom",
)

END = Script(
    """
local app, key, reason, till, ref = unpack(ARGV, 4)
local value, at = follow(key, app)
if not value or (ref and ref_of(value) ~= ref) then return false end
claim(at, app, value, reason, tonumber(till))
tell_end(value, at, app)
return {at, value}
""",
    flags="allow-oom",
)

FORGET = Script(
    """
local app, key = unpack(ARGV, 4)
local value = call('GET', KEYS[3])
if kind(value) ~= 'C' then return false end
remove(key, app, value)
return head(value)
""",
    flags="allow-oom",
)

# What is due, of many tags: `take_over` says what becomes of a record, and what is answered of it.
_SWEEP = """
local limit, answer = tonumber(ARGV[5]), {}
local function drop(spot)
  local key, app = spot:match('^([^/]*)/(.*)$')
  local stub = call('GET', place(key, app))
  call('ZREM', due, 'S' .. spot)
  if kind(stub) ~= 'S' then return end
  call('DEL', place(key, app))
  local record = call('GET', place(stub:sub(11), app))
  if not record or #record < 70 then return end
  local left, field = {}, field_of(record, app)
  for _, each in ipairs(keys_of(field)) do
    if each ~= key then left[#left + 1] = each end
  end
  if #left > 0 then call('HSET', refs, field, table.concat(left, ' ')) end
end
local function take(field)
  local _, app = taken_apart(field)
  local key = keys_of(field)[1]
  local value = key and call('GET', place(key, app))
  if not value then
    call('ZREM', due, 'R' .. field)
    call('HDEL', refs, field)
    return
  end
  local whole = #value >= 70 and (kind(value) == 'R' or kind(value) == 'C') and field_of(value, app) == field
  local reason = whole and value:sub(2, 2) or '?'
  if not whole then
    call('ZREM', due, 'R' .. field)
  else
    if kind(value) == 'R' and double(value, 11) + REST > now then
      list('R' .. field, double(value, 11) + REST, double(value, 11))
      outlive(refs, false, life(double(value, 11)))
      return
    end
    if kind(value) == 'R' then reason = double(value, 11) >= double(value, 19) and 'a' or 'i' end
    value = take_over(key, app, value, reason)
  end
  answer[#answer + 1] = {field, key, app, reason, value}
end
for tag = 1, #KEYS / 2 do
  due, refs, root = KEYS[2 * tag - 1], KEYS[2 * tag], ARGV[5 + tag]
  -- Stubs go beside the records that are claimed, but a script must not keep the server from others for long.
  if #answer >= limit and tag > 1 then break end
  for _, member in ipairs(call('ZRANGEBYSCORE', due, '-inf', ARGV[2], 'LIMIT', 0, limit - #answer + 100)) do
    if member:sub(1, 1) == 'S' then drop(member:sub(2))
    elseif #answer < limit then take(member:sub(2)) end
  end
end
return answer
"""

CLAIM = Script(
    """
local till = tonumber(ARGV[4])
local function take_over(key, app, value, reason)
  claim(key, app, value, reason, till)
  return value
end
"""
    + _SWEEP,
    flags="allow-oom",
)

DISCARD = Script(
    """
local function take_over(key, app, value)
  remove(key, app, value)
  return head(value)
end
"""
    + _SWEEP,
    flags="allow-oom",
)

PEEK = Script(
    """
local app, field, whole = unpack(ARGV, 4)
local key = keys_of(field)[1]
local value = key and call('GET', place(key, app))
if not value or kind(value) == 'S' or #value < 70 then return {clock()} end
return {clock(), key, whole == '1' and value or head(value)}
""",
    flags="no-writes",
)
