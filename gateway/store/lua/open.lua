-- Creates a run with its first journal entries, once.
-- KEYS: 1 run record, 2 journal
-- ARGV: 1 owner, 2 lease in ms, 3 chain head, 4 number of fields, then field, value …, then the sealed entries
-- Returns 1 opened | 0 it is there, opened by somebody else. Repeating the call changes nothing.
local head = redis.call('HGET', KEYS[1], 'head')
if head then return head == ARGV[3] and 1 or 0 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local n = tonumber(ARGV[4])
local fields = {}
for i = 5, 4 + 2 * n do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], 'epoch', 1, 'owner', ARGV[1], 'lease_until', now + ARGV[2],
  'head', ARGV[3], 'length', #ARGV - 4 - 2 * n, unpack(fields))
for i = 5 + 2 * n, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
return 1
