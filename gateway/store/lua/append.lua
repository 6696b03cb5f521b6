-- Appends to a journal, fenced: only the holder of the current epoch, only at the exact length, never after the end.
-- KEYS: 1 run record, 2 journal
-- ARGV: 1 epoch, 2 expected length, 3 append id, 4 chain head, 5 number of fields, then field, value …, then entries
-- Returns {'ok', length} | {'stale', epoch, length, status}. A repeated append id answers ok and changes nothing.
local rec = redis.call('HMGET', KEYS[1], 'epoch', 'length', 'append_id', 'status')
if rec[3] == ARGV[3] then return {'ok', rec[2]} end
if rec[1] ~= ARGV[1] or rec[2] ~= ARGV[2] or (rec[4] ~= 'running' and rec[4] ~= 'waiting') then
  return {'stale', rec[1] or '', rec[2] or '', rec[4] or ''}
end
local n = tonumber(ARGV[5])
local first = 6 + 2 * n
local length = ARGV[2] + (#ARGV - first + 1)
local fields = {}
for i = 6, first - 1 do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], 'append_id', ARGV[3], 'head', ARGV[4], 'length', length, unpack(fields))
for i = first, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
return {'ok', tostring(length)}
