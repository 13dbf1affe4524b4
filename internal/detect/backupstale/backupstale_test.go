package backupstale

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const hour = packet.Time(time.Hour)

// start is when the watch of these tests begins.
var start = packet.Time(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC).UnixNano())

func watch(m *detect.Machine) (detect.Detector, *[]finding.Instance) {
	var got []finding.Instance
	s := detect.NewScope(nil, nil, nil, detect.Limits{}, func(i *finding.Instance) { got = append(got, *i) })
	s.Machine, s.Begin = m, start
	return Def.New(s), &got
}

// It is raised when the limit is passed, once more a day later, and no more once there is a new one.
func TestLife(t *testing.T) {
	m := &detect.Machine{}
	d, got := watch(m)
	d.Tick(start)
	m.SetBackup(detect.Backup{Generation: "g1", At: start, Destination: "/mnt/b", MaxAge: 26 * time.Hour, Again: "/mnt/b"})
	for at := start; at < start+26*hour; at += hour / 2 {
		d.Tick(at)
	}
	if len(*got) != 0 {
		t.Fatalf("a recent backup: %+v", *got)
	}
	for at := start + 26*hour + 1e9; at < start+51*hour; at += hour / 2 {
		d.Tick(at)
	}
	if len(*got) != 2 || (*got)[0].First.Time != start+26*hour || (*got)[1].First != (*got)[0].First {
		t.Fatalf("%+v", *got)
	}
	m.SetBackup(detect.Backup{Generation: "g2", At: start + 51*hour, Destination: "/mnt/b", MaxAge: 26 * time.Hour})
	d.Tick(start + 52*hour)
	if len(*got) != 2 {
		t.Errorf("%+v", *got)
	}
	d.Tick(start + 80*hour) // the next time is another finding
	if len(*got) != 3 || (*got)[2].Key == (*got)[1].Key {
		t.Errorf("%+v", *got)
	}
}

func TestWords(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		b    detect.Backup
		says string // empty: not stale
	}{
		{detect.Backup{MaxAge: day}, "never backed up"},
		{detect.Backup{Generation: "g", At: start - 23*hour, MaxAge: day}, ""},
		{detect.Backup{Generation: "g", At: start + hour/60, MaxAge: day}, ""},
		{detect.Backup{Generation: "g", At: start - 73*hour, MaxAge: day}, "3 days ago, wanted is every 24 hours"},
		{detect.Backup{Generation: "g", At: start + hour, MaxAge: day}, "to come"},
		{detect.Backup{Unreadable: "damaged", MaxAge: day}, "cannot be read"},
	} {
		c.b.Again, c.b.State = "/mnt/b", "/s"
		if got := IsStale(&c.b, start); got != (c.says != "") {
			t.Errorf("%+v: %v", c.b, got)
		}
		if c.says == "" {
			continue
		}
		b := finding.NewBuilder(&finding.Group{Code: Code, Count: 1})
		Compose(&c.b, start, b)
		f, err := b.Done()
		if err == nil && strings.Contains(f.Title+f.Why+f.Facts[0].Text+f.Facts[1].Text, "%!") {
			t.Errorf("%+v", f)
		}
		if err != nil || !strings.Contains(f.Title, c.says) || f.Remedy[0].Run[0].Line != "firestorm backup run /mnt/b" || f.Check != "firestorm backup status --max-age 24h --state /s" {
			t.Errorf("%+v: %v %+v", c.b, err, f)
		}
	}
}

// A file that is read knows no machine.
func TestOffline(t *testing.T) {
	d, got := watch(nil)
	d.Tick(start)
	d.Handle(nil)
	d.End(start)
	if len(*got) != 0 {
		t.Error("a finding from nothing")
	}
}
