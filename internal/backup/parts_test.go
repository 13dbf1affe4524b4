package backup

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeep(t *testing.T) {
	var all []Mark
	begin := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	for i := range 300 { // each twelve hours
		at := begin.Add(time.Duration(i) * 12 * time.Hour)
		all = append(all, Mark{Generation: name(at), Time: at})
	}
	drop := Keep{Last: 3, Daily: 7, Weekly: 4, Monthly: 6}.drop(all)
	gone := map[string]bool{}
	for _, n := range drop {
		gone[n] = true
	}
	var kept []string
	for _, m := range all {
		if !gone[m.Generation] {
			kept = append(kept, m.Time.Format("01-02T15"))
		}
	}
	want := "01-31T15 02-28T15 03-31T15 04-30T15 05-10T15 05-17T15 05-24T15 05-25T15 05-26T15 05-27T15 05-28T15 05-29T15 05-30T03 05-30T15"
	if got := strings.Join(kept, " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// The newest stays, also where the clock was set back before it was made.
	back := append(all[:len(all):len(all)], Mark{Generation: name(begin.AddDate(1, 0, 0)), Time: begin.AddDate(-1, 0, 0)})
	if d := (Keep{Last: 1}).drop(back); len(d) != 300 || d[len(d)-1] != all[299].Generation {
		t.Errorf("%d are dropped, the last of them %s", len(d), d[len(d)-1])
	}
	if d := (Keep{}).drop(all); len(d) != 299 || d[0] != all[0].Generation {
		t.Errorf("with nothing to keep, %d are dropped", len(d))
	}
}

func TestParseDest(t *testing.T) {
	for in, want := range map[string]string{
		"/a/b/": "/a/b", "host:x/": "host:x", "me@host:/srv/x": "me@host:/srv/x", "rsync://h/m/p/": "rsync://h/m/p", "h::m/p": "h::m/p", "/a:b": "/a:b",
	} {
		d, err := ParseDest(in, "")
		if err != nil || d.String() != want || (d.local() == "") != (want[0] != '/') {
			t.Errorf("%q: %q %v", in, d, err)
		}
	}
	for _, bad := range []string{"", "/", "-e sh", "rsync://h", "rsync:///m", "rsync://h/", "host:", "host::", "a\nb"} {
		if d, err := ParseDest(bad, ""); err == nil {
			t.Errorf("%q became %q", bad, d)
		}
	}
}

// Names go up, whatever the clock does.
func TestNames(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	c := &Catalogue{Good: []Mark{{Generation: name(now)}}, Begun: []string{name(now.Add(time.Hour))}}
	for _, t2 := range []time.Time{now, now.Add(-24 * time.Hour), now.Add(time.Hour)} {
		if got := name(c.after(t2)); got <= c.Begun[0][:len(nameTime)]+"-zzzzzz" {
			t.Errorf("%s after %s", got, c.Begun[0])
		}
	}
	if got := c.after(now.Add(2 * time.Hour)); !got.Equal(now.Add(2 * time.Hour)) {
		t.Error(got)
	}
}

func TestManifestRefuses(t *testing.T) {
	sum := strings.Repeat("0", 64)
	line := func(path, kind string) string {
		return `{"path":"` + path + `","type":"` + kind + `","mode":420,"mtime":0,"sha256":"` + sum + `"}` + "\n"
	}
	if m, err := ReadManifest(strings.NewReader(line("a/b", "file") + line(`c\\x80`, "dir"))); err != nil || len(m.Entries) != 2 || m.Entries[1].Path != "c\x80" {
		t.Errorf("%+v %v", m, err)
	}
	for _, bad := range []string{line("../a", "file"), line("/a", "file"), line("a/../../b", "file"), line("", "file"), line(".", "dir"), line("a", "pipe"), line("b", "file") + line("a", "file"), line("a", "file") + line("a", "file"),
		"x\n", `{"path":"a","type":"file"}` + "\n", line(`a\\q`, "file"), `{"path":"a","type":"dir","else":1}` + "\n"} {
		if m, err := ReadManifest(strings.NewReader(bad)); err == nil {
			t.Errorf("%s became %+v", bad, m)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"path":"a/b","type":"link","mode":511,"mtime":-1,"target":"\\xff"}`+"\n"), "a\\b\xff")
	f.Add([]byte("{}\n"), "")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		if back, err := unescape(escape(s)); err != nil || back != s {
			t.Fatalf("%q became %q: %v", s, back, err)
		}
		_, _ = ReadMark(b, "20260101T000000Z-000000")
		m, err := ReadManifest(bytes.NewReader(b))
		if err != nil {
			return
		}
		p := filepath.Join(dir, "m")
		_ = os.Remove(p)
		if _, err := m.write(p); err != nil {
			t.Fatal(err)
		}
		w, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		again, err := ReadManifest(w)
		if err != nil || len(again.Entries) != len(m.Entries) {
			t.Fatalf("what it wrote it does not read: %v", err)
		}
	})
}
