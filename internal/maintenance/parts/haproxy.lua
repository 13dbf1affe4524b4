-- Maintenance mode for HAProxy. The flag is a file; its first line, if any, is the time at which the site comes back, as
-- HTTP writes it: Sun, 06 Nov 1994 08:49:37 GMT. Without one, Retry-After is {{seconds}} seconds.
local flag = "{{flag}}"
local pages = { html = "{{page}}", json = "{{json}}" }
local standin = { html = "<!DOCTYPE html><title>Down for maintenance</title><h1>Down for maintenance</h1>", json = '{"status":503,"error":"maintenance"}' }

local function first_line(name)
	local f = io.open(name, "r")
	if not f then return nil end
	local line = f:read("*l") or ""
	f:close()
	return line
end

local function whole(kind)
	local f = io.open(pages[kind], "r")
	local text = f and f:read("*a")
	if f then f:close() end
	return text or standin[kind]
end

-- Seconds until the time in the flag; what is overdue is asked for again in five minutes.
local function remaining(line)
	local d, m, y, hh, mm, ss = string.match(line, "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT")
	local month = m and string.find("JanFebMarAprMayJunJulAugSepOctNovDec", m, 1, true)
	if not month then return {{seconds}} end
	local now = os.time()
	local utc = os.date("!*t", now)
	utc.isdst = false
	local offset = now - os.time(utc) -- between local time, which os.time takes, and UTC
	local at = os.time({ year = y, month = (month + 2) // 3, day = d, hour = hh, min = mm, sec = ss, isdst = false }) + offset
	local left = math.floor(at - now)
	if left < 1 then return 300 end
	return left
end

core.register_action("maintenance", { "http-req" }, function(txn)
	local line = first_line(flag)
	if line then
		txn:set_var("txn.maintenance", true)
		txn:set_var("txn.maintenance_left", remaining(line))
	end
end)

core.register_service("maintenance", "http", function(applet)
	local kind = "html"
	local accept = applet.headers["accept"]
	if accept and string.find(accept[0], "application/json", 1, true) then kind = "json" end
{{each api}}	if string.sub(applet.path, 1, {{it length}}) == "{{it}}" then kind = "json" end
	local text = whole(kind)
	applet:set_status(503, "Service Unavailable")
	applet:add_header("Retry-After", tostring(applet:get_var("txn.maintenance_left") or {{seconds}}))
	applet:add_header("Cache-Control", "no-store")
	applet:add_header("Content-Type", kind == "json" and "application/json" or "text/html; charset=utf-8")
	applet:add_header("Content-Length", tostring(#text))
	applet:start_response()
	if applet.method ~= "HEAD" then applet:send(text) end
end)
