package rules

import (
	"encoding/binary"
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

var ofHTTP2 = []string{"http2"}

// http2Buffers are the fields of HTTP/2, each with its name.
var http2Buffers = buffersOf(ofHTTP2, named{"http2.header_name", eitherWay}, named{"http2.header", eitherWay})

func http2Part(name string) buffer { return buffer{"http2." + name, ofHTTP2, eitherWay} }

// http2Keywords compare what frames say.
var http2Keywords = []keyword{
	numberOf("http2.frametype", http2Part("frametype"), 8, http2Types), numberOf("http2.errorcode", http2Part("errorcode"), 32, http2Errors),
	numberOf("http2.priority", http2Part("priority"), 8, nil), numberOf("http2.window", http2Part("window"), 32, nil),
	numberOf("http2.size_update", http2Part("size_update"), 64, nil),
	{"http2.settings", func(c *compiler, o *lang.Option) error {
		text := strings.ToLower(strings.TrimSpace(o.Value))
		n := 0
		for n < len(text) && (text[n] >= 'a' && text[n] <= 'z' || text[n] == '_' || text[n] >= '0' && text[n] <= '9') {
			n++
		}
		id, ok := http2Settings[strings.TrimPrefix(text[:n], "settings_")]
		if !ok {
			return fmt.Errorf("%q is no setting of HTTP/2", text[:n])
		}
		r := sizeRange{hi: 1<<32 - 1}
		if rest := strings.TrimSpace(text[n:]); rest != "" {
			var err error
			if r, err = parseRange(rest, 32); err != nil {
				return err
			}
		}
		return c.ask(http2Part("settings"), o.Negated, func(b []byte) bool {
			return len(b) == 6 && binary.BigEndian.Uint16(b) == id && r.has(value(b[2:]))
		})
	}},
}

// http2Types are the types of frames by name, in lower case (RFC 9113 6).
var http2Types = map[string]uint64{"data": 0, "headers": 1, "priority": 2, "rststream": 3, "rst_stream": 3, "settings": 4, "pushpromise": 5, "push_promise": 5,
	"ping": 6, "goaway": 7, "windowupdate": 8, "window_update": 8, "continuation": 9}

// http2Errors are the codes of errors by name, in lower case (RFC 9113 7).
var http2Errors = map[string]uint64{"no_error": 0, "protocol_error": 1, "internal_error": 2, "flow_control_error": 3, "settings_timeout": 4, "stream_closed": 5,
	"frame_size_error": 6, "refused_stream": 7, "cancel": 8, "compression_error": 9, "connect_error": 10, "enhance_your_calm": 11, "inadequate_security": 12,
	"http_1_1_required": 13}

// http2Settings are the settings by name without what all begin with, in lower case (RFC 9113 6.5.2, RFC 8441, RFC 9218).
var http2Settings = map[string]uint16{"header_table_size": 1, "enable_push": 2, "max_concurrent_streams": 3, "initial_window_size": 4, "max_frame_size": 5,
	"max_header_list_size": 6, "enable_connect_protocol": 8, "no_rfc7540_priorities": 9}
