package health

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)

func well() *File {
	return &File{Version: Version, Time: now.Add(-3 * time.Second), Every: 5, Healthy: true, Packets: 2000, Bytes: 1e6, Rounds: 8,
		Interfaces: []Interface{{Name: "eth0", Packets: 2000, Last: now}}, Rate: &Rate{Seconds: 5, Packets: 10}}
}

// Nothing but a fresh word of a sensor that sees everything is judged as well.
func TestJudge(t *testing.T) {
	if j := Judge(well(), nil, now); j.Mood != Well || j.Word != "watching" {
		t.Fatalf("%+v", j)
	}
	for name, c := range map[string]struct {
		change func(f *File)
		mood   Mood
		text   string
	}{
		"old":              {func(f *File) { f.Time = now.Add(-16 * time.Second) }, Unknown, "16 s old"},
		"very old":         {func(f *File) { f.Time = now.Add(-50 * time.Hour) }, Unknown, "2 days old"},
		"ahead":            {func(f *File) { f.Time = now.Add(time.Hour) }, Unknown, "ahead"},
		"ended":            {func(f *File) { f.Ended = true }, Unknown, "ended at 2026-11-29 08:59:57"},
		"blind":            {func(f *File) { f.Interfaces[0].BlindSince, f.Interfaces[0].Why = now, "gone" }, Blind, "Blind on eth0 since 2026-11-29 09:00:00 UTC: the interface is gone."},
		"none":             {func(f *File) { f.Interfaces = nil }, Blind, "no interface"},
		"losing":           {func(f *File) { f.Lost, f.Rate.Lost = 10, 2 }, Blind, "drops 2 packets a second"},
		"lost":             {func(f *File) { f.Lost = 10 }, Uneasy, "10 of 2010"},
		"behind":           {func(f *File) { f.Behind = 8 }, Uneasy, "keep up"},
		"undecoded":        {func(f *File) { f.Undecoded = 200 }, Uneasy, "200 of 2000"},
		"nothing":          {func(f *File) { f.Packets = 0 }, Uneasy, "No packet"},
		"trouble":          {func(f *File) { f.Troubles = []Trouble{{"clock was set", "by a day"}} }, Uneasy, "Trouble, clock was set: by a day."},
		"says so":          {func(f *File) { f.Healthy = false }, Uneasy, "itself"},
		"blind and behind": {func(f *File) { f.Behind, f.Interfaces[0].BlindSince = 8, now }, Blind, "is down"},
	} {
		f := well()
		c.change(f)
		j := Judge(f, nil, now)
		if j.Mood != c.mood || !strings.Contains(j.Line(), c.text) || strings.Contains(j.Line(), "nothing was lost") {
			t.Errorf("%s: %s, %s", name, j.Mood, j.Line())
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, make([]byte, MaxSize+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"": "No status file was named", filepath.Join(dir, "none"): "There is no status file", filepath.Join(dir, "bad"): "another version",
		long: "longer than", dir: "no regular file"} {
		if j := Look(name, now); j.Mood != Unknown || !strings.Contains(j.Line(), text) {
			t.Errorf("%q: %s, %s", name, j.Mood, j.Line())
		}
	}
}

func TestWriteRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "status.json")
	want := well()
	want.Talkers, want.Rules = []Talker{{"192.0.2.1", 5}}, &Rules{Active: 3, Newest: now}
	if err := Write(name, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(name)
	if err != nil || got.Talkers[0] != want.Talkers[0] || *got.Rules != *want.Rules || !reflect.DeepEqual(got.Interfaces[0], want.Interfaces[0]) || !got.Time.Equal(want.Time) {
		t.Errorf("%v, %+v", err, got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".status-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	b, _ := os.ReadFile(name)
	if !strings.Contains(string(b), `"time": "2026-11-29T08:59:57Z"`) || strings.Contains(string(b), "blind_since") {
		t.Errorf("%s", b)
	}
}

func TestRounded(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 2: "2", 2.34: "2.3", 12.3: "12", 999: "999", 1000: "1 k", 1234: "1.2 k", 45600: "45.6 k", 300000: "300 k", 2.5e6: "2.5 M"} {
		if got := Rounded(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"time":"2026-11-29T08:59:57Z","interfaces":[{"name":"a","blind_since":"2026-11-29T08:59:57Z"}],"rate":{"lost":1}}`))
	f.Add([]byte(`{"version":1,"time":"0001-01-01T00:00:01Z","every":-9223372036854775808}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := Parse(b); err == nil {
			if j := Judge(x, nil, now); j.Mood == Well && len(x.Interfaces) == 0 {
				t.Error("well without an interface")
			}
		}
	})
}
