-- The requests of bench/wrk.py, and what became of them as one line of JSON.
-- Arguments: a file with the whole request, in which the bytes 1 and 2 stand for the number (as %012x and as
-- %08d); and the number to begin after.
local pieces, by_kind = {}, { ["\1"] = {}, ["\2"] = {} }
local number

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  number = tonumber(args[2])
  for literal, kind in text:gmatch("([^\1\2]*)([\1\2]?)") do
    pieces[#pieces + 1] = literal
    if kind ~= "" then
      pieces[#pieces + 1] = kind
      table.insert(by_kind[kind], #pieces)
    end
  end
end

local function fill(kind, text)
  for _, at in ipairs(by_kind[kind]) do
    pieces[at] = text
  end
end

function request()
  number = number + 1
  fill("\1", string.format("%012x", number))
  fill("\2", string.format("%08d", number))
  return table.concat(pieces)
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": '
      .. '{"status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
