package http

import (
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestBuffers: what rules get of a transaction, and which way it travelled.
func TestBuffers(t *testing.T) {
	x := NewTransaction(event.Head{})
	x.Method, x.URI, x.Host, x.UserAgent = "GET", "http://Shop.example:80/a%2fb%zz%?q=%41", "Shop.example:80", "x"
	x.Request = packet.Ref{Frame: 1}
	x.Status, x.Reason = 404, "Not Found"
	var got []string
	for _, d := range []packet.Dir{packet.ToServer, packet.ToClient} {
		side{x, d}.EachBuffer(func(name string, b []byte) { got = append(got, d.String()+" "+name+" "+string(b)) })
	}
	want := `to_server http.method GET
to_server http.uri /a/b%zz%?q=%41
to_server http.uri.raw /a%2fb%zz%?q=%41
to_server http.host shop.example
to_server http.host.raw Shop.example:80
to_server http.user_agent x
to_client http.stat_code 404
to_client http.stat_msg Not Found`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}
