package sensor

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/twin"
)

// joined carries the join of two captures through a run: it learns the ids of flows that are one connection, and tells
// findings what became of their packets at the other vantage. A nil *joined knows nothing.
type joined struct {
	join     *twin.Join
	t        *detect.Twins
	vantages []uint16 // by source
	names    []string
	starts   map[startKey]uint64 // flow ids by first packet, until the twin begins
}

type startKey struct {
	source uint16
	frame  uint64
}

func newJoined(o *Options) *joined {
	j := &joined{join: o.Join, vantages: o.Vantages, names: o.Names, starts: map[startKey]uint64{}}
	j.t = detect.NewTwins(o.Names, j.trace)
	return j
}

func (j *joined) twins() *detect.Twins {
	if j == nil {
		return nil
	}
	return j.t
}

func (j *joined) vantage(source uint16) int {
	if int(source) < len(j.vantages) {
		return int(j.vantages[source])
	}
	return int(source)
}

func (j *joined) trace(r packet.Ref) detect.Trace {
	v := j.vantage(r.Source)
	t := j.join.Trace(v, r)
	return detect.Trace{Known: t.Known, Seen: t.Seen, Ref: t.Ref, Vantage: uint16(1 - v&1), Changed: t.Changed, Removed: t.Removed}
}

// see pairs flows as they begin.
func (j *joined) see(e event.Event) {
	if j == nil {
		return
	}
	f, ok := e.(*event.Flow)
	if !ok || f.What != event.Started {
		return
	}
	v := j.vantage(f.Start.Source)
	other, ok := j.join.Partner(v, f.Start)
	if !ok {
		return
	}
	id := f.Head().FlowID
	if twin, known := j.starts[startKey{other.Source, other.Frame}]; known {
		delete(j.starts, startKey{other.Source, other.Frame})
		if v == j.join.Near() {
			j.t.Pair(id, twin)
		} else {
			j.t.Pair(twin, id)
		}
		return
	}
	j.starts[startKey{f.Start.Source, f.Start.Frame}] = id
}

// enrich adds to a finding where its evidence was seen at the other vantage, and where not.
func (j *joined) enrich(f *finding.Finding) {
	if j == nil {
		return
	}
	var died, passed []packet.Ref
	var diedFrom, passedFrom uint16 // the place of the first one; a finding may have frames of both
	changed := ""
	for _, p := range f.Evidence {
		t := j.trace(p.Ref)
		if !t.Known {
			continue
		}
		from := 1 - t.Vantage
		if !t.Seen {
			if len(died) == 0 {
				diedFrom = from
			}
			if from == diedFrom {
				died = append(died, p.Ref)
			}
			continue
		}
		if len(passed) == 0 {
			passedFrom = from
		}
		passed = append(passed, p.Ref)
		if changed == "" && len(t.Changed) > 0 {
			changed = "; on the way " + detect.List(t.Changed, 4)
		}
	}
	if len(died) > 0 {
		f.Facts = append(f.Facts, finding.Fact{Refs: died, Text: fmt.Sprintf("%s seen at %s and never at %s: what died, died between them",
			detect.Plural(len(died), "of these packets was", "of these packets were"), j.name(diedFrom), j.name(1-diedFrom))})
	}
	if len(passed) > 0 {
		f.Facts = append(f.Facts, finding.Fact{Refs: passed, Text: fmt.Sprintf("%s seen at both %s and %s%s",
			detect.Plural(len(passed), "of these packets was", "of these packets were"), j.name(passedFrom), j.name(1-passedFrom), changed)})
	}
}

func (j *joined) name(v uint16) string {
	if int(v) < len(j.names) {
		return j.names[v]
	}
	return fmt.Sprintf("vantage %d", v+1)
}
