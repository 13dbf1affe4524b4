package finding

import (
	"cmp"
	"encoding/gob"
	"errors"
	"io"
	"reflect"
	"slices"
	"sort"
	"time"

	"firestorm/internal/packet"
)

// What the engine keeps over a restart: what was told, so that it goes on under its name and is not told as something new; what
// was held, as it would have been told when it was written down, so that it is told by the next run where this one does not live
// to do so; and the tokens of rates.

// Told is a finding that an earlier run told.
type Told struct {
	Code, Key       string
	ID              string
	Revision, Count int // revision 0: it was held when the run ended
	Severity        Severity
	Confidence      Confidence
	First           packet.Ref // of an earlier run: packet.Earlier
	Last            packet.Time
	Limited         bool // a rate held it back

	draft *Finding // to be told by this run; nil: it was told
}

// Earlier is how an earlier run told a finding last.
type Earlier struct {
	Revision, Count int
	Severity        Severity
	Confidence      Confidence
}

const (
	// mostTold bounds the findings that are remembered as told, the newest.
	mostTold = 8192
	// mostDrafts bounds the held findings that are written down, the newest.
	mostDrafts = 512
	// tellAgain is for how long after its release a finding is written down whole: who keeps findings may not have done so.
	tellAgain = 10 * time.Second
	// latest is how long a held finding of an earlier run waits at most, should the clock have been set meanwhile.
	latest = 10 * time.Minute
)

// before is what the engine knows of earlier runs.
type before struct {
	prior  map[groupKey]*Told
	drafts []*held // not told yet
}

// held is a finding that an earlier run did not come to tell, or may not have.
type held struct {
	key groupKey
	due packet.Time
}

// keptEngine is the engine's memory as it is written.
type keptEngine struct {
	Told    []Told
	Drafts  []keptDraft
	Buckets []keptBucket
}

type keptDraft struct {
	Code, Key string
	Due       packet.Time
	Finding   *Finding // without its Code
}

type keptBucket struct {
	Code       string
	A, B       packet.Addr
	Gone       uint64
	From, Full packet.Time
	Held       int
}

// Save writes what is to outlive the run: detect.Keeper.
func (e *Engine) Save(w io.Writer) error {
	var k keptEngine
	e.composeHeld()
	for _, g := range e.list {
		switch f := g.finding; {
		case f != nil:
			if e.now.Sub(g.released) < tellAgain {
				k.Drafts = append(k.Drafts, keptDraft{g.Code.ID, g.Key, g.released, withoutCode(f)})
			}
			k.Told = append(k.Told, Told{Code: g.Code.ID, Key: g.Key, ID: f.ID, Revision: f.Revision, Count: f.Count, Severity: f.Severity, Confidence: f.Confidence,
				First: f.First, Last: f.Last.Time, Limited: f.Limited})
		case g.draft != nil:
			k.Drafts = append(k.Drafts, keptDraft{g.Code.ID, g.Key, g.decideAt, withoutCode(g.draft)})
		case g.restored && g.prior != nil && g.prior.draft != nil: // there was no time to tell it
			k.Drafts = append(k.Drafts, keptDraft{g.Code.ID, g.Key, e.now, withoutCode(g.prior.draft)})
		}
	}
	for _, d := range e.drafts {
		if p := e.prior[d.key]; p != nil && p.draft != nil {
			k.Drafts = append(k.Drafts, keptDraft{d.key.code, d.key.key, d.due, withoutCode(p.draft)})
		}
	}
	for key, p := range e.prior {
		if p.draft == nil {
			t := *p
			t.Code, t.Key = key.code, key.key
			k.Told = append(k.Told, t)
		}
	}
	sort.Slice(k.Told, func(i, j int) bool {
		a, b := &k.Told[i], &k.Told[j]
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Key, b.Key)) < 0
	})
	k.Told = k.Told[:min(len(k.Told), mostTold)]
	if e.bucket != nil {
		for key, c := range e.bucket.of {
			k.Buckets = append(k.Buckets, keptBucket{key.code, key.a, key.b, c.gone, c.from, c.full, c.held})
		}
		sort.Slice(k.Buckets, func(i, j int) bool {
			a, b := &k.Buckets[i], &k.Buckets[j]
			return cmp.Or(cmp.Compare(a.Code, b.Code), a.A.Compare(b.A), a.B.Compare(b.B)) < 0
		})
	}
	return gob.NewEncoder(w).Encode(&k)
}

