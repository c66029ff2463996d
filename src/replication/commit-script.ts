/**
 * The one script by which the active node writes: it checks who writes, where the store stands, and then writes records and
 * journal together. Redis runs it whole or, where a check fails, not at all.
 *
 * KEYS meta, records, journal, fence
 * ARGV 1 format, 2 identities of the cluster (the first is written), 3 node, 4 boot id, 5 epoch, 6 generation ("" begins one),
 *      7 commit, or the generation that the new one follows, 8 oldest commit to keep, 9 flags, waiting time and number of records, 10 batch,
 *      11 epoch under which the commit of 6 and 7 was made, "" where that is not known
 *
 * The epoch in meta stands beside the number of its commit: a former version commits without it, and leaves an old one there.
 */
export const COMMIT_SCRIPT = `
local meta, records, journal, fence = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, begins = tonumber(ARGV[5]), ARGV[6] == ''
local m = redis.call('HMGET', meta, 'format', 'cluster', 'generation', 'commit', 'epoch')
local kind = { redis.call('TYPE', records).ok, redis.call('TYPE', journal).ok }
if (kind[1] ~= 'hash' and kind[1] ~= 'none') or (kind[2] ~= 'stream' and kind[2] ~= 'none') then
  return { 'garbage', 'records are a ' .. kind[1] .. ', journal is a ' .. kind[2] }
end
local generation, commit = tonumber(m[3] or ''), tonumber(m[4] or '')
if m[1] then
  if m[1] ~= ARGV[1] then return { 'newer', m[1] } end
  if not m[2] or not string.find(' ' .. ARGV[2] .. ' ', ' ' .. m[2] .. ' ', 1, true) then return { 'foreign' } end
  if not generation or not commit then return { 'garbage', 'meta has no position' } end
elseif m[2] or m[3] or m[4] or kind[1] ~= 'none' or kind[2] ~= 'none' then
  return { 'garbage', 'there are records without meta' }
end
local f = redis.call('HMGET', fence, 'epoch', 'node', 'boot')
local ruling = tonumber(f[1] or '0')
if not ruling then return { 'garbage', 'fence has no epoch' } end
if ruling > epoch or (ruling == epoch and f[1] and (f[2] ~= ARGV[3] or f[3] ~= ARGV[4])) then
  return { 'fenced', f[1], f[2] or '' }
end
if not begins then
  if not m[1] then return { 'empty' } end
  local followed = tonumber(ARGV[11])
  if followed and ruling < followed then return { 'set-back', m[3], m[4] } end
  local of, made = string.match(m[5] or '', '^(%S+) (%d+)$')
  if of ~= m[3] .. '-' .. m[4] then made = '' end
  if m[3] ~= ARGV[6] or m[4] ~= ARGV[7] then return { 'elsewhere', m[3], m[4], made } end
  if followed and made ~= '' and tonumber(made) ~= followed then return { 'set-back', m[3], m[4] } end
end
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local at = string.format('%013.0f', ms)
if begins then
  redis.call('UNLINK', records, journal)
  generation = math.max((generation or 0) + 1, tonumber(ARGV[7]) + 1, ms)
  commit = 0
end
commit = commit + 1
local prefix = string.format('%.0f-', generation)
local id = prefix .. string.format('%.0f', commit)
redis.call('XADD', journal, 'MINID', '~', prefix .. ARGV[8], id, 'm', at .. ' ' .. ARGV[5] .. ' ' .. ARGV[9], 'b', ARGV[10])
local batch, last = ARGV[10], {}
local at_byte, size = 1, #ARGV[10]
while at_byte <= size do
  local k, d
  k, d, at_byte = struct.unpack('>I4I4', batch, at_byte)
  local key = string.sub(batch, at_byte, at_byte + k - 1)
  at_byte = at_byte + k
  if d == 4294967295 then
    last[key] = false
  else
    last[key] = at .. string.sub(batch, at_byte, at_byte + d - 1)
    at_byte = at_byte + d
  end
end
local sets, ends = {}, {}
for key, value in pairs(last) do
  if value then
    sets[#sets + 1] = key
    sets[#sets + 1] = value
    if #sets >= 200 then redis.call('HSET', records, unpack(sets)) sets = {} end
  else
    ends[#ends + 1] = key
    if #ends >= 200 then redis.call('HDEL', records, unpack(ends)) ends = {} end
  end
end
if #sets > 0 then redis.call('HSET', records, unpack(sets)) end
if #ends > 0 then redis.call('HDEL', records, unpack(ends)) end
if ruling < epoch or not f[1] then
  redis.call('HSET', fence, 'epoch', ARGV[5], 'node', ARGV[3], 'boot', ARGV[4])
end
local complete = string.sub(ARGV[9], 1, 1) == 'c' and '1' or '0'
if begins then
  redis.call('HSET', meta, 'format', ARGV[1], 'generation', string.format('%.0f', generation))
end
local own = string.match(ARGV[2], '^%S+')
if m[2] ~= own then redis.call('HSET', meta, 'cluster', own) end
redis.call('HSET', meta, 'commit', string.format('%.0f', commit), 'complete', complete, 'epoch', id .. ' ' .. ARGV[5])
return { 'ok', string.format('%.0f', generation), string.format('%.0f', commit), at }
`;
