-- Lets a request pass at a steady rate with bursts: the generic cell rate algorithm (ITU-T I.371).
-- KEYS: 1 until when the allowance is used
-- ARGV: 1 ms that each request uses, 2 ms of allowance that may be used at once
-- Returns 0 passed | the ms to wait (then nothing is used)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local used = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + ARGV[1]
local wait = used - now - ARGV[2]
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%d', used), 'PX', used - now)
return 0
