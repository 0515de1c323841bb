-- Leave for one more call of a name: KEYS[1] is its set, ARGV the calls of a span and the span in milliseconds.
-- Answers {1, how many more may follow} or {0, milliseconds until one may}.
--
-- The calls within the span are a set sorted by time. All is one step: Redis runs a script alone. The set's own time is set in
-- the same step as the call is counted, so that nothing is left behind by whoever dies (ERR-27: a counter that is first raised and then
-- given its time is there for ever if the second does not happen). Time is the server's, one clock for all.
-- What is in the future is from before the server's clock was set back, and would block for longer than the span.
-- Members are numbered, since two calls may have one microsecond, and members of one time are sorted as text: all numbers have the
-- same length, or 9 would be the last after 10, the next would be 10 again, and a call that is there already is not counted.
-- Numbers become text by a format of all digits: Lua's own has fourteen.
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local calls, span = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - span)
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')
local made = redis.call('ZCARD', KEYS[1])
if made < calls then
    local last = redis.call('ZRANGE', KEYS[1], -1, -1)[1]
    local number = last and tonumber(string.match(last, ':(%d+)$')) + 1 or 0
    redis.call('ZADD', KEYS[1], now, string.format('%.0f:%016d', now, number))
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return {1, calls - made - 1}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return {0, math.ceil((oldest + span - now) / 1000)}
