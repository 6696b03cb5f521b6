-- Takes what is due from a sorted set of times, and hides it for a while: whoever takes it and dies loses nothing.
-- KEYS: 1 sorted set
-- ARGV: 1 limit, 2 ms for which what was taken stays hidden
-- Returns the members taken, oldest first
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, member in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[2], member) end
return due
