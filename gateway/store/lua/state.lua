-- Sets or deletes one value of a session's state, fenced: once a run has written in an epoch, its earlier ones may not.
-- KEYS: 1 state, 2 writers
-- ARGV: 1 run id, 2 epoch, 3 seconds for which that is remembered, 4 key, then to set it: 5 value, 6 most keys, 7 most
--       bytes of all keys and values together
-- Returns {'ok', bytes, or how many were deleted} | {'keys', how many there are} | {'bytes', how many there would be} |
--         {'stale', epoch}; then nothing has changed
local epoch, latest = tonumber(ARGV[2]), tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 1)
if epoch < latest then return {'stale', latest} end
if epoch > latest then
  redis.call('HSET', KEYS[2], ARGV[1], epoch)
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
if not ARGV[5] then return {'ok', redis.call('HDEL', KEYS[1], ARGV[4])} end
local keys = redis.call('HKEYS', KEYS[1])
local bytes, known = #ARGV[4] + #ARGV[5], false
for _, key in ipairs(keys) do
  if key == ARGV[4] then
    known = true
  else
    bytes = bytes + #key + redis.call('HSTRLEN', KEYS[1], key)
  end
end
if not known and #keys >= tonumber(ARGV[6]) then return {'keys', #keys} end
if bytes > tonumber(ARGV[7]) then return {'bytes', bytes} end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
return {'ok', bytes}
