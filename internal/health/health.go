// Package health is the status file by which a running watch says how it does: written by the watch, read by whoever wants to
// know whether the sensor sees anything (the console, top, a monitor). Health is never assumed: what is missing, old or
// unreadable is judged as such.
package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Version is the form that this program writes.
const Version = 1

// MaxSize bounds the file, in bytes: a longer one is none of ours.
const MaxSize = 1 << 20

// mostTroubles bounds how many troubles are told in words.
const mostTroubles = 8

// MaxTalkers bounds the hosts that are named as the busiest.
const MaxTalkers = 8

// File is what stands in the file. Counters are since the watch began. Times are of the sensor's clock, whole seconds.
type File struct {
	Version    int               `json:"version"`
	Time       time.Time         `json:"time"`
	Began      time.Time         `json:"began,omitzero"` // the first packet
	Ended      bool              `json:"ended,omitempty"`
	Every      int               `json:"every,omitempty"` // seconds until the file is written again; 0: not known
	Program    string            `json:"program,omitempty"`
	Healthy    bool              `json:"healthy"` // it runs, every interface is up, and nothing was lost
	Packets    uint64            `json:"packets"`
	Bytes      uint64            `json:"bytes"`
	Lost       uint64            `json:"lost"`                  // dropped by the kernel
	HandedOver uint64            `json:"handed_over,omitempty"` // came through the ring of another shard; they are used
	Undecoded  uint64            `json:"undecoded"`
	NotUsed    map[string]uint64 `json:"not_used,omitempty"` // packets by reason
	Behind     int               `json:"rounds_behind"`
	Rounds     int               `json:"rounds,omitempty"`   // that many behind: nothing is read
	Findings   map[string]uint64 `json:"findings,omitempty"` // by severity
	Muted      uint64            `json:"muted"`
	Interfaces []Interface       `json:"interfaces"`
	Rate       *Rate             `json:"rate,omitempty"`
	Talkers    []Talker          `json:"talkers,omitempty"` // the busiest first, at most MaxTalkers
	Rules      *Rules            `json:"rules,omitempty"`
	OneSided   []Sides           `json:"one_sided,omitempty"` // by place of capture, the first few
	Troubles   []Trouble         `json:"troubles,omitempty"`
	NotRead    Unread            `json:"data_not_read"`         // encrypted, of no known protocol, or past the depth
	Conntrack  *Conntrack        `json:"conntrack,omitempty"`   // nil: nobody listens to it
	ClockJumps *uint64           `json:"clock_jumps,omitempty"` // steps of the clock, by a second or more, between packets
	PID        int               `json:"pid,omitempty"`
	MaxMemory  int64             `json:"max_memory,omitempty"` // bytes
	Ring       int64             `json:"ring,omitempty"`       // bytes, of each interface
	Sandbox    string            `json:"sandbox,omitempty"`    // what confines it; off… nothing does
}

// Unread is data of TCP connections whose headers alone were followed.
type Unread struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Conntrack is how many events the kernel's connection tracker told.
type Conntrack struct {
	Events uint64 `json:"events"`
	Lost   uint64 `json:"lost"` // or more
}

// Trouble is what keeps the sensor from seeing or keeping all that it should.
type Trouble struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Sides is how many of the TCP connections that ended at a place of capture showed one direction only.
type Sides struct {
	Place    string `json:"place"`
	TCP      uint64 `json:"tcp"` // that could show both directions
	OneSided uint64 `json:"one_sided"`
}

// Interface is one place of capture.
type Interface struct {
	Name       string    `json:"name"`
	Packets    uint64    `json:"packets"`
	Lost       uint64    `json:"lost"`
	Last       time.Time `json:"last,omitzero"`        // of the newest packet
	BlindSince time.Time `json:"blind_since,omitzero"` // zero: it is up
	Why        string    `json:"why,omitempty"`
	Rings      []RingOf  `json:"rings,omitempty"` // where it has several: Packets and Lost are their sums
}

