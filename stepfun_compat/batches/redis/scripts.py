"""Lua scripts that change several keys of a Redis journal atomically.

`KEYS` are the keys of one batch, in the order of `KEYS_OF_A_BATCH`. Each script returns nil if the batch is not on the
server.
"""

from __future__ import annotations

from typing import Final

KEYS_OF_A_BATCH: Final = (
    "batch",
    "lines",
    "free",
    "later",
    "leased",
    "owner",
    "attempts",
    "done",
    "answers",
    "counted",
)
"""The keys of one batch; the key `server`, shared by all batches, follows them.

batch: record, status, counters · lines: number -> position in the input file · free: unleased numbers · later: numbers,
scored by the time of their next attempt · leased: numbers, scored by the end of their lease · owner: number -> worker ·
attempts: number -> failed attempts · done: number -> 0 (completed) or 1 (failed) · answers: places in answer files, scored
by sequence · counted: answer file -> length in bytes of its counted part · server: id of the server run whose data is
complete."""

_HEAD: Final = """
local batch, lines, free, later, leased = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local owner, attempts, done, answers, counted, server = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
if redis.call('EXISTS', batch) == 0 then return nil end
"""

UPDATE: Final = (
    _HEAD
    + """
local old = redis.call('HMGET', batch, 'record', 'status')
if old[1] ~= ARGV[1] or old[2] ~= ARGV[2] then return 0 end
redis.call('HSET', batch, 'record', ARGV[3], 'status', ARGV[4])
return 1
"""
)
"""ARGV: the record and status as read, and the new ones. Returns 0 if another process has changed them since."""

_HOLD: Final = """
local function hold(number, me, untill)
  local other = redis.call('HGET', owner, number)
  if redis.call('HEXISTS', done, number) == 0 and (not other or other == me) then
    redis.call('ZREM', free, number)
    redis.call('ZREM', later, number)
    redis.call('HSET', owner, number, me)
    redis.call('ZADD', leased, untill, number)
  end
end
"""
"""Extend a lease to `untill`; restore one that the server has lost."""

CLAIM: Final = (
    _HEAD
    + _HOLD
    + """
local me, limit, now, untill = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if redis.call('GET', server) ~= ARGV[5] then return nil end
for i = 6, #ARGV do hold(ARGV[i], me, untill) end
for _, number in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', now)) do
  redis.call('ZREM', later, number)
  redis.call('ZADD', free, number, number)
end
for _, number in ipairs(redis.call('ZRANGEBYSCORE', leased, '-inf', now)) do
  redis.call('ZREM', leased, number)
  redis.call('HDEL', owner, number)
  redis.call('ZADD', free, number, number)
end
local found = {}
for _, number in ipairs(redis.call('ZRANGE', free, 0, limit - 1)) do
  redis.call('ZREM', free, number)
  if redis.call('HEXISTS', done, number) == 0 then
    redis.call('ZADD', leased, untill, number)
    redis.call('HSET', owner, number, me)
    table.insert(found, {number, redis.call('HGET', lines, number), redis.call('HGET', attempts, number) or '0'})
  end
end
return found
"""
)
"""ARGV: worker, limit, now, end of the leases, server run, numbers the worker holds. Returns [number, line, attempts] of
each leased line; also nil while the server's data is being restored. The worker keeps its lines even if the lease expired
while its machine was suspended. A line answered during the restoration is not leased."""

RENEW: Final = (
    _HEAD
    + _HOLD
    + """
for i = 3, #ARGV do hold(ARGV[i], ARGV[1], ARGV[2]) end
if redis.call('HGET', batch, 'keeper') == ARGV[1] then redis.call('HSET', batch, 'keeper_until', ARGV[2]) end
return 1
"""
)
"""ARGV: worker, end of its leases, numbers it holds."""

