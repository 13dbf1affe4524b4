package rfb

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	up, down = packet.ToServer, packet.ToClient
	screen   = "\x05\x00\x03\x20\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00"
)

func frames(cut int, turns ...analyzertest.Turn) [][]byte {
	return analyzertest.Frames(cut, "10.0.0.1:40000", "10.0.0.2:5900", true, turns...)
}

// vnc is a login of version 3.minor with the result.
func vnc(minor, result string) []analyzertest.Turn {
	return []analyzertest.Turn{{Dir: down, Data: "RFB 003." + minor + "\n"}, {Dir: up, Data: "RFB 003." + minor + "\n"}, {Dir: down, Data: "\x02\x01\x02"}, {Dir: up, Data: "\x02"},
		{Dir: down, Data: "CHALLENGE-SECRET"}, {Dir: up, Data: "RESPONSE--SECRET"}, {Dir: down, Data: result}, {Dir: up, Data: "\x01"}, {Dir: down, Data: screen + "\x00\x00\x00\x04host" + "more"}}
}

func TestSessions(t *testing.T) {
	old := []analyzertest.Turn{{Dir: down, Data: "RFB 003.003\n"}, {Dir: up, Data: "RFB 003.003\n"}, {Dir: down, Data: "\x00\x00\x00\x01"}, {Dir: up, Data: "\x00"}, {Dir: down, Data: screen + "\x00\x00\x00\x00"}}
	none8 := []analyzertest.Turn{{Dir: down, Data: "RFB 003.008\n"}, {Dir: up, Data: "RFB 003.008\n"}, {Dir: down, Data: "\x01\x01"}, {Dir: up, Data: "\x01"}, {Dir: down, Data: "\x00\x00\x00\x00"}, {Dir: up, Data: "\x01"},
		{Dir: down, Data: screen + "\x00\x00\x00\x01x"}}
	for _, c := range []struct {
		name  string
		turns []analyzertest.Turn
		want  string
	}{
		{"VNC", vnc("008", "\x00\x00\x00\x00"), `"rfb":{"server_protocol_version":{"major":"003","minor":"008"},"client_protocol_version":{"major":"003","minor":"008"},"authentication":{"security_type":2,"security_result":"OK"},"screen_shared":true,` +
			`"framebuffer":{"width":1280,"height":800,"name":"host","pixel_format":{"bits_per_pixel":32,"depth":24,"big_endian":false,"true_color":true,"red_max":255,"green_max":255,"blue_max":255,"red_shift":16,"green_shift":8,"blue_shift":0}}}`},
		{"refused", vnc("007", "\x00\x00\x00\x01"), `"authentication":{"security_type":2,"security_result":"FAIL"}}`},
		{"3.3", old, `"authentication":{"security_type":1},"screen_shared":false,"framebuffer":{"width":1280,"height":800,"name":""`},
		{"none in 3.8", none8, `"authentication":{"security_type":1,"security_result":"OK"},"screen_shared":true,"framebuffer"`},
		{"another security", append(vnc("008", "")[:3:3], analyzertest.Turn{Dir: up, Data: "\x13"}), `"authentication":{"security_type":19}}`},
		{"no type", append(vnc("008", "")[:2:2], analyzertest.Turn{Dir: down, Data: "\x00\x00\x00\x00\x02no"}), `"client_protocol_version":{"major":"003","minor":"008"}}`},
		{"only the versions", vnc("008", "")[:2], `"client_protocol_version":{"major":"003","minor":"008"}}`},
	} {
		for _, cut := range []int{1, 5, 1000} {
			got := analyzertest.Of[*Session](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(cut, c.turns...)...))
			if len(got) != 1 {
				t.Fatalf("%s, cut %d: %d events", c.name, cut, len(got))
			}
			line := string(got[0].AppendEVE(nil, &event.EVE{Version: 8}))
			if !strings.Contains(line, c.want) || strings.Contains(line, "SECRET") {
				t.Errorf("%s, cut %d: %s is not in %s", c.name, cut, c.want, line)
			}
			analyzertest.ValidEVE(t, got[0])
		}
	}
}

func TestParts(t *testing.T) {
	got := analyzertest.Show(t, []analyzer.Def{Def}, frames(3, vnc("008", "\x00\x00\x00\x00")...)...)
	if len(got) != 3 || !slices.Equal(got[0].Parts["rfb.sectype"], []string{"\x00\x00\x00\x02"}) || got[0].Dir != up || !slices.Equal(got[1].Parts["rfb.secresult"], []string{"\x00\x00\x00\x00"}) ||
		!slices.Equal(got[2].Parts["rfb.name"], []string{"host"}) || got[2].Dir != down {
		t.Errorf("%+v", got)
	}
	for _, x := range got {
		analyzertest.ValidEVE(t, x.Record)
	}
}

func TestOtherThings(t *testing.T) {
	for in, want := range map[string]analyzer.Answer{"": analyzer.More, "RFB 003.": analyzer.More, "RFB 003.008\n": analyzer.Yes, "RFB 3.8\n": analyzer.No, "RFC": analyzer.No} {
		if got := probe(up, []byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// A side that says much before the other answers is not waited for.
func TestBounded(t *testing.T) {
	turns := []analyzertest.Turn{{Dir: down, Data: "RFB 003.008\n"}, {Dir: down, Data: strings.Repeat("x", 3*maxWait)}}
	if got := analyzertest.Of[*Session](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(1000, turns...)...)); len(got) != 1 || got[0].Client.Major != "" {
		t.Errorf("%+v", got)
	}
}

func BenchmarkLogin(b *testing.B) {
	turns, n := vnc("008", "\x00\x00\x00\x00"), 0
	for _, x := range turns {
		n += len(x.Data)
	}
	analyzertest.Inside(b, Def, "10.0.0.2:5900", false, func(k *analyzertest.Talk) { k.Say(down, turns[0].Data) }, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
		b.SetBytes(int64(n))
		b.ReportAllocs()
		for b.Loop() {
			a.Reset()
			for _, x := range turns {
				a.Data(c, x.Dir, []byte(x.Data))
			}
		}
	})
}

func FuzzTalk(f *testing.F) {
	var a, b string
	for _, x := range vnc("008", "\x00\x00\x00\x00") {
		if x.Dir == up {
			a += x.Data
		} else {
			b += x.Data
		}
	}
	f.Add([]byte(a), []byte(b))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a)+len(b) > 1000 {
			return
		}
		var want string
		for _, cut := range []int{1000, 3} {
			got := ""
			for _, x := range analyzertest.Of[*Session](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}},
				frames(cut, analyzertest.Turn{Dir: down, Data: string(b)}, analyzertest.Turn{Dir: up, Data: string(a)})...)) {
				got += string(x.appendObject(nil))
			}
			if want == "" {
				want = got
			} else if got != want {
				t.Fatalf("%s, cut into three %s", want, got)
			}
		}
	})
}
