-- Notes that a replica is there, by the store's clock, and forgets those that have not said so for a while.
-- KEYS: 1 sorted set of replicas by when they were last heard of (ms)
-- ARGV: 1 the replica
-- Returns the names of all that are there
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 5000)
redis.call('EXPIRE', KEYS[1], 60)
return redis.call('ZRANGE', KEYS[1], 0, -1)
