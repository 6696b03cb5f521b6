-- Appends to a tenant's audit chain: only at the very length and head that the records were sealed for.
-- KEYS: 1 state, 2 records, 3 checkpoints, 4 open runs
-- ARGV: 1 expected length, 2 expected head, 3 new head, 4 sequence number of the checkpoint among the records or '',
--       5 its time, 6 first record to keep or '', 7 number of runs, then run id, context ('' = its end) …, then records
-- Returns {word, length, head, first, checkpoint, its time}, as it stands afterwards. Words:
--   ok      it was appended; or it had been, and the reply was lost: a record's own hash says that it is the same one
--   stale   somebody else has appended meanwhile
--   torn    what was expected to be the end is nowhere in the chain: it was cut or rewritten
local now = redis.call('HMGET', KEYS[1], 'length', 'head', 'first')
local length, head, first = now[1] or '0', now[2] or '', tonumber(now[3] or '0')
local from = 8 + 2 * ARGV[7]
local function answer(word)
  local s = redis.call('HMGET', KEYS[1], 'length', 'head', 'first', 'checkpoint', 'checkpoint_at')
  return {word, s[1] or '0', s[2] or '', s[3] or '0', s[4] or '-1', s[5] or '0'}
end
local function at(seq) return seq >= first and redis.call('LINDEX', KEYS[2], seq - first) end
if length ~= ARGV[1] or head ~= ARGV[2] then
  if at(ARGV[1] + 0) == ARGV[from] then return answer('ok') end
  local last = ARGV[1] - 1
  if last < first and last < tonumber(length) then return answer('stale') end
  return answer(string.sub(at(last) or '', 1, 32) == ARGV[2] and 'stale' or 'torn')
end
for i = from, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
redis.call('HSET', KEYS[1], 'length', ARGV[1] + #ARGV - from + 1, 'head', ARGV[3], 'first', first)
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'checkpoint', ARGV[4], 'checkpoint_at', ARGV[5])
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[from + ARGV[4] - ARGV[1]])
end
for i = 8, from - 1, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[4], ARGV[i])
  else
    redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
  end
end
if ARGV[6] ~= '' and tonumber(ARGV[6]) > first then
  redis.call('LTRIM', KEYS[2], ARGV[6] - first, -1)
  redis.call('HSET', KEYS[1], 'first', ARGV[6])
end
return answer('ok')
