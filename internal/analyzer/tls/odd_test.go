package tls

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

// oddRec is a record of a type, of TLS 1.2.
func oddRec(typ byte, body string) string {
	return string([]byte{typ, 3, 3, byte(len(body) >> 8), byte(len(body))}) + body
}

// oddMsg is a handshake message.
func oddMsg(typ byte, body string) string {
	return string([]byte{typ, 0, byte(len(body) >> 8), byte(len(body))}) + body
}

// opaque has its length in front, in n bytes.
func opaque(n int, s string) string {
	var b []byte
	for i := n - 1; i >= 0; i-- {
		b = append(b, byte(len(s)>>(8*i)))
	}
	return string(b) + s
}

// oddHello is a ClientHello with these extensions.
func oddHello(extensions string) string {
	return oddMsg(msgClientHello, "\x03\x03"+strings.Repeat("r", 32)+"\x00"+opaque(2, "\x00\x2f")+"\x01\x00"+opaque(2, extensions))
}

// sni is a server_name extension with one name of a kind.
func sni(kind, name string) string { return "\x00\x00" + opaque(2, opaque(2, kind+opaque(2, name))) }

func TestOdd(t *testing.T) {
	answer := oddMsg(msgServerHello, "\x03\x03"+strings.Repeat("s", 32)+"\x00\x00\x2f\x00")
	good := sni("\x00", "shop.example")
	der, _ := hex.DecodeString("300a3008020101300330013000") // a SEQUENCE that is no certificate
	up := func(s string) turn { return turn{packet.ToServer, []byte(s)} }
	down := func(s string) turn { return turn{packet.ToClient, []byte(s)} }
	ch, sh := up(oddRec(typeHandshake, oddHello(good))), down(oddRec(typeHandshake, answer))
	for _, c := range []struct {
		name  string
		turns []turn
		want  string
	}{
		{"nothing", []turn{ch, sh}, ""},
		{"a record that is none", []turn{ch, sh, up("\x63\x03\x03\x00\x01x")}, "invalid_ssl_record invalid_record_type"},
		{"a version that is none", []turn{ch, sh, up("\x16\x09\x03\x00\x01x")}, "invalid_ssl_record invalid_record_version"},
		{"a record that is too long", []turn{ch, sh, down("\x16\x03\x03\x60\x00x")}, "invalid_ssl_record invalid_record_length"},
		{"an alert in clear of three bytes", []turn{ch, down(oddRec(typeAlert, "\x02\x28\x00"))}, "invalid_alert_message"},
		{"a protected alert", []turn{ch, sh, up(oddRec(typeChangeCipherSpec, "\x01")), up(oddRec(typeAlert, strings.Repeat("x", 24)))}, ""},
		{"two server names", []turn{up(oddRec(typeHandshake, oddHello(good+good))), sh}, "multiple_sni_extensions"},
		{"a name of another kind", []turn{up(oddRec(typeHandshake, oddHello(sni("\x01", "shop")))), sh}, "invalid_sni_type"},
		{"a name that is shorter than its list", []turn{up(oddRec(typeHandshake, oddHello("\x00\x00"+opaque(2, opaque(2, "\x00"+opaque(2, "shop")+"xx"))))), sh}, "invalid_sni_length"},
		{"an answer without a name", []turn{up(oddRec(typeHandshake, oddHello("\x00\x00\x00\x00"))), sh}, ""},
		{"a hello that breaks off", []turn{up(oddRec(typeHandshake, oddMsg(msgClientHello, "\x03\x03"+strings.Repeat("r", 32)+"\x20x"))), sh}, "invalid_handshake_message handshake_invalid_length"},
		{"an answer that breaks off", []turn{ch, down(oddRec(typeHandshake, oddMsg(msgServerHello, "\x03\x03s")))}, "invalid_handshake_message handshake_invalid_length"},
		{"a certificate that is cut off", []turn{ch, sh, down(oddRec(typeHandshake, oddMsg(msgCertificate, opaque(3, opaque(3, "\x30\x82\x01")))))}, "invalid_handshake_message certificate_invalid_length"},
		{"a list of certificates that is cut off", []turn{ch, sh, down(oddRec(typeHandshake, oddMsg(msgCertificate, "\x00\x00\x09\x00\x00\x08x")))}, "invalid_handshake_message certificate_invalid_length"},
		{"a certificate that is none", []turn{ch, sh, down(oddRec(typeHandshake, oddMsg(msgCertificate, opaque(3, opaque(3, string(der[:12]))))))}, "invalid_handshake_message invalid_certificate"},
		{"no certificate", []turn{ch, sh, up(oddRec(typeHandshake, oddMsg(msgCertificate, "\x00\x00\x00")))}, ""},
		{"a heartbeat", []turn{ch, sh, up(oddRec(typeHeartbeat, "\x01\x00\x02hi"+strings.Repeat("p", 16)))}, "heartbeat_message"},
		{"a heartbeat that asks for more than it has", []turn{ch, sh, up(oddRec(typeHeartbeat, "\x01\x40\x00"))}, "heartbeat_message overflow_heartbeat_message"},
		{"a heartbeat without padding", []turn{ch, sh, up(oddRec(typeHeartbeat, "\x01\x00\x02hi"))}, "heartbeat_message invalid_heartbeat_message"},
		{"a heartbeat of an unknown type", []turn{ch, sh, up(oddRec(typeHeartbeat, "\x07\x00\x02hi"+strings.Repeat("p", 16)))}, "heartbeat_message invalid_heartbeat_message"},
		{"a protected heartbeat with a longer answer", []turn{ch, sh, up(oddRec(typeChangeCipherSpec, "\x01") + oddRec(typeHeartbeat, strings.Repeat("x", 40))),
			down(oddRec(typeChangeCipherSpec, "\x01") + oddRec(typeHeartbeat, strings.Repeat("y", 400)))}, "dataleak_heartbeat_mismatch"},
		{"a protected heartbeat with its answer", []turn{ch, sh, up(oddRec(typeChangeCipherSpec, "\x01") + oddRec(typeHeartbeat, strings.Repeat("x", 40))),
			down(oddRec(typeChangeCipherSpec, "\x01") + oddRec(typeHeartbeat, strings.Repeat("y", 40)))}, ""},
		{"twice", []turn{ch, sh, up(oddRec(typeHeartbeat, "\x01\x40\x00") + oddRec(typeHeartbeat, "\x01\x40\x00"))}, "heartbeat_message overflow_heartbeat_message"},
	} {
		for _, cut := range []int{1400, 1} {
			var got []string
			for _, s := range shown(t, cut, c.turns) {
				got = append(got, s.Events...)
			}
			if !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("%s, cut %d: %v, want %s", c.name, cut, got, c.want)
			}
		}
	}
}