func withoutCode(f *Finding) *Finding {
	c := *f
	c.Code = nil
	return &c
}

// composeHeld composes what is held as it would be told now, where that changed. What a told or a held finding explains is left
// out.
func (e *Engine) composeHeld() {
	var open []*group
	for _, g := range e.list {
		if g.dirty && g.finding == nil {
			open = append(open, g)
		}
	}
	if len(open) == 0 {
		return
	}
	if len(open) > mostDrafts {
		slices.SortStableFunc(open, func(a, b *group) int { return cmp.Compare(b.Last.Time, a.Last.Time) })
		for _, g := range open[mostDrafts:] {
			g.draft, g.drafted = nil, 0
		}
		open = open[:mostDrafts]
	}
	byCode := map[*Code][]*group{}
	for _, g := range open {
		byCode[g.Code] = append(byCode[g.Code], g)
	}
	ab := e.newAbsorber()
	for _, c := range e.order {
		for _, g := range byCode[c] {
			if g.drafted != g.Count || g.draft == nil {
				g.draft, g.drafted = e.draftOf(g), g.Count
			}
			if g.draft == nil || ab.all(g, g.draft.Confidence) {
				g.draft = nil
				continue
			}
			g.finding = g.draft // for the absorber, until all are composed
			ab.add(g)
		}
	}
	for _, g := range open {
		g.finding = nil
	}
}

// all reports that each instance of g is explained by another finding.
func (ab *absorber) all(g *group, conf Confidence) bool {
	for i := range g.briefs {
		if b := &g.briefs[i]; !b.absorbed && ab.find(g, b, conf) == nil {
			return false
		}
	}
	return len(g.briefs) > 0
}

// draftOf composes a group as it would be told if the input ended now; nil: it would not be.
func (e *Engine) draftOf(g *group) *Finding {
	g.sortKept()
	view, any := g.remaining()
	if !any {
		return nil
	}
	view.Decided, view.AtEnd = e.now, true
	f, err := e.build(view)
	if f == nil || err != nil {
		return nil
	}
	if p := g.prior; p != nil {
		f.ID, f.Revision = p.ID, p.Revision+1
		p.addTo(f)
	}
	return f
}

// addTo adds what an earlier run told to a finding that goes on.
func (p *Told) addTo(f *Finding) {
	if p == nil {
		return
	}
	f.Count += p.Count
	if p.First.Time < f.First.Time {
		f.First = p.First
	}
	if p.Revision > 0 {
		f.Earlier = &Earlier{p.Revision, p.Count, p.Severity, p.Confidence}
	}
}

// resume lets a group go on with what an earlier run told of it.
func (e *Engine) resume(k groupKey, g *group) {
	p := e.prior[k]
	if p == nil {
		return
	}
	delete(e.prior, k)
	g.prior = p
	g.told = p.Revision > 0 && !p.Limited
}

var errKept = errors.New("it is no memory of findings")

