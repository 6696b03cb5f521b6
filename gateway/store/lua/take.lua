-- Takes one due member from a sorted set of times, and hides it for a while: whoever takes it and dies loses nothing.
-- KEYS: 1 sorted set
-- ARGV: 1 member, 2 ms for which it stays hidden, 3 ms that the clock is moved by
-- Returns 1 taken | 0 it is not due any more: somebody else has taken it
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[3]
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at or tonumber(at) > now then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return 1
