package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestToldNames: what counts as told stands in the source of a reader; a name stands in one list of one protocol only.
func TestToldNames(t *testing.T) {
	for proto, o := range oddities {
		seen := map[string]bool{}
		for _, name := range strings.Fields(o.told + " " + o.silent) {
			if seen[name] {
				t.Errorf("%s.%s is there twice", proto, name)
			}
			seen[name] = true
		}
		if o.told == "" {
			continue
		}
		var source strings.Builder // of no protocol at all: what tells protocols apart stands above their folders
		for _, dir := range []string{"../analyzer/" + o.kind, "../mime", map[string]string{"http2": "../analyzer/http"}[o.kind]} {
			if dir == "" {
				continue
			}
			files, err := filepath.Glob(dir + "/*.go")
			if err != nil || len(files) == 0 {
				t.Fatal(dir, err)
			}
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(f, "_test.go") {
					source.Write(b)
				}
			}
		}
		for _, name := range strings.Fields(o.told) {
			told := false
			for _, side := range []string{"request", "response"} { // readers write "in_" + side, side + "_x", or "x_" + side + "_y"
				for _, form := range []string{`"` + name + `"`, `"` + strings.TrimSuffix(name, side) + `"`, `"` + strings.TrimPrefix(name, side) + `"`} {
					told = told || strings.Contains(source.String(), form)
				}
				if before, after, ok := strings.Cut(name, side); ok {
					told = told || strings.Contains(source.String(), `"`+before+`"`) && strings.Contains(source.String(), `"`+after+`"`)
				}
			}
			if !told {
				t.Errorf("nobody tells %s.%s", proto, name)
			}
		}
	}
}

// TestSilentNames: a rule about what Suricata knows and nothing here tells loads, is said to run approximately, and costs no
// packet anything; other spellings and protocols are the same; what nobody knows is refused.
func TestSilentNames(t *testing.T) {
	set := load(t, `alert http any any -> any any (app-layer-event:http.unknown_error; sid:1;)`, `alert http any any -> any any (app-layer-event:HTTP.Unknown_Error; http.uri; content:"/"; sid:2;)`,
		`alert ip any any -> any any (app-layer-event:applayer_unexpected_protocol; sid:3;)`, `alert ip any any -> any any (app-layer-event:file.Z_DATA_ERROR; sid:4;)`,
		`alert tls any any -> any any (app-layer-event:tls.heartbeat_message; sid:5;)`, `alert ikev2 any any -> any any (app-layer-event:ikev2.weak_crypto_dh; sid:6;)`,
		`alert dns any any -> any any (app-layer-event:dns.not_request; sid:7;)`)
	if set.Len() != 7 {
		t.Errorf("%d rules run", set.Len())
	}
	var sids []uint32
	for _, p := range set.Approximate() {
		sids = append(sids, p.SID)
		if !strings.HasPrefix(p.Reason, "never fires: nothing here tells ") {
			t.Error(p)
		}
	}
	if !slices.Equal(sids, []uint32{1, 2, 3, 4}) {
		t.Errorf("approximate: %v", sids)
	}
	for _, g := range set.sigs {
		if g.never != (g.info.SID <= 4) || g.never && g.proto != (protocols{}) {
			t.Errorf("sid %d: never %v, protocols %x", g.info.SID, g.never, g.proto)
		}
	}
	for _, name := range []string{"http.no_such_thing", "unknown_error", "tls.", "gopher.malformed_data", "ike.heartbeat_message"} {
		if _, bad := tryLoad(t, "alert ip any any -> any any (app-layer-event:"+name+"; sid:1;)"); len(bad) != 1 || !strings.Contains(bad[0].Reason, "nobody tells") {
			t.Errorf("%s: %v", name, bad)
		}
	}
}
