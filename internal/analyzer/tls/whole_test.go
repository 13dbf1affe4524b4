package tls

import (
	"strings"
	"testing"

	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestWholeCertificates: a record carries those that are asked for.
func TestWholeCertificates(t *testing.T) {
	x := &Handshake{head: event.Head{Proto: packet.ProtoTCP, Client: event.End{Addr: packet.MustAddr("10.0.0.1")}, Server: event.End{Addr: packet.MustAddr("10.0.0.2")}}, Hello: packet.Ref{Frame: 1},
		Client: Identity{Fingerprint: strings.Repeat("ab", 20), Serial: "0A"}, Certificates: [2][]string{{"client"}, {"one", "two"}}}
	for _, c := range []struct {
		parts event.TLSParts
		want  string // in the record
		not   string
	}{
		{event.TLSParts{}, `"client":{`, "certificate"},
		{event.TLSParts{Certificate: true}, `"certificate":"b25l"`, "chain"},
		{event.TLSParts{Chain: true, ClientChain: true}, `"chain":["b25l","dHdv"]`, "certificate"},
		{event.TLSParts{ClientCertificate: true, ClientChain: true}, `,"certificate":"Y2xpZW50","chain":["Y2xpZW50"]}`, "b25l"},
	} {
		line := string(x.AppendEVE(nil, &event.EVE{Version: 8, TLS: c.parts}))
		if !strings.Contains(line, c.want) || strings.Contains(line, c.not) {
			t.Errorf("%+v: %s", c.parts, line)
		}
	}
	analyzertest.ValidEVE(t, x)
}
