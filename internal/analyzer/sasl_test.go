package analyzer

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestSASL(t *testing.T) {
	enc := func(s string) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte(s))) }
	for _, c := range []struct {
		mechanism string
		lines     [][]byte
		initial   bool
		name      string
		user      string
		clear     bool
	}{
		{"plain", [][]byte{enc("\x00alice\x00hunter2")}, true, "PLAIN", "alice", true},
		{"PLAIN", [][]byte{enc("admin\x00alice\x00hunter2")}, false, "PLAIN", "alice", true},
		{"PLAIN", [][]byte{enc("hunter2")}, false, "PLAIN", "", true},
		{"PLAIN", [][]byte{enc("\x00hunter2")}, false, "PLAIN", "", true},
		{"PLAIN", [][]byte{[]byte("*")}, false, "PLAIN", "", true},
		{"LOGIN", [][]byte{enc("bob"), enc("hunter2")}, false, "LOGIN", "bob", true},
		{"LOGIN", [][]byte{enc("bob"), enc("hunter2")}, true, "LOGIN", "bob", true},
		{"CRAM-MD5", [][]byte{enc("bob hunter2")}, false, "CRAM-MD5", "", false},
		{"hunter2", [][]byte{enc("hunter2")}, true, "OTHER", "", false},
		{"PLAIN", [][]byte{enc("\x00" + strings.Repeat("u", 900) + "\x00hunter2")}, true, "PLAIN", strings.Repeat("u", 255), true},
	} {
		var s SASL
		lines := c.lines
		if c.initial {
			s.Begin([]byte(c.mechanism), lines[0])
			lines = lines[1:]
		} else {
			s.Begin([]byte(c.mechanism), nil)
		}
		for _, l := range lines {
			s.Line(l)
		}
		if s.Mechanism != c.name || s.User != c.user || s.Clear() != c.clear {
			t.Errorf("%s: %+v", c.mechanism, s)
		}
		if strings.Contains(fmt.Sprintf("%+v", s), "hunter2") {
			t.Errorf("%s keeps the secret: %+v", c.mechanism, s)
		}
	}
}

// A line longer than the room that is decoded at once ends where the room does.
func TestSASLLongLine(t *testing.T) {
	for n := 1300; n < 1500; n++ {
		var s SASL
		s.Begin([]byte("PLAIN"), []byte("AG"+strings.Repeat("d", n)))
		if len(s.User) > maxUser {
			t.Errorf("%d: a user of %d bytes", n, len(s.User))
		}
	}
}

func FuzzSASL(f *testing.F) {
	f.Add([]byte("PLAIN"), []byte("AGFsaWNlAGh1bnRlcjI="))
	f.Add([]byte("LOGIN"), []byte("Ym9i"))
	f.Fuzz(func(t *testing.T, mechanism, line []byte) {
		var s SASL
		s.Begin(mechanism, line)
		s.Line(line)
		if len(s.User) > maxUser {
			t.Errorf("%d bytes", len(s.User))
		}
	})
}
