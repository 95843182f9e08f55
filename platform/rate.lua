-- GCRA: one timestamp a key says when the bucket is empty again.
-- KEYS[1] the key; ARGV: emission interval, burst tolerance, cost in emissions, now; all times in microseconds.
local interval, tolerance, cost, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = tonumber(redis.call('GET', KEYS[1]) or now)
local theoretical = math.max(stored, now) + interval * cost
local allow_at = theoretical - tolerance
if allow_at > now then
  return {0, allow_at - now, 0}
end
redis.call('SET', KEYS[1], string.format('%.0f', theoretical), 'PX', math.ceil((theoretical - now) / 1000) + 1000)
return {1, 0, math.floor((tolerance - (theoretical - now)) / interval)}
