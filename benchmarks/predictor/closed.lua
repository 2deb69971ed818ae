-- Requests with the bodies of a file in turn; the result as one line of JSON.
local requests, turn = {}, 0

function init()
  local headers = { ["content-type"] = "application/json", ["x-api-key"] = os.getenv("API_KEY") }
  for body in io.lines(os.getenv("BODIES")) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.timeout + errors.connect + errors.read + errors.write
  local right = summary.requests - errors.status
  io.write(string.format(
    'RESULT {"per_second": %.2f, "requests": %d, "failed": %d, "p50": %.3f, "p95": %.3f, "p99": %.3f}\n',
    right / summary.duration * 1e6, summary.requests, failed,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000))
end
