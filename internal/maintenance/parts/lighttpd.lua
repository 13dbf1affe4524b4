-- Maintenance mode for lighttpd (mod_magnet). The flag is a file; its first line, if any, is the time at which the site
-- comes back, as HTTP writes it: Sun, 06 Nov 1994 08:49:37 GMT. Without one, Retry-After is {{seconds}} seconds.
local dir = "{{dir}}"
local flag = dir .. "/on"
if not lighty.stat(flag) then return end

local path = string.gsub(lighty.env["request.uri"] or "/", "[?#].*", "")
local function below(prefix) return string.sub(path, 1, #prefix) == prefix end
{{if assets}}
{{if assets}}-- What the page itself shows stays reachable.
{{if assets}}if below("{{assets}}") and not string.find(path, "..", 1, true) and not string.find(path, "%", 1, true) then return end

-- Seconds until the time in the flag; what is overdue is asked for again in five minutes.
local function remaining()
	local f = io.open(flag, "r")
	local line = f and f:read("*l") or ""
	if f then f:close() end
	local d, m, y, hh, mm, ss = string.match(line or "", "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT")
	local month = m and string.find("JanFebMarAprMayJunJulAugSepOctNovDec", m, 1, true)
	if not month then return {{seconds}} end
	local now = os.time()
	local utc = os.date("!*t", now)
	utc.isdst = false
	local offset = os.difftime(now, os.time(utc)) -- between local time, which os.time takes, and UTC
	local at = os.time({ year = y, month = (month + 2) / 3, day = d, hour = hh, min = mm, sec = ss, isdst = false }) + offset
	local left = math.floor(os.difftime(at, now))
	if left < 1 then return 300 end
	return left
end

local json = string.find(lighty.request["Accept"] or "", "application/json", 1, true) ~= nil
{{each api}}json = json or below("{{it}}")

lighty.header["Retry-After"] = tostring(remaining())
lighty.header["Cache-Control"] = "no-store"
if json then
	lighty.header["Content-Type"] = "application/json"
	lighty.content = { { filename = dir .. "/page.json" } }
else
	lighty.header["Content-Type"] = "text/html; charset=utf-8"
	lighty.content = { { filename = dir .. "/page.html" } }
end
return 503