// RingOf is one of the rings of an interface.
type RingOf struct {
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"`
}

// Rate is what came in the last Seconds, for each second.
type Rate struct {
	Seconds float64 `json:"seconds"`
	Packets float64 `json:"packets"`
	Bytes   float64 `json:"bytes"`
	Lost    float64 `json:"lost"`
}

// Talker is a host that sends or gets much. Its rate is an estimate over about ten seconds: of hosts that send little one
// in a crowd may be missed.
type Talker struct {
	Address string  `json:"address"`
	Bytes   float64 `json:"bytes"` // a second, both ways
}

// Rules says which rules run.
type Rules struct {
	Active  int       `json:"active"`
	Refused int       `json:"refused,omitempty"`
	Newest  time.Time `json:"newest,omitzero"` // when the newest of their files was changed
	Loaded  time.Time `json:"loaded,omitzero"` // when they were read
}

// Write replaces the file at once: who reads it sees all of one moment.
func Write(name string, f *File) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".status-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(b, '\n'))
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// Read reads the file. Errors: *fs.PathError where it cannot be read, others where it is not of this form.
func Read(name string) (*File, error) {
	fd, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer fd.Close()
	if st, err := fd.Stat(); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	b, err := io.ReadAll(io.LimitReader(fd, MaxSize+1))
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// Parse reads what Write wrote.
func Parse(b []byte) (*File, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxSize)
	}
	f := &File{}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("it is not the status of a watch: %w", err)
	}
	if f.Version != Version || f.Time.IsZero() {
		return nil, fmt.Errorf("it is not the status of a watch, or that of another version (%d)", f.Version)
	}
	if len(f.Talkers) > MaxTalkers {
		f.Talkers = f.Talkers[:MaxTalkers]
	}
	return f, nil
}

// Mood is a judgement in one word; greater is worse.
type Mood uint8

// Moods.
const (
	Well    Mood = iota // it sees everything
	Uneasy              // it sees, but missed something or falls behind
	Blind               // an interface shows nothing, or packets are being lost right now
	Unknown             // nobody says how it does: no file, an old one, or the watch has ended
)

var moodNames = [...]string{"well", "uneasy", "blind", "unknown"}

// String returns the word.
func (m Mood) String() string {
	if int(m) < len(moodNames) {
		return moodNames[m]
	}
	return "unknown"
}

// Judgement says how the sensor does, for a person.
type Judgement struct {
	Mood Mood
	Word string   // "watching", "blind", "not known", …
	Text []string // whole sentences, the worst first; may hold names of interfaces, as they are
	File *File    // nil: there is none that can be read
	Age  time.Duration
}

// Unnamed is the error of a status that nobody named.
var Unnamed = errors.New("no status file was named")

// Look reads the file and judges it at the time now. An empty name is judged as Unnamed.
func Look(name string, now time.Time) Judgement {
	if name == "" {
		return Judge(nil, Unnamed, now)
	}
	f, err := Read(name)
	return Judge(f, err, now)
}

// patience is how old a status may be: it is written every so often, and a busy disk may take its time.
func patience(f *File) time.Duration {
	every := time.Duration(min(max(f.Every, 0), 3600)) * time.Second
	if every == 0 {
		every = time.Minute // the most that may be set
	}
	return 2*every + 5*time.Second
}

