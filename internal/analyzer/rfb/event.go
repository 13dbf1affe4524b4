package rfb

import (
	"encoding/binary"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Session is how one connection began: told when the screen is known, or it went no further.
type Session struct {
	head event.Head
	Hello
}

// Head returns the common part.
func (x *Session) Head() *event.Head { return &x.head }

// AppendEVE writes an rfb record in Suricata's shape, without the challenge and the response of a login.
func (x *Session) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &x.head, "rfb", packet.ToServer, c)
	dst = x.appendObject(append(dst, `,"tx_id":0,`...))
	return event.AppendEVETail(dst, &x.head, c)
}

func (x *Hello) appendObject(dst []byte) []byte {
	dst = append(dst, `"rfb":{`...)
	dst = appendVersion(append(dst, `"server_protocol_version":`...), x.Server)
	if x.Client.Major != "" {
		dst = appendVersion(append(dst, `,"client_protocol_version":`...), x.Client)
	}
	if x.HasSecurity {
		dst = append(dst, `,"authentication":{"security_type":`...)
		dst = strconv.AppendUint(dst, uint64(x.Security), 10)
		if x.HasResult {
			dst = append(dst, `,"security_result":"`...)
			dst = append(append(dst, resultName(x.Result)...), '"')
		}
		dst = append(dst, '}')
	}
	if x.HasShared {
		dst = append(dst, `,"screen_shared":`...)
		dst = strconv.AppendBool(dst, x.Shared)
	}
	if x.HasScreen {
		dst = x.Screen.append(append(dst, `,"framebuffer":`...))
	}
	return append(dst, '}')
}

func appendVersion(dst []byte, v Version) []byte {
	dst = append(append(dst, `{"major":"`...), v.Major...)
	return append(append(append(dst, `","minor":"`...), v.Minor...), `"}`...)
}

func (s *Screen) append(dst []byte) []byte {
	number := func(key string, n uint64) { dst = strconv.AppendUint(append(dst, key...), n, 10) }
	number(`{"width":`, uint64(s.Width))
	number(`,"height":`, uint64(s.Height))
	dst = event.AppendJSONString(append(dst, `,"name":`...), s.Name)
	number(`,"pixel_format":{"bits_per_pixel":`, uint64(s.Bits))
	number(`,"depth":`, uint64(s.Depth))
	dst = strconv.AppendBool(append(dst, `,"big_endian":`...), s.BigEndian)
	dst = strconv.AppendBool(append(dst, `,"true_color":`...), s.True)
	for i, color := range []string{"red", "green", "blue"} {
		number(`,"`+color+`_max":`, uint64(s.Max[i]))
	}
	for i, color := range []string{"red", "green", "blue"} {
		number(`,"`+color+`_shift":`, uint64(s.Shift[i]))
	}
	return append(dst, '}', '}')
}

// sight is what rules see of the beginning (event.Parts).
type sight struct {
	x Hello
	d packet.Dir
}

// EachBuffer gives the parts of one side.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	number := func(name string, n uint32) { f(name, binary.BigEndian.AppendUint32(nil, n)) }
	if v.d == packet.ToServer {
		number("rfb.sectype", v.x.Security)
		return
	}
	if v.x.HasResult {
		number("rfb.secresult", v.x.Result)
	}
	if v.x.HasScreen {
		f("rfb.name", []byte(v.x.Screen.Name))
	}
}

// AppendAppObject writes what an alert says of the connection (event.AppObject).
func (v *sight) AppendAppObject(dst []byte) []byte { return v.x.appendObject(dst) }
