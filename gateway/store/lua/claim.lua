-- Takes the right to write a run: when nobody holds it, or the holder's lease has run out by the store's clock.
-- KEYS: 1 run record
-- ARGV: 1 owner, another one for each claim, 2 lease in ms
-- Returns {'ok', epoch, the time in ms} | {'held', lease_until} | {'ended', status} | {'gone', ''}; repeating the call
-- changes nothing.
local rec = redis.call('HMGET', KEYS[1], 'status', 'owner', 'lease_until', 'epoch')
if not rec[1] then return {'gone', ''} end
if rec[1] ~= 'running' and rec[1] ~= 'waiting' then return {'ended', rec[1]} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if tonumber(rec[3]) > now then
  -- Our reply was lost on the way, and the claim is sent again.
  if rec[2] == ARGV[1] then return {'ok', rec[4], tostring(now)} end
  return {'held', rec[3]}
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'lease_until', now + ARGV[2])
return {'ok', tostring(epoch), tostring(now)}