// Load reads what Save wrote, before the first instance: detect.Keeper. Codes that this program does not know are left out.
func (e *Engine) Load(r io.Reader) error {
	var k keptEngine
	if err := gob.NewDecoder(r).Decode(&k); err != nil {
		return err
	}
	for i := range k.Drafts {
		f := k.Drafts[i].Finding
		if f == nil || f.Severity < Info || f.Severity > Critical || f.Confidence < CannotTell || f.Confidence > Certain {
			return errKept
		}
		for _, g := range f.Gates {
			if g.Gate >= NumGates || g.Caps < CannotTell || g.Caps > Certain {
				return errKept
			}
		}
	}
	e.Remember(k.Told)
	if e.prior == nil {
		e.prior = map[groupKey]*Told{}
	}
	for _, d := range k.Drafts[:min(len(k.Drafts), 2*mostDrafts)] {
		c := e.codes[d.Code]
		key := groupKey{d.Code, d.Key}
		if c == nil {
			continue
		}
		f := d.Finding
		earlier(reflect.ValueOf(f))
		f.Code, f.Flows = c, nil
		e.prior[key] = &Told{Code: d.Code, Key: d.Key, ID: f.ID, Revision: f.Revision - 1, Count: f.Count, Severity: f.Severity, Confidence: f.Confidence, First: f.First, Last: f.Last.Time, draft: f}
		e.drafts = append(e.drafts, &held{key, d.Due})
	}
	if e.bucket != nil {
		for _, c := range k.Buckets[:min(len(k.Buckets), MaxBuckets)] {
			e.bucket.of[bucketKey{c.Code, c.A, c.B}] = &bucket{c.Gone, c.From, c.Held, c.Full}
		}
	}
	return nil
}

// Remember takes findings that earlier runs told. Of one that is known already, the newer revision stands.
func (e *Engine) Remember(told []Told) {
	for _, t := range told {
		if e.codes[t.Code] == nil || t.ID == "" {
			continue
		}
		k := groupKey{t.Code, t.Key}
		if e.prior == nil {
			e.prior = map[groupKey]*Told{}
		}
		if p := e.prior[k]; p != nil && (p.Revision >= t.Revision || p.draft != nil && p.draft.Revision > t.Revision) || p == nil && len(e.prior) >= mostTold+2*mostDrafts {
			continue
		}
		t.draft = nil
		if !t.First.IsZero() {
			t.First.Source = packet.Earlier
		}
		e.prior[k] = &t
	}
}

// dueDrafts makes groups of what earlier runs held, once its time has come and nothing more was reported of it; all: at the end,
// which tells what is held whatever its time.
func (e *Engine) dueDrafts(all bool) (due []*group) {
	if len(e.drafts) == 0 {
		return nil
	}
	e.drafts = slices.DeleteFunc(e.drafts, func(d *held) bool {
		p := e.prior[d.key]
		if p == nil || p.draft == nil {
			return true // it goes on, or is known to have been told
		}
		if wait := d.due.Sub(e.now); !all && wait > 0 && wait < latest || len(e.list) >= e.o.MaxGroups {
			return false
		}
		delete(e.prior, d.key)
		f := p.draft
		g := &group{Group: Group{Code: f.Code, Key: d.key.key, First: f.First, Last: f.Last}, prior: p, restored: true}
		e.groups[d.key] = g
		e.list = append(e.list, g)
		due = append(due, g)
		return true
	})
	return due
}

// decideDraft tells a finding that an earlier run held.
func (e *Engine) decideDraft(g *group, ab *absorber) *Finding {
	f := g.prior.draft
	if g.finding != nil || f == nil {
		return nil
	}
	g.done, g.dirty = true, false
	f.MutedBy, f.Limited = "", false
	if why, ok := e.o.Mutes.match(f, e.now, true); ok {
		f.MutedBy = why
		e.Counts.Muted++
	}
	g.finding, g.released = f, e.now
	g.prior.Revision, g.prior.draft = f.Revision, nil
	return f
}

var refType = reflect.TypeFor[packet.Ref]()

// earlier says of every frame that v leads to that an earlier run saw it.
func earlier(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			earlier(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == refType {
			if r := v.Addr().Interface().(*packet.Ref); !r.IsZero() {
				r.Source = packet.Earlier
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				earlier(v.Field(i))
			}
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.Pointer {
			return
		}
		for i := range v.Len() {
			earlier(v.Index(i))
		}
	}
}
