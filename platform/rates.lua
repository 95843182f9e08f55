-- GCRA over several buckets at once: as many as all of them allow, up to what is wanted; the clock is Redis' own.
-- KEYS the buckets; ARGV: wanted, then for each bucket its emission interval and burst tolerance in microseconds.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local granted, wait, binding, stored = tonumber(ARGV[1]), 0, 0, {}
for i, key in ipairs(KEYS) do
  local interval, tolerance = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  stored[i] = math.max(tonumber(redis.call('GET', key) or now), now)
  local room = math.floor((tolerance - (stored[i] - now)) / interval + 0.000001)
  if room < 1 and stored[i] + interval - tolerance - now > wait then
    wait, binding = stored[i] + interval - tolerance - now, i
  end
  granted = math.min(granted, math.max(room, 0))
end
if granted < 1 then
  return {0, math.ceil(wait), binding}
end
for i, key in ipairs(KEYS) do
  local theoretical = stored[i] + granted * tonumber(ARGV[2 * i])
  redis.call('SET', key, string.format('%.0f', theoretical), 'PX', math.ceil((theoretical - now) / 1000) + 1000)
end
return {granted, 0, 0}