RELEASE: Final = (
    _HEAD
    + """
local held = redis.call('HGETALL', owner)
for i = 1, #held, 2 do
  if held[i + 1] == ARGV[1] then
    redis.call('HDEL', owner, held[i])
    redis.call('ZREM', leased, held[i])
    redis.call('ZADD', free, held[i], held[i])
  end
end
if redis.call('HGET', batch, 'keeper') == ARGV[1] then redis.call('HDEL', batch, 'keeper', 'keeper_until') end
return 1
"""
)
"""ARGV: the worker to remove."""

RETURN_LEASES: Final = (
    _HEAD
    + """
for i = 4, #ARGV do
  if redis.call('HGET', owner, ARGV[i]) == ARGV[1] then
    redis.call('HDEL', owner, ARGV[i])
    redis.call('ZREM', leased, ARGV[i])
    redis.call('ZADD', later, ARGV[2], ARGV[i])
    redis.call('HINCRBY', attempts, ARGV[i], ARGV[3])
  end
end
return 1
"""
)
"""ARGV: worker, time of the next attempt, attempts to add, numbers."""

KEEP: Final = (
    _HEAD
    + """
local found = redis.call('HMGET', batch, 'status', 'keeper', 'keeper_until')
if found[1] ~= ARGV[2] then return 0 end
if found[2] and found[2] ~= ARGV[1] and tonumber(found[3]) > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', batch, 'keeper', ARGV[1], 'keeper_until', ARGV[4])
return 1
"""
)
"""ARGV: worker, status, now, end of its exclusive right. Returns 0 if the right is not granted."""

RELEASE_BATCH: Final = (
    _HEAD
    + """
if redis.call('HGET', batch, 'keeper') == ARGV[1] then redis.call('HDEL', batch, 'keeper', 'keeper_until') end
return 1
"""
)
"""ARGV: worker."""

FINISH: Final = (
    _HEAD
    + """
local file, stop = ARGV[1], tonumber(ARGV[2])
local new = {}
for i = 3, #ARGV, 8 do
  local number, failed = ARGV[i], ARGV[i + 1]
  if redis.call('HSETNX', done, number, failed) == 1 then
    redis.call('ZREM', free, number)
    redis.call('ZREM', later, number)
    redis.call('ZREM', leased, number)
    redis.call('HDEL', owner, number)
    if failed == '0' then
      redis.call('HDEL', lines, number)
      redis.call('HINCRBY', batch, 'completed', 1)
    else
      redis.call('HINCRBY', batch, 'failed', 1)
    end
    redis.call('ZADD', answers, redis.call('HINCRBY', batch, 'answer', 1), ARGV[i + 2])
    redis.call('HINCRBY', batch, 'input_tokens', ARGV[i + 3])
    redis.call('HINCRBY', batch, 'cached_tokens', ARGV[i + 4])
    redis.call('HINCRBY', batch, 'output_tokens', ARGV[i + 5])
    redis.call('HINCRBY', batch, 'reasoning_tokens', ARGV[i + 6])
    redis.call('HINCRBYFLOAT', batch, 'cost', ARGV[i + 7])
    table.insert(new, number)
  end
end
if stop > tonumber(redis.call('HGET', counted, file) or '0') then redis.call('HSET', counted, file, stop) end
return new
"""
)
"""ARGV: answer file, its length in bytes, then number, failed, place, tokens (input, cached, output, reasoning) and cost
of each answer. Returns the newly answered numbers."""

REOPEN: Final = (
    _HEAD
    + """
local count, rows = 0, redis.call('HGETALL', done)
for i = 1, #rows, 2 do
  if rows[i + 1] == '1' then
    redis.call('HDEL', done, rows[i])
    redis.call('HDEL', attempts, rows[i])
    redis.call('ZADD', free, rows[i], rows[i])
    count = count + 1
  end
end
for _, place in ipairs(redis.call('ZRANGE', answers, 0, -1)) do
  if string.match(place, '^%d+ 1 ') then redis.call('ZREM', answers, place) end
end
redis.call('HINCRBY', batch, 'failed', -count)
return count
"""
)
"""Make failed lines free again. Returns how many."""
