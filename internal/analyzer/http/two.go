package http

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Two is what HTTP/2 (RFC 9113) adds to a transaction: its stream, the fields as they were sent, and what its frames say. Of
// stream 0, the connection, there is nothing else.
type Two struct {
	Stream  uint32
	Headers [2][]Header // by direction, in order
	Frames  [2]Frames
	DNS     string // the member of a record that tells of the DNS in it (RFC 8484); empty: none
}

// Curl is the program that asks again as the transaction did: of HTTP/2 in clear it has to be told.
func (t *Transaction) Curl() string {
	if t.Two != nil {
		return "curl --http2-prior-knowledge"
	}
	return "curl"
}

// Header is a field of a header list, or a change of the table that such lists refer to (RFC 7541 6.3).
type Header struct {
	Name, Value string
	Size        uint64 // of the table; there is neither name nor value
	Resized     bool
}

// Frames is what frames of one direction say beside fields.
type Frames struct {
	Settings    []Setting
	Code        uint32 // of the first GOAWAY or RST_STREAM
	HasCode     bool
	Priority    uint8 // weight less one, of the first PRIORITY or HEADERS that has it
	HasPriority bool
	Multiple    string // "error_code" or "priority": what came more than once first
}

// Setting is one of a SETTINGS frame (RFC 9113 6.5.1).
type Setting struct {
	ID    uint16
	Value uint32
}

// settingWords are EVE's words, by number.
var settingWords = [...]string{1: "HEADERTABLESIZE", 2: "ENABLEPUSH", 3: "MAXCONCURRENTSTREAMS", 4: "INITIALWINDOWSIZE", 5: "MAXFRAMESIZE",
	6: "MAXHEADERLISTSIZE", 8: "ENABLECONNECTPROTOCOL", 9: "NORFC7540PRIORITIES"}

// codeWords are EVE's words for the codes of errors, by number (RFC 9113 7).
var codeWords = [...]string{"NOERROR", "PROTOCOLERROR", "INTERNALERROR", "FLOWCONTROLERROR", "SETTINGSTIMEOUT", "STREAMCLOSED", "FRAMESIZEERROR", "REFUSEDSTREAM",
	"CANCEL", "COMPRESSIONERROR", "CONNECTERROR", "ENHANCEYOURCALM", "INADEQUATESECURITY", "HTTP11REQUIRED"}

// Failed notes the code of an error.
func (f *Frames) Failed(code uint32) {
	if f.HasCode {
		f.twice("error_code")
		return
	}
	f.Code, f.HasCode = code, true
}

// Weighed notes a priority.
func (f *Frames) Weighed(weight uint8) {
	if f.HasPriority {
		f.twice("priority")
		return
	}
	f.Priority, f.HasPriority = weight, true
}

func (f *Frames) twice(what string) {
	if f.Multiple == "" {
		f.Multiple = what
	}
}

// Says reports whether the frames say anything that a record would have.
func (f *Frames) Says() bool { return len(f.Settings) > 0 || f.HasCode || f.HasPriority }

// AppendObject appends the member "http" of a record; t is what is known of the messages, nil: there are none.
func (x *Two) AppendObject(dst []byte, t *Transaction) []byte {
	dst = append(dst, `"http":{`...)
	o := object{event.Object{Dst: dst}}
	o.Some("version", "2")
	if t != nil {
		for d, name := range [2]string{packet.ToServer: "request_headers", packet.ToClient: "response_headers"} {
			o.headers(name, x.Headers[d])
		}
		o.Some("http_method", t.Method)
		o.Some("url", t.URI)
		o.Some("hostname", t.Host)
		o.Some("http_user_agent", t.UserAgent)
		if t.Status > 0 {
			o.Number("status", uint64(t.Status))
		}
		o.Number("length", x.length(t))
	}
	o.Key("http2")
	o.Dst = strconv.AppendUint(append(o.Dst, `{"stream_id":`...), uint64(x.Stream), 10)
	for d, name := range [2]string{packet.ToServer: `,"request":{`, packet.ToClient: `,"response":{`} {
		o.Dst = append(o.Dst, name...)
		o.Dst = append(x.Frames[d].append(o.Dst), '}')
	}
	return append(o.Dst, "}}"...)
}

// length is what the messages say of their content's length, the response's before the request's; else what came of it.
func (x *Two) length(t *Transaction) uint64 {
	for _, d := range [2]packet.Dir{packet.ToClient, packet.ToServer} {
		for i := len(x.Headers[d]) - 1; i >= 0; i-- {
			if h := &x.Headers[d][i]; h.Name == "content-length" {
				if n, err := strconv.ParseUint(h.Value, 10, 64); err == nil {
					return n
				}
			}
		}
	}
	return t.ResponseN
}

func (o *object) headers(key string, list []Header) {
	if len(list) == 0 {
		return
	}
	o.Key(key)
	o.Dst = append(o.Dst, '[')
	for i := range list {
		h := &list[i]
		if i > 0 {
			o.Dst = append(o.Dst, ',')
		}
		if h.Resized {
			o.Dst = append(strconv.AppendUint(append(o.Dst, `{"table_size_update":`...), h.Size, 10), '}')
			continue
		}
		o.Dst = event.AppendJSONString(append(o.Dst, `{"name":`...), h.Name)
		o.Dst = append(event.AppendJSONString(append(o.Dst, `,"value":`...), h.Value), '}')
	}
	o.Dst = append(o.Dst, ']')
}

func (f *Frames) append(dst []byte) []byte {
	o := object{event.Object{Dst: dst}}
	n := 0
	for _, s := range f.Settings {
		if int(s.ID) >= len(settingWords) || settingWords[s.ID] == "" {
			continue
		}
		if n++; n == 1 {
			o.Key("settings")
			o.Dst = append(o.Dst, '[')
		} else {
			o.Dst = append(o.Dst, ',')
		}
		o.Dst = append(append(o.Dst, `{"settings_id":"SETTINGS`...), settingWords[s.ID]...)
		o.Dst = append(strconv.AppendUint(append(o.Dst, `","settings_value":`...), uint64(s.Value), 10), '}')
	}
	if n > 0 {
		o.Dst = append(o.Dst, ']')
	}
	if f.HasCode {
		word := strconv.FormatUint(uint64(f.Code), 10)
		if int(f.Code) < len(codeWords) {
			word = codeWords[f.Code]
		}
		o.Some("error_code", word)
	}
	if f.HasPriority {
		o.Number("priority", uint64(f.Priority))
	}
	o.Some("has_multiple", f.Multiple)
	return o.Dst
}
