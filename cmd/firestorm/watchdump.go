//go:build linux

package main

import (
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
)

// stateDump writes the state of a watch: a line for each number, "state" first, so that a log can be searched for it.
type stateDump struct{ w io.Writer }

func (d *stateDump) line(format string, args ...any) {
	fmt.Fprintf(d.w, "firestorm: state: %s\n", printable(fmt.Sprintf(format, args...)))
}

// numbers writes the fields of a struct of counters that are not zero, each with its name.
func (d *stateDump) numbers(what string, v any) {
	var parts []string
	x := reflect.ValueOf(v)
	for i := range x.NumField() {
		f := x.Field(i)
		if !x.Type().Field(i).IsExported() || f.IsZero() {
			continue
		}
		switch f.Kind() {
		case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64, reflect.Array:
			name := spaced(x.Type().Field(i).Name)
			if t, ok := f.Interface().(packet.Time); ok {
				parts = append(parts, name+" "+t.Std().UTC().Format(time.RFC3339))
				continue
			}
			parts = append(parts, fmt.Sprintf("%s %v", name, f.Interface()))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	d.line("%s: %s", what, strings.Join(parts, ", "))
}

// spaced takes a name of Go apart: TombsEvicted is "tombs evicted".
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// write writes all: the last status, the counters of the engine (or why there are none), the outputs, the memory.
func (d *stateDump) write(s *sensor.Status, note string, k *sensor.Counts, err error, x *far, n *analysis) {
	if s != nil {
		d.line("now %s, newest packet %s, %d of %d rounds on their way%s", moment(s.Now), moment(s.Last), s.Behind, s.Rounds, note)
		for _, l := range s.Links {
			text := "up"
			if l.Blind != 0 {
				text = fmt.Sprintf("%s since %s", l.Why, moment(l.Blind))
			}
			d.line("interface %s: %s, %d packets, %d bytes, %d lost, %d turned away by the filter, came back %d times, newest packet %s", l.Name, text, l.Packets, l.Bytes, l.Lost, l.Filtered, l.Times, moment(l.Last))
			for i, r := range l.Rings {
				if len(l.Rings) > 1 {
					d.line("interface %s, ring %d: %d packets, %d lost", l.Name, i, r.Packets, r.Lost)
				}
			}
		}
		var parts []string
		for sev := finding.Critical; sev > 0; sev-- {
			parts = append(parts, fmt.Sprintf("%d %s", s.Findings[sev], sev))
		}
		d.line("findings: %s, %d muted", strings.Join(parts, ", "), s.Muted)
	}
	if err != nil {
		d.line("the engine does not answer: %v", err)
	} else {
		d.line("packets: %d, bytes %d, undecoded %d, lost by the kernel %d, by us %d, handed over to the shard of another ring %d", k.Packets, k.Bytes, k.Undecoded, k.Source.KernelLost, k.Source.OwnLost, k.HandedOver)
		for _, i := range k.NotUsed {
			d.line("not used: %d: %s", i.N, i.What)
		}
		d.numbers("connections", k.Flow)
		d.numbers("protocols", k.Protocols)
		d.numbers("streams", k.Streams)
		d.numbers("files", k.Files)
		if n.rules() != nil {
			d.line("rules: %s; thresholds kept %d back, mutes %d", n.rules().summary(), k.RulesHeld, k.RulesMuted)
			d.numbers("rules did", k.Rules)
		}
		d.numbers("finding engine", k.Engine)
		for _, f := range k.Forgotten {
			d.line("table without room: %+v", f)
		}
		for _, f := range k.Broken {
			d.line("detector switched off: %s", f)
		}
		d.line("events: %d", k.Events)
	}
	if x != nil {
		for _, c := range append(x.runner.Counts(), x.store.Counts()...) {
			d.line("output %s: %d written, %d dropped, %d failed, %d lost%s", c.Name, c.Written, c.Dropped, c.Failed, c.Health.Lost, afterColon(c.Health.Err))
		}
	}
	if n.eve != nil && n.eve.sink != nil {
		h := n.eve.sink.Health()
		d.line("output eve to %s: %d lines lost%s", n.eve.name, h.Lost, afterColon(h.Err))
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	d.line("memory: %s in use, %s from the system, collected %d times, %d goroutines", report.Size(m.HeapInuse), report.Size(m.Sys), m.NumGC, runtime.NumGoroutine())
	d.line("end")
}

func afterColon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

func moment(t packet.Time) string {
	if t == 0 {
		return "never"
	}
	return t.Std().UTC().Format(time.RFC3339)
}
