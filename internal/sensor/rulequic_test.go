package sensor_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// counts counts alerts by rule, and connections over UDP by their protocol.
type counts struct {
	sids map[uint32]int
	apps map[string]int
}

func (c *counts) Event(e event.Event) error {
	switch e := e.(type) {
	case *event.Alert:
		c.sids[e.Rule.SID]++
	case *event.Flow:
		if e.What == event.Ended && e.Head().Proto == packet.ProtoUDP {
			c.apps[e.AppProto]++
		}
	}
	return nil
}

// TestRulesOfQUIC: real connections at three ports, among all protocols. The numbers are those of the programs that made them:
// 20 hellos that ask for shop.example, 2 of them after a Retry packet, 22 answers; nothing is odd.
func TestRulesOfQUIC(t *testing.T) {
	list, bad, err := lang.Parse("x", strings.NewReader(`alert quic any any -> any any (quic.sni; content:"shop.example"; sid:1;)
		alert quic any any -> any [4443,8443] (quic.sni; content:"shop"; startswith; sid:2;)
		alert quic any any -> any any (ja4.hash; content:"q13d"; startswith; sid:3;)
		alert quic any any -> any any (ja3s.hash; content:"eb1d94daa7e0344597e756a1fb6e7054"; sid:4;)
		alert quic any any -> any any (flow:to_client; ja3s.string; content:"771,"; startswith; sid:5;)
		alert quic any any -> any any (quic.version; content:"|1a 2a 3a 4a|"; sid:6;)
		alert quic any any -> any any (app-layer-event:quic.failed_decrypt; sid:7;)
		alert quic any any -> any any (app-layer-event:quic.error_on_data; sid:8;)
		alert tls any any -> any any (ja3.hash; content:"4"; sid:9;)
		alert quic any any -> any any (ja3.hash; content:"4e2f39e9839276fe7bfd283b657fb9db"; ja3.string; content:"771,4865"; startswith; sid:10;)
		alert udp any any -> any any (ja3.hash; content:"4e2f39e9839276fe7bfd283b657fb9db"; sid:11;)`))
	if err != nil || len(bad) != 0 {
		t.Fatal(err, bad)
	}
	set, bad := rules.Compile(list, rules.Options{Vars: rules.DefaultVars()})
	if len(bad) != 0 {
		t.Fatal(bad)
	}
	src, err := capture.OpenFile(filepath.Join("../../testdata/captures", "clean-quic", "inside.pcap"), capture.FileOptions{Poison: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	c := &counts{map[uint32]int{}, map[string]int{}}
	if _, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 2, Seed: 1, Checksums: packet.ChecksumsAuto,
		Analyzers: standard.Analyzers, Rules: set, Sinks: []sensor.EventSink{c}}); err != nil {
		t.Fatal(err)
	}
	want := map[uint32]int{1: 20, 2: 10, 3: 26, 4: 19, 5: 22, 6: 1, 10: 21, 11: 21}
	if !maps.Equal(c.sids, want) {
		t.Errorf("alerts %v, not %v", c.sids, want)
	}
	if c.apps["ntp"] != 0 || c.apps["quic"] < 20 || len(c.apps) > 2 {
		t.Errorf("connections over UDP: %v", c.apps)
	}
}

// TestQUICAmongOthers: the bits that are protected in the first byte may be any, and no other protocol takes them for its own.
func TestQUICAmongOthers(t *testing.T) {
	var fs []capture.Frame
	for first := 0xc0; first < 0xd0; first++ {
		head := string([]byte{byte(first)}) + "\x00\x00\x00\x01\x08bytes-to\x04from\x00\x44\x96"
		u := packettest.UDP{Src: fmt.Sprintf("10.0.0.1:%d", 40000+first), Dst: "192.0.2.2:4443", Payload: head + strings.Repeat("\xa5", 1200-len(head))}
		fs = append(fs, capture.Frame{Data: u.Frame(), Time: packet.Time(1e18) + packet.Time(first), Link: packet.LinkEthernet})
	}
	c := &counts{map[uint32]int{}, map[string]int{}}
	if _, err := sensor.Run(context.Background(), sensor.Options{Source: capture.NewMemory(fs), Workers: 1, Seed: 1, Checksums: packet.ChecksumsAuto,
		Analyzers: standard.Analyzers, Detectors: standard.Detectors, Sinks: []sensor.EventSink{c}}); err != nil {
		t.Fatal(err)
	}
	if c.apps["quic"] != 16 || len(c.apps) != 1 {
		t.Errorf("%v", c.apps)
	}
}
