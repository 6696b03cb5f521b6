-- What is due in a sorted set of times. Changes nothing.
-- KEYS: 1 sorted set
-- ARGV: 1 limit, 2 ms that the clock is moved by
-- Returns member, time, member, time …, oldest first
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2]
return redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
