-- Replaces a value that is still what the caller has read; its TTL stays.
-- KEYS: 1 value
-- ARGV: 1 what it was, 2 what it becomes (never the same twice)
-- Returns 1 replaced, also when the call is repeated | 0 it is another, or gone
local now = redis.call('GET', KEYS[1])
if now == ARGV[2] then return 1 end
if now ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
