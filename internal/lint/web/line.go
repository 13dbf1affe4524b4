// Package web looks through a web server's logs for days on which a maintenance page was sent with status 200: what
// search engines and caches were told then, they took for the site.
package web

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// request is one line of a log.
type request struct {
	at     time.Time
	host   string // empty where the log does not say
	method string
	path   string // without its query
	status int
	size   int64 // bytes of the answer; -1: not said
	agent  string
}

// parse reads a line in the combined or common form, with the host in front or without, or a JSON object.
func parse(line string) (request, bool) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "{") {
		return parseJSON(line)
	}
	return parseCommon(line)
}

// parseCommon reads HOST IDENT USER [TIME] "METHOD PATH PROTO" STATUS BYTES "REFERRER" "AGENT"; Apache's vhost_combined has
// the site in front.
func parseCommon(line string) (request, bool) {
	r := request{size: -1}
	front, rest, ok := strings.Cut(line, " [")
	if !ok {
		return r, false
	}
	if f := strings.Fields(front); len(f) == 4 {
		r.host = bare(f[0])
	} else if len(f) < 1 {
		return r, false
	}
	when, rest, ok := strings.Cut(rest, "] ")
	if !ok {
		return r, false
	}
	var err error
	if r.at, err = time.Parse("02/Jan/2006:15:04:05 -0700", when); err != nil {
		return r, false
	}
	asked, rest, ok := quoted(rest)
	if !ok {
		return r, false
	}
	r.method, r.path = target(asked)
	f := strings.Fields(rest)
	if len(f) < 2 {
		return r, false
	}
	if r.status, err = strconv.Atoi(f[0]); err != nil || r.status < 100 || r.status > 999 {
		return r, false
	}
	if n, err := strconv.ParseInt(f[1], 10, 64); err == nil && n >= 0 {
		r.size = n
	} else if f[1] == "-" {
		r.size = 0
	}
	rest = strings.TrimSpace(strings.TrimSpace(rest)[len(f[0]):])[len(f[1]):]
	if _, rest, ok = quoted(rest); ok { // the page that led here
		r.agent, _, _ = quoted(rest)
	}
	return r, true
}

// quoted takes a text in quotation marks off the front; a backslash keeps the next character.
func quoted(s string) (text, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}

// target splits "GET /path?query HTTP/1.1"; an address with a host in it loses that.
func target(asked string) (method, path string) {
	f := strings.Fields(asked)
	if len(f) < 2 {
		return "", ""
	}
	return f[0], pathOf(f[1])
}

func pathOf(s string) string {
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		if u, err := url.Parse(s); err == nil {
			s = u.EscapedPath()
		}
	}
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	return s
}

// bare is a host without its port, in lower case.
func bare(h string) string {
	h = strings.ToLower(h)
	if i := strings.LastIndexByte(h, ':'); i > 0 && !strings.HasSuffix(h, "]") && strings.Count(h, ":") == 1 {
		h = h[:i]
	}
	return h
}

// names of fields in the JSON logs of nginx (as people write them), Caddy, Traefik, Apache and HAProxy.
var fieldNames = map[string][]string{
	"time":   {"time", "ts", "timestamp", "@timestamp", "time_iso8601", "time_local", "StartUTC", "msec", "start_time"},
	"host":   {"host", "http_host", "vhost", "server_name", "RequestHost", "request_host"},
	"method": {"method", "request_method", "RequestMethod"},
	"path":   {"uri", "request_uri", "path", "url", "RequestPath"},
	"line":   {"request"},
	"status": {"status", "status_code", "DownstreamStatus", "response", "code"},
	"size":   {"body_bytes_sent", "size", "bytes", "bytes_sent", "DownstreamContentSize", "response_size", "length"},
	"agent":  {"http_user_agent", "user_agent", "agent", "userAgent", "request_User-Agent"},
}

func parseJSON(line string) (request, bool) {
	r := request{size: -1}
	var o map[string]any
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		return r, false
	}
	flat := o
	if in, ok := o["request"].(map[string]any); ok { // Caddy
		flat = map[string]any{}
		for k, v := range o {
			flat[k] = v
		}
		delete(flat, "request")
		for k, v := range in {
			flat[k] = v
		}
		if h, ok := in["headers"].(map[string]any); ok {
			if l, ok := h["User-Agent"].([]any); ok && len(l) > 0 {
				flat["user_agent"] = l[0]
			}
		}
	}
	get := func(what string) (string, bool) {
		for _, k := range fieldNames[what] {
			switch v := flat[k].(type) {
			case string:
				return v, true
			case float64:
				return strconv.FormatFloat(v, 'f', -1, 64), true
			}
		}
		return "", false
	}
	s, ok := get("status")
	if !ok {
		return r, false
	}
	var err error
	if r.status, err = strconv.Atoi(s); err != nil || r.status < 100 || r.status > 999 {
		return r, false
	}
	when, _ := get("time")
	if r.at, ok = moment(when); !ok {
		return r, false
	}
	if s, ok := get("size"); ok {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			r.size = n
		}
	}
	if h, ok := get("host"); ok {
		r.host = bare(h)
	}
	r.agent, _ = get("agent")
	if asked, ok := get("line"); ok && strings.Contains(asked, " ") {
		r.method, r.path = target(asked)
	} else {
		p, ok := get("path")
		if !ok {
			return r, false
		}
		r.method, _ = get("method")
		r.path = pathOf(p)
	}
	return r, true
}

// moment reads the ways in which logs write a time.
func moment(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "02/Jan/2006:15:04:05 -0700", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || !(f > 0):
		return time.Time{}, false
	case f > 1e17:
		return time.Unix(0, int64(min(f, 9e18))), true
	case f > 1e11: // milliseconds
		return time.UnixMilli(int64(f)), true
	}
	return time.UnixMilli(int64(f * 1000)), true
}