// Judge judges what Read returned.
func Judge(f *File, err error, now time.Time) Judgement {
	unknown := func(word string, text ...string) Judgement {
		return Judgement{Mood: Unknown, Word: word, Text: text, File: f}
	}
	switch {
	case errors.Is(err, Unnamed):
		return unknown("not known", "No status file was named, so nothing says whether a sensor runs.")
	case errors.Is(err, fs.ErrNotExist):
		return unknown("no sensor", "There is no status file: no watch was started with it, or it could not write it.")
	case err != nil:
		why := err
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			why = p.Err
		}
		return unknown("not known", "The status file cannot be read: "+why.Error()+".")
	case f == nil:
		return unknown("not known", "Nothing says how the sensor does.")
	}
	age := now.Sub(f.Time)
	at := f.Time.UTC().Format("2006-01-02 15:04:05 UTC")
	j := Judgement{File: f, Age: age}
	switch {
	case f.Ended:
		j.Mood, j.Word, j.Text = Unknown, "ended", []string{"The watch ended at " + at + ": nothing is looked at since."}
		return j
	case age > patience(f):
		j.Mood, j.Word, j.Text = Unknown, "silent", []string{"The last word of the sensor is " + Span(age) + " old, of " + at + ": it hangs, was killed, or cannot write its status."}
		return j
	case age < -patience(f):
		j.Mood, j.Word, j.Text = Unknown, "not known", []string{"The last word of the sensor is of " + at + ", which lies ahead: a clock was set."}
		return j
	}
	worse := func(m Mood, word, text string) {
		if m > j.Mood {
			j.Mood, j.Word = m, word
		}
		j.Text = append(j.Text, text)
	}
	j.Word = "watching"
	for i := range f.Interfaces {
		if l := &f.Interfaces[i]; !l.BlindSince.IsZero() {
			why := l.Why
			if why == "" {
				why = "down"
			}
			worse(Blind, "blind", fmt.Sprintf("Blind on %s since %s: the interface is %s.", l.Name, l.BlindSince.UTC().Format("2006-01-02 15:04:05 UTC"), why))
		}
	}
	if len(f.Interfaces) == 0 {
		worse(Blind, "blind", "It watches no interface.")
	}
	switch {
	case f.Rate != nil && f.Rate.Lost > 0:
		worse(Blind, "losing packets", fmt.Sprintf("The kernel drops %s packets a second: what is in them is not seen.", Rounded(f.Rate.Lost)))
	case f.Lost > 0:
		worse(Uneasy, "watching, with losses", fmt.Sprintf("The kernel dropped %d of %d packets since the watch began; none just now.", f.Lost, f.Packets+f.Lost))
	}
	if f.Rounds > 0 && f.Behind >= f.Rounds {
		worse(Uneasy, "falling behind", "It cannot keep up: packets wait, and will be dropped if this lasts.")
	}
	for i, t := range f.Troubles {
		if i == mostTroubles {
			worse(Uneasy, "in trouble", fmt.Sprintf("And %d more.", len(f.Troubles)-i))
			break
		}
		worse(Uneasy, t.What, "Trouble, "+t.What+": "+t.Why+".")
	}
	if f.Packets >= 1000 && f.Undecoded > f.Packets/20 {
		worse(Uneasy, "half blind", fmt.Sprintf("%d of %d packets could not be read.", f.Undecoded, f.Packets))
	}
	if f.Packets == 0 {
		worse(Uneasy, "watching, nothing seen", "No packet came yet: is this the right interface?")
	}
	if j.Mood == Well {
		j.Text = []string{"Every interface is up, and nothing was lost."}
	}
	if !f.Healthy && j.Mood == Well {
		worse(Uneasy, "not healthy", "The sensor itself says that it is not healthy.")
		j.Text = j.Text[1:]
	}
	return j
}

// Line is the judgement in one line.
func (j *Judgement) Line() string { return j.Word + ": " + strings.Join(j.Text, " ") }

// Span writes a time that passed in its largest unit.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Rounded writes a number with what matters of it: 3 digits, with k, M, G.
func Rounded(x float64) string {
	unit := ""
	for _, u := range []string{"k", "M", "G", "T"} {
		if x < 999.5 {
			break
		}
		x, unit = x/1000, " "+u
	}
	switch {
	case x < 10 && x != float64(int(x)):
		return fmt.Sprintf("%.2g%s", x, unit)
	case x < 100 && unit != "":
		return fmt.Sprintf("%.3g%s", x, unit)
	}
	return fmt.Sprintf("%.0f%s", x, unit)
}
