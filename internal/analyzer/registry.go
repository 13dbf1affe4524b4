package analyzer

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// coreKinds are the event kinds of package event that analyzers emit.
var coreKinds = map[string]event.Kind{"arp": event.KindARP, "ndp": event.KindNDP, "fileinfo": event.KindFile}

// CoreKind is the name of a kind of package event that analyzers emit; empty for others.
func CoreKind(k event.Kind) string {
	for name, c := range coreKinds {
		if c == k {
			return name
		}
	}
	return ""
}

// Registry is the list of protocols, checked. It is shared by all shards and never changes.
type Registry struct {
	defs    []Def
	options Options
	wanted  [256]bool
	on      []bool // by def: somebody wants its events
	serving map[Transport]*serving
	sizes   []int // by def: bytes of a reader, without what it keeps
}

// NewRegistry checks defs and numbers their event kinds in order. wanted says which kinds somebody wants, by name; nil
// wants all. An error is a mistake in the list: the program must not start.
func NewRegistry(defs []Def, wanted func(kind string) bool) (*Registry, error) {
	r := &Registry{defs: slices.Clone(defs), options: Options{kinds: map[string]event.Kind{}}}
	r.wanted[event.KindFile] = wanted == nil || wanted("fileinfo") // of whatever protocol
	next := int(event.FirstAnalyzerKind)
	for i := range r.defs {
		d := &r.defs[i]
		if err := r.check(i); err != nil {
			return nil, err
		}
		on := len(d.Kinds) == 0
		for _, name := range d.Kinds {
			k, ok := r.options.kinds[name]
			if !ok {
				if k, ok = coreKinds[name]; !ok {
					if next > 255 {
						return nil, fmt.Errorf("analyzer %s: too many event kinds, at most %d fit", d.Name, 256-int(event.FirstAnalyzerKind))
					}
					k = event.Kind(next)
					next++
				}
				r.options.kinds[name] = k
			}
			if wanted == nil || wanted(name) || slices.Contains(d.Names, name) {
				r.wanted[k], on = true, true
			}
		}
		r.on = append(r.on, on)
	}
	for i := range r.defs {
		size, err := r.try(&r.defs[i])
		if err != nil {
			return nil, err
		}
		r.sizes = append(r.sizes, size)
	}
	if err := r.serve(); err != nil {
		return nil, err
	}
	return r, nil
}

// Wanted reports whether somebody wants events of kind k.
func (r *Registry) Wanted(k event.Kind) bool { return r.wanted[k] }

// weight is how many bytes a reader of def takes.
func (r *Registry) weight(def int, reader any) int {
	if h, ok := reader.(Holder); ok {
		return r.sizes[def] + h.Held()
	}
	return r.sizes[def]
}

// Kind returns the number of an event kind by name; 0 if no analyzer emits it.
func (r *Registry) Kind(name string) event.Kind { return r.options.kinds[name] }

// Set gives protocols a number by its name, such as "http.request-body-limit" in bytes, before any dispatcher is made.
func (r *Registry) Set(name string, v int64) {
	if r.options.settings == nil {
		r.options.settings = map[string]int64{}
	}
	r.options.settings[name] = v
}

func (r *Registry) check(i int) error {
	d := &r.defs[i]
	if d.Name == "" {
		return fmt.Errorf("analyzer number %d of the list has no name", i+1)
	}
	for _, e := range r.defs[:i] {
		if e.Name == d.Name {
			return fmt.Errorf("analyzer %s is in the list twice", d.Name)
		}
	}
	if len(d.Over) == 0 {
		return fmt.Errorf("analyzer %s runs over nothing: set Over", d.Name)
	}
	var streams, messages, probes bool
	for _, t := range d.Over {
		if t.layer == 0 {
			return fmt.Errorf("analyzer %s: a Transport in Over is empty", d.Name)
		}
		streams = streams || t == TCP
		messages = messages || t != TCP
		probes = probes || t == TCP || t == UDP
	}
	if streams != (d.Stream != nil) || messages != (d.Message != nil) {
		return fmt.Errorf("analyzer %s over %v: TCP needs Stream, all else needs Message, and neither without", d.Name, d.Over)
	}
	if probes != (d.Probe != nil) {
		return fmt.Errorf("analyzer %s over %v: TCP and UDP need Probe, others have none", d.Name, d.Over)
	}
	return nil
}

