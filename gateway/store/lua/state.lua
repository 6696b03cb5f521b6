-- Keeps one value of a session's state, unless the session would hold more than it may.
-- KEYS: 1 state
-- ARGV: 1 key, 2 value, 3 most keys, 4 most bytes of all keys and values together
-- Returns {'ok', bytes} | {'keys', how many there are} | {'bytes', how many there would be}; then nothing was kept
local keys = redis.call('HKEYS', KEYS[1])
local bytes, known = #ARGV[1] + #ARGV[2], false
for _, key in ipairs(keys) do
  if key == ARGV[1] then
    known = true
  else
    bytes = bytes + #key + redis.call('HSTRLEN', KEYS[1], key)
  end
end
if not known and #keys >= tonumber(ARGV[3]) then return {'keys', #keys} end
if bytes > tonumber(ARGV[4]) then return {'bytes', bytes} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return {'ok', bytes}
