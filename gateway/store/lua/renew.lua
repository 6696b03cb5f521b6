-- Keeps a lease. Refused when another epoch has begun, the run has ended, or its owner has let go of it.
-- KEYS: 1 run record
-- ARGV: 1 epoch, 2 lease in ms
-- Returns 1 kept | 0 lost
local rec = redis.call('HMGET', KEYS[1], 'epoch', 'status', 'lease_until')
if rec[1] ~= ARGV[1] or rec[3] == '0' or (rec[2] ~= 'running' and rec[2] ~= 'waiting') then return 0 end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'lease_until', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2])
return 1
