"""Registers: scripts on what rests in other slots than the sessions, the index by ref and the seats of a principal."""

from __future__ import annotations

from sojourn.store.valkey.scripts import Script

__all__ = ["HOLD", "REGISTER", "RELEASE", "SEAT", "UNREGISTER", "UNSEAT", "VACATE"]

REGISTER = Script(
    """
local start, tag, ms = unpack(ARGV)
local answer = {clock(), 0}
for _, member in ipairs(call('ZRANGEBYLEX', KEYS[1], '[' .. start, '(' .. start .. '\\255')) do
  if member:sub(#start + 1, #start + #tag + 1) == tag .. '\\0' then
    call('ZREM', KEYS[1], member)
    answer[2] = 1
  else
    answer[#answer + 1] = member
  end
end
local fresh = call('EXISTS', KEYS[1]) == 0
call('ZADD', KEYS[1], 0, start .. tag .. '\\0' .. answer[1])
outlive(KEYS[1], fresh, ms ~= '' and ms or nil)
return answer
""",
    session=False,
)

UNREGISTER = Script(
    """
for _, start in ipairs(ARGV) do
  for _, member in ipairs(call('ZRANGEBYLEX', KEYS[1], '[' .. start, '(' .. start .. '\\255')) do
    call('ZREM', KEYS[1], member)
  end
end
return 1
""",
    flags="allow-oom",
    session=False,
)

# The seat of a session: tag, version that took it, and when, by the server's clock.
SEAT = Script(
    """
local app, ref, tag, version, limit, ms = unpack(ARGV)
local had = call('HGET', KEYS[1], ref)
local taken = call('HLEN', KEYS[1]) - (had and 1 or 0)
if limit ~= '' and taken >= tonumber(limit) then return {'full', clock(), call('HGETALL', KEYS[1])} end
local at = clock()
local fresh, first = taken == 0 and not had, call('EXISTS', KEYS[2]) == 0
call('HSET', KEYS[1], ref, tag .. ' ' .. version .. ' ' .. at)
call('SADD', KEYS[2], app)
outlive(KEYS[1], fresh, ms ~= '' and ms or nil)
outlive(KEYS[2], first, ms ~= '' and ms or nil)
return {'ok', at, had or ''}
""",
    session=False,
)

_VACANT = """
if call('EXISTS', KEYS[1]) == 0 then call('SREM', KEYS[2], ARGV[1]) end
return 1
"""

UNSEAT = Script(
    """
local had = call('HGET', KEYS[1], ARGV[2])
if had and tonumber(had:match('^%S+ (%S+)')) <= tonumber(ARGV[3]) then call('HDEL', KEYS[1], ARGV[2]) end
"""
    + _VACANT,
    flags="allow-oom",
    session=False,
)

VACATE = Script(
    """
for number = 2, #ARGV, 3 do
  local ref, seat, before = unpack(ARGV, number, number + 2)
  if call('HGET', KEYS[1], ref) == seat then
    if before ~= '' then call('HSET', KEYS[1], ref, before) else call('HDEL', KEYS[1], ref) end
  end
end
"""
    + _VACANT,
    flags="allow-oom",
    session=False,
)

HOLD = Script(
    """
local now, holder, till, ms = tonumber(ARGV[1]), unpack(ARGV, 2)
local held = call('GET', KEYS[1])
if held then
  local other = held:sub(9)
  if other ~= holder and struct.unpack('<d', held) > now then return 0 end
end
call('SET', KEYS[1], struct.pack('<d', tonumber(till)) .. holder, 'PX', ms)
return 1
""",
    session=False,
)

RELEASE = Script(
    """
local held = call('GET', KEYS[1])
if held and held:sub(9) == ARGV[1] then call('DEL', KEYS[1]) end
return 1
""",
    flags="allow-oom",
    session=False,
)
