-- Puts one packed element in the place of the last ones of a journal. It changes what they take, not what they say.
-- KEYS: 1 run record, 2 journal
-- ARGV: 1 epoch, 2 length (entries), 3 how many elements to replace, 4 the packed element
-- Returns 1, or 0 when the journal is not as expected. Repeating the call changes nothing.
local rec = redis.call('HMGET', KEYS[1], 'epoch', 'length')
if rec[1] ~= ARGV[1] or rec[2] ~= ARGV[2] then return 0 end
if redis.call('LINDEX', KEYS[2], -1) == ARGV[4] then return 1 end
redis.call('LTRIM', KEYS[2], 0, -ARGV[3] - 1)
redis.call('RPUSH', KEYS[2], ARGV[4])
return 1
