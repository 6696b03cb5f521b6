-- Counts one call against several limits, all or none.
-- KEYS: one per limit (all in one slot)
-- ARGV: 1 id of the call, 2 number added to `bytes` counters, then for each limit: window, cap, ttl in s
-- Returns 0 counted | the 1-based index of the first limit that is used up (then nothing was counted)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i, key in ipairs(KEYS) do
  local window, cap = ARGV[3 * i], tonumber(ARGV[3 * i + 1])
  local used
  if window == 'per_minute' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 60000)
    used = redis.call('ZCARD', key) + 1
    if redis.call('ZSCORE', key, ARGV[1]) then used = used - 1 end
  elseif window == 'bytes' then
    used = tonumber(redis.call('GET', key) or '0') + ARGV[2]
  else
    used = tonumber(redis.call('GET', key) or '0') + 1
  end
  if used > cap then return i end
end
for i, key in ipairs(KEYS) do
  local window = ARGV[3 * i]
  if window == 'per_minute' then
    redis.call('ZADD', key, now, ARGV[1])
  else
    redis.call('INCRBY', key, window == 'bytes' and ARGV[2] or 1)
  end
  redis.call('EXPIRE', key, ARGV[3 * i + 2])
end
return 0
