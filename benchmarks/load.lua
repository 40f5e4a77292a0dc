-- Requests of many visitors: a cookie by chance for each, and a share of writes.
-- Arguments: the file of cookies, the share of writes in percent, the path.
local reads, writes, share = {}, {}, 0

function init(args)
  share = tonumber(args[2]) / 100
  for cookie in io.lines(args[1]) do
    local headers = {}
    if cookie ~= "" then headers["Cookie"] = cookie end
    reads[#reads + 1] = wrk.format("GET", args[3], headers)
    writes[#writes + 1] = wrk.format("POST", args[3], headers)
  end
  math.randomseed(1)
end

function request()
  local kind = math.random() < share and writes or reads
  return kind[math.random(#kind)]
end

function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