// try makes each analyzer once, so that a bad option fails the start and not a packet, and returns the size of the larger.
func (r *Registry) try(d *Def) (size int, err error) {
	if d.Stream != nil {
		a, err := d.Stream(r.options)
		if err != nil {
			return 0, fmt.Errorf("analyzer %s: %w", d.Name, err)
		}
		size = sizeOf(a)
	}
	if d.Message != nil {
		a, err := d.Message(r.options)
		if err != nil {
			return 0, fmt.Errorf("analyzer %s: %w", d.Name, err)
		}
		size = max(size, sizeOf(a))
	}
	return size, nil
}

// sizeOf is the size of what a points to.
func sizeOf(a any) int {
	t := reflect.TypeOf(a)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return int(t.Size())
}

// serving are the wanted protocols over one transport. Sets of them are a bit for each, by their place in defs.
type serving struct {
	defs   []int                             // in order of the list
	probes []func(packet.Dir, []byte) Answer // of defs
	series []*Series                         // of defs, those that have one
	all    uint64                            // all of them
	ports  map[uint16]uint64                 // which of them name a port
	any    [1 << 16 / 64]uint64              // ports that one of them names: a bit for each, most are none
	// may are those that the first byte of a direction does not rule out.
	may [2][256]uint64
}

// serve fills r.serving: twenty protocols are not gone through for each new flow (2026-11-28).
func (r *Registry) serve() error {
	r.serving = map[Transport]*serving{}
	for _, t := range []Transport{TCP, UDP} {
		v := &serving{ports: map[uint16]uint64{}}
		for i := range r.defs {
			if !r.on[i] || !slices.Contains(r.defs[i].Over, t) {
				continue
			}
			if len(v.defs) == 64 {
				return fmt.Errorf("analyzer %s: too many protocols over %v, at most 64 fit", r.defs[i].Name, t)
			}
			bit := uint64(1) << len(v.defs)
			for _, port := range r.defs[i].Ports {
				v.ports[port] |= bit
				v.any[port>>6] |= 1 << (port & 63)
			}
			v.defs, v.probes = append(v.defs, i), append(v.probes, r.defs[i].Probe)
			if y := r.defs[i].Series; y != nil {
				v.series = append(v.series, y)
			}
			v.all |= bit
			for d := range v.may {
				for b := range v.may[d] {
					if r.defs[i].mayBegin(packet.Dir(d), byte(b)) {
						v.may[d][b] |= bit
					}
				}
			}
		}
		r.serving[t] = v
	}
	return nil
}

// mayBegin reports whether what travels dir may be of the protocol if its first byte is b. Of a stream the probe's No to one
// byte is final; a datagram may be too short with one. What runs over both takes datagrams in a stream for its own as well.
func (d *Def) mayBegin(dir packet.Dir, b byte) (may bool) {
	if len(d.Over) != 1 || d.Over[0] != TCP {
		return true
	}
	defer func() {
		if recover() != nil { // it is asked when its turn is, and told then
			may = true
		}
	}()
	return d.Probe(dir, []byte{b}) != No
}

// named are those that name one of the ports: they are asked first.
func (v *serving) named(a, b uint16) uint64 {
	if (v.any[a>>6]>>(a&63)|v.any[b>>6]>>(b&63))&1 == 0 {
		return 0
	}
	return v.ports[a] | v.ports[b]
}

// followed reports whether one of them may know a flow with one of the ports by its series.
func (v *serving) followed(a, b uint16) bool {
	for _, y := range v.series {
		if slices.Contains(y.Ports, a) || slices.Contains(y.Ports, b) {
			return true
		}
	}
	return false
}

// first returns the place of the first of set in the order in which they are asked, -1 if there is none.
func first(set, named uint64) int {
	if m := set & named; m != 0 {
		return bits.TrailingZeros64(m)
	}
	if set != 0 {
		return bits.TrailingZeros64(set)
	}
	return -1
}

// app returns the word of EVE for a protocol.
func (r *Registry) app(def int) string {
	if a := r.defs[def].App; a != "" {
		return a
	}
	return r.defs[def].Name
}

// find returns the protocol of that name over t; -1 if there is none or nobody wants it.
func (r *Registry) find(name string, t Transport) int {
	for i := range r.defs {
		if r.defs[i].Name == name && r.on[i] && slices.Contains(r.defs[i].Over, t) {
			return i
		}
	}
	return -1
}
