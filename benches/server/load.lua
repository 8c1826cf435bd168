-- Sends the requests of a file, which were signed beforehand, one after the other; says how it went in one line of JSON.
-- The file has each request's length in bytes on a line of its own, and then the request. A second argument is how many
-- milliseconds a connection waits before each request, on average.

local requests = {}
local pause = 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    for length in file:lines() do
        requests[#requests + 1] = file:read(tonumber(length))
    end
    file:close()
    pause = tonumber(arguments[2])
    if pause then
        -- At random, so that not all connections ask at once.
        delay = function() return math.random(0, 2 * pause) end
    end
end

local next = 0

function request()
    next = next % #requests + 1
    return requests[next]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%f,"refused":%d,"broken":%d,"p50":%d,"p99":%d,"p999":%d}\n',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
