/**
 * The lease in Redis: one hash, `{tandem:<cluster>}:lease`, with the fields holder, boot, epoch, counter and ask. The braces
 * keep all keys of a cluster together in Redis Cluster. Redis's clock and key expiry decide nothing: no key here expires.
 *
 * Each script takes two keys, of the lease and of the journal's fence, and answers `[1 or 0, holder, boot, epoch, counter, ask]`, the record as it then stands
 * (empty texts: there is none); 1: done, 0: it compared unequal and changed nothing.
 *
 * Who gets the lease is written into the fence (epoch, node, boot) in the same script: from that moment the journal refuses the
 * former holder, not only from the new one's first commit.
 */

export function leaseKeys(cluster: string): readonly [lease: string, fence: string] {
  return [`{tandem:${cluster}}:lease`, `{tandem:${cluster}}:fence`];
}

const ANSWER = `
local function answer(done)
  local r = redis.call('HMGET', KEYS[1], 'holder', 'boot', 'epoch', 'counter', 'ask')
  return {done, r[1] or '', r[2] or '', r[3] or '', r[4] or '', r[5] or ''}
end`;

/** The fence never goes down: a holder below it could not write, and would be told so by the journal. */
const RAISE_FENCE = `
local lease = redis.call('HMGET', KEYS[1], 'epoch', 'holder', 'boot')
if tonumber(lease[1]) > tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') then
  redis.call('HSET', KEYS[2], 'epoch', lease[1], 'node', lease[2], 'boot', lease[3])
end`;

/** No arguments. */
export const READ_LEASE = `${ANSWER}
return answer(1)`;

/**
 * Arguments: holder, boot, epoch; then what is expected there: holder, boot, epoch, counter (all empty: no record; counter
 * empty: whatever it is, after a resignation). Compare-and-swap: a renewal that came in between is not overtaken. An epoch that
 * is not above the recorded one is refused whatever is expected.
 */
export const ACQUIRE_LEASE = `${ANSWER}
local r = redis.call('HMGET', KEYS[1], 'holder', 'boot', 'epoch', 'counter')
if (r[1] or '') ~= ARGV[4] or (r[2] or '') ~= ARGV[5] or (r[3] or '') ~= ARGV[6] then return answer(0) end
if ARGV[7] ~= '' and (r[4] or '0') ~= ARGV[7] then return answer(0) end
if r[3] and tonumber(ARGV[3]) <= tonumber(r[3]) then return answer(0) end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'boot', ARGV[2], 'epoch', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'counter', 1)
redis.call('HDEL', KEYS[1], 'ask')
${RAISE_FENCE}
return answer(1)`;

/** Arguments: holder, boot, epoch, all three compared. Counts up. */
export const RENEW_LEASE = `${ANSWER}
local r = redis.call('HMGET', KEYS[1], 'holder', 'boot', 'epoch')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] or r[3] ~= ARGV[3] then return answer(0) end
redis.call('HINCRBY', KEYS[1], 'counter', 1)
return answer(1)`;

/** Arguments: holder, boot, epoch, all three compared; then the successor's holder and boot. Its epoch is the next. */
export const HAND_OVER_LEASE = `${ANSWER}
local r = redis.call('HMGET', KEYS[1], 'holder', 'boot', 'epoch')
if r[1] ~= ARGV[1] or r[2] ~= ARGV[2] or r[3] ~= ARGV[3] then return answer(0) end
redis.call('HSET', KEYS[1], 'holder', ARGV[4], 'boot', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HINCRBY', KEYS[1], 'counter', 1)
redis.call('HDEL', KEYS[1], 'ask')
${RAISE_FENCE}
return answer(1)`;

/** Arguments: epoch that it is for, name of who asks. Not by the counter: nobody's observation is disturbed. */
export const ASK_FOR_LEASE = `${ANSWER}
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return answer(0) end
redis.call('HSET', KEYS[1], 'ask', ARGV[2])
return answer(1)`;
