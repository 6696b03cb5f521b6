-- Trust on first use: the pins of a server are what it listed when it was first seen.
-- KEYS: 1 pins of the server
-- ARGV: tool, pin, tool, pin …
-- Returns {1 if these are the first ones, else 0, then tool, pin … as they stand}
local first = redis.call('EXISTS', KEYS[1]) == 0
if first then
  for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
local found = redis.call('HGETALL', KEYS[1])
table.insert(found, 1, first and 1 or 0)
return found
