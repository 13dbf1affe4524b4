package ssh

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

const (
	up, down = analyzertest.Up, analyzertest.Down
	server   = "198.51.100.1:2222"
)

// kexinit makes the packet with the lists, padded.
func kexinit(lists ...string) string {
	b := append([]byte{msgKexInit}, make([]byte, 16)...)
	for _, l := range lists {
		b = binary.BigEndian.AppendUint32(b, uint32(len(l)))
		b = append(b, l...)
	}
	return frame(string(b) + "\x00\x00\x00\x00\x00")
}

func frame(payload string) string {
	const pad = 7
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	return string(b) + string(rune(pad)) + payload + strings.Repeat("\x00", pad)
}

func lists(x string) string {
	return kexinit("kex"+x, "hostkey", "enc-c"+x, "enc-s"+x, "mac-c"+x, "mac-s"+x, "none", "none", "", "")
}

// hello is the clear part.
func hello(k *analyzertest.Talk) {
	k.Say(up, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
	k.Say(down, "a line before\r\nSSH-2.0-dropbear_2022.83\r\n")
	k.Say(up, lists("1"))
	k.Say(down, lists("2"))
	k.Say(up, frame("\x1e"+strings.Repeat("k", 900)))
	k.Say(down, frame("\x1f"+strings.Repeat("k", 900))+frame("\x15"))
	k.Say(up, frame("\x15"))
}

// turns says encrypted bytes of the lengths in turn, the client's first.
func says(k *analyzertest.Talk, sizes ...int) {
	for i, n := range sizes {
		d := up
		if i%2 == 1 {
			d = down
		}
		k.Say(d, strings.Repeat("e", n))
	}
}

func text(e event.Event) string {
	x := e.(*Session)
	l, ok := x.Login()
	return fmt.Sprintf("%d %s/%s refused %d %s %v", x.Stage, x.Sides[0].Software, x.Sides[1].Software, x.Refused, l.Outcome, ok)
}

func TestLogins(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes []int
		want  string
	}{
		{"key", []int{44, 44, 68, 52, 140, 100, 308, 28, 112, 280}, "refused 0 accepted true"},
		{"password at the second try", []int{44, 44, 68, 52, 148, 52, 148, 28, 112, 116}, "refused 1 accepted true"},
		{"refused", []int{44, 44, 68, 52, 148, 52}, "refused 1 refused true"},
		{"refused until shown out", []int{44, 44, 68, 52, 84, 52, 84, 52, 84, 76}, "refused 3 refused true"},
		{"left at once", []int{44, 44, 68, 52, 52}, "refused 0 unknown true"},
		{"nothing", nil, "refused 0 unknown true"},
	} {
		for _, cut := range []int{1, 7, 2000} {
			k := analyzertest.Dial(t, server, cut, nil, Def)
			hello(k)
			says(k, c.sizes...)
			events, app := k.End()
			if len(events) != 2 || app != "ssh" {
				t.Fatalf("%s: %d events, %s", c.name, len(events), app)
			}
			if got, want := text(events[0]), "0 OpenSSH_9.2p1/dropbear_2022.83 refused 0 unknown false"; got != want {
				t.Errorf("%s: %s", c.name, got)
			}
			if got, want := text(events[1]), "1 OpenSSH_9.2p1/dropbear_2022.83 "+c.want; got != want {
				t.Errorf("%s, cut %d: %s, want %s", c.name, cut, got, want)
			}
		}
	}
}

// TestLeaves: after the login nothing is read.
func TestLeaves(t *testing.T) {
	k := analyzertest.Dial(t, server, 2000, nil, Def)
	hello(k)
	says(k, 44, 44, 68, 52, 140, 28, 112)
	k.Lose(down, 5000)
	k.Say(down, strings.Repeat("x", 5000))
	if events, _ := k.End(); len(events) != 2 || events[1].(*Session).Outcome != event.LoginAccepted {
		t.Errorf("%d events", len(events))
	}
}

func TestGap(t *testing.T) {
	k := analyzertest.Dial(t, server, 2000, nil, Def)
	hello(k)
	says(k, 44, 44, 68)
	k.Lose(down, 52)
	says(k, 148, 52)
	events, _ := k.End()
	if got := text(events[len(events)-1]); !strings.HasSuffix(got, "refused 0 unknown true") {
		t.Error(got)
	}
}

func TestHASSH(t *testing.T) {
	k := analyzertest.Dial(t, server, 3, nil, Def)
	hello(k)
	events, _ := k.End()
	x := events[0].(*Session)
	for d, want := range []string{"kex1;enc-c1;mac-c1;none", "kex2;enc-s2;mac-s2;none"} {
		if x.Sides[d].HASSHText != want || len(x.Sides[d].HASSH) != 32 {
			t.Errorf("%+v", x.Sides[d])
		}
	}
	if s := string(x.AppendEVE(nil, &event.EVE{})); !strings.Contains(s, `"ssh":{"client":{"proto_version":"2.0","software_version":"OpenSSH_9.2p1","hassh":{"hash":"`) {
		t.Error(s)
	}
}

func TestProbe(t *testing.T) {
	for text, want := range map[string]analyzer.Answer{"SSH-2.0-x\r\n": analyzer.Yes, "SS": analyzer.More, "220 x": analyzer.No} {
		if got := probe(down, []byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3": {"2.0", "OpenSSH_9.2p1"},
		"SSH-1.99-Cisco-1.25":                    {"1.99", "Cisco-1.25"},
		"SSH-2.0":                                {},
		"HTTP/1.1 400":                           {},
	} {
		if got, _ := ParseVersion([]byte(text)); got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("SSH-2.0-a\r\nSSH-2.0-b\r\n"+lists("1")+lists("2")+frame("\x15")+frame("\x15")+"eeee"), []byte{20, 21, 254, 255, 200, 201})
	f.Add([]byte("SSH-2.0-a\r\n\x00\x00\x00\x05\x01\x15abc"), []byte{20, 21})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, server, data, cuts) {
			e.AppendEVE(nil, &event.EVE{})
		}
	})
}

func BenchmarkKeyExchange(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) {
		k.Say(up, "SSH-2.0-a\r\n")
		k.Say(down, "SSH-2.0-b\r\n")
	}, up, strings.Repeat(frame("\x1e"+strings.Repeat("k", 1200)), 100))
}

func BenchmarkEncrypted(b *testing.B) {
	analyzertest.Measure(b, Def, server, hello, up, strings.Repeat("e", 100_000))
}

// TestProbeAllocations: each new connection is probed.
func TestProbeAllocations(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n", "POST", "QUI", "\x16\x03\x01", "220 ready\r\n", "+OK x\r\n", "* OK x\r\n", "SSH-2.0-x\r\n", "a LOGIN b c\r\n", "EHLO x\r\n", "user x\r\n"} {
		b := []byte(text)
		if n := testing.AllocsPerRun(100, func() { probe(up, b); probe(down, b) }); n != 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}
