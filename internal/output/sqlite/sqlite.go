//go:build linux

package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/store"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "sqlite", About: "findings in the store that `firestorm findings` reads", Blocking: true,
	Drops: "nothing while the disk takes it; when it does not, the newest 4096 findings wait, and what finds no room is counted",
	New:   func(s output.Setup) (output.Output, error) { return New(s) },
}

const (
	// mostWaiting bounds the findings that wait for the disk.
	mostWaiting = 4096
	// atOnce is how many are written in one change.
	atOnce = 256
	// tendEvery is how often a running store is looked after: what waits is tried again, mutes that somebody changed are
	// read, what mutes hid is counted.
	tendEvery = 2 * time.Second
	// pruneEvery is how often the bounds in bytes and days are kept.
	pruneEvery = time.Hour
	// countEvery is how often the counters of mutes are written, so that an idle sensor does not wake the disk.
	countEvery = time.Minute
)

// Output keeps findings. A goroutine of its own does what waits for the disk, so that Finding never does.
type Output struct {
	s    output.Setup
	opt  store.Options
	kick chan struct{}
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex // of what follows
	waiting []*store.Record
	status  Status
	tries   uint64 // changes that were tried
	tried   *sync.Cond

	told []finding.Told // what was in the store when it was opened

	db      *store.Store // of the goroutine alone, nil while it cannot be opened
	version int64        // of the mutes that were read
	hidden  map[int64]uint64
	days    []store.Day
	counted time.Time
	pruned  time.Time
}

// Status says how the store is.
type Status struct {
	Err     error     // why nothing is written; nil: it works
	Since   time.Time // of Err
	Waiting int       // findings that wait for the disk
	Lost    uint64    // findings that found no room among those that wait, or were larger than any may be
	Written uint64
	Notes   []string // what happened when it was opened
}

// New opens the store in s.Dir. Live, one that cannot be opened now is tried again, and the status says why; only a newer
// one and another program's are refused.
func New(s output.Setup) (*Output, error) {
	if s.Dir == "" {
		return nil, errors.New("sqlite: nothing says where the store is")
	}
	o := &Output{s: s, opt: store.Options{MaxBytes: s.MaxBytes, MaxDays: s.MaxDays}, kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), version: -1}
	o.tried = sync.NewCond(&o.mu)
	now := time.Now()
	o.counted = now
	if err := o.open(); err != nil {
		var newer *store.Newer
		if !s.Live || errors.As(err, &newer) || errors.Is(err, store.ErrForeign) {
			return nil, err
		}
		o.failed(err)
	}
	if o.db != nil && s.Live {
		var err error
		if o.told, err = o.db.Told(mostTold); err != nil {
			o.note("what was told before cannot be read: " + err.Error())
		}
	}
	go o.run()
	return o, nil
}

// mostTold bounds what Told tells: the findings that happened last.
const mostTold = 4096

// Told are the findings that the store held when it was opened, so that they go on under their names.
func (o *Output) Told() []finding.Told { return o.told }

// open opens the store, keeps its bounds and reads its mutes.
func (o *Output) open() error {
	db, err := store.Open(o.s.Dir, o.opt)
	if err != nil {
		return err
	}
	o.db, o.version = db, -1
	o.note(db.Notes()...)
	return o.readMutes()
}

// Event writes nothing.
func (o *Output) Event(event.Event) error { return nil }

// Finding takes a finding. It does not wait for the disk, and never fails: Status and Close tell what went wrong.
func (o *Output) Finding(f *finding.Finding) error {
	r := o.record(f)
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.waiting, func(x *store.Record) bool { return x.Finding.ID == f.ID && x.Finding.Code == f.Code })
	switch {
	case i >= 0:
		o.waiting[i] = r
	case len(o.waiting) >= mostWaiting && o.status.Err == nil && !o.s.Live:
		for len(o.waiting) >= mostWaiting && o.status.Err == nil { // a reader of files may wait
			o.tried.Wait()
		}
		o.waiting = append(o.waiting, r)
	case len(o.waiting) >= mostWaiting:
		o.waiting = append(slices.Delete(o.waiting, 0, 1), r)
		o.status.Lost++
	default:
		o.waiting = append(o.waiting, r)
	}
	o.wake()
	return nil
}

func (o *Output) wake() {
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

// record is a finding with what its words need.
func (o *Output) record(f *finding.Finding) *store.Record {
	c := *f
	r := &store.Record{Finding: &c, Now: f.Last.Time}
	if o.s.Inputs != nil {
		r.Files, r.Begin, r.Now = o.s.Inputs()
	}
	if o.s.Name != nil {
		for _, x := range f.Subjects {
			if n, ref, ok := o.s.Name(x.Addr); ok {
				r.Names = append(r.Names, store.Name{Addr: x.Addr, Name: n, Ref: ref})
			}
		}
	}
	return r
}

// Suppressed counts findings of a code that a limit of rate held back, on a day of packet time, "2006-01-02".
func (o *Output) Suppressed(day, code string, n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.days {
		if o.days[i].Day == day && o.days[i].Code == code {
			o.days[i].Suppressed += n
			return
		}
	}
	if len(o.days) < mostWaiting {
		o.days = append(o.days, store.Day{Day: day, Code: code, Suppressed: n})
	}
}

// Status says how the store is.
func (o *Output) Status() Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.status
	s.Waiting, s.Notes = len(o.waiting), slices.Clone(s.Notes)
	return s
}

// Notes are what a person should know of how the store was opened, or taken away: the last few.
func (o *Output) Notes() []string { return o.Status().Notes }

// Health says how the disk is (output.Healthy).
func (o *Output) Health() output.Health {
	st := o.Status()
	h := output.Health{Up: st.Err == nil, Lost: st.Lost}
	if st.Err != nil {
		h.Err = fmt.Sprintf("%d findings wait since %s: %v", st.Waiting, st.Since.UTC().Format(time.RFC3339), st.Err)
	}
	return h
}

// Flush waits until what was received is on the disk, or the disk refused it once more.
func (o *Output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n := o.tries; len(o.waiting) > 0 && (o.status.Err == nil || o.tries == n); {
		o.wake()
		o.tried.Wait()
	}
	return nil
}

// Close flushes, and returns why findings could not be written, if any could not.
func (o *Output) Close() error {
	close(o.quit)
	<-o.done
	st := o.Status()
	if st.Waiting == 0 && st.Lost == 0 {
		return nil
	}
	return fmt.Errorf("%d findings are not in the store: %w", uint64(st.Waiting)+st.Lost, cmp.Or(st.Err, errLost))
}

// errLost says why findings are missing where the store works now.
var errLost = errors.New("there was no room for them while it could not be written")

func (o *Output) run() {
	defer close(o.done)
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		select {
		case <-o.kick:
			if o.healthy() {
				o.write()
			}
		case now := <-t.C:
			o.write()
			o.tend(now)
		case <-o.quit:
			o.write()
			o.count()
			if o.db != nil {
				o.db.Close()
			}
			return
		}
	}
}

func (o *Output) healthy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status.Err == nil || !o.s.Live
}

// write brings what waits to the disk.
func (o *Output) write() {
	for {
		o.mu.Lock()
		batch := slices.Clone(o.waiting[:min(len(o.waiting), atOnce)])
		o.mu.Unlock()
		if len(batch) == 0 && o.db != nil {
			return
		}
		skipped, err := o.put(batch)
		o.mu.Lock()
		o.tries++
		if err == nil {
			o.status.Err, o.status.Since = nil, time.Time{}
			o.status.Written += uint64(len(batch) - skipped)
			o.status.Lost += uint64(skipped)
			// What came meanwhile of the same finding took the place of its record: it stays.
			o.waiting = slices.DeleteFunc(o.waiting, func(r *store.Record) bool { return slices.Contains(batch, r) })
		}
		o.tried.Broadcast()
		o.mu.Unlock()
		if err != nil {
			o.failed(err)
			return
		}
	}
}

// put writes a batch. A store that turns out to be damaged is put aside, and one that was taken away begun anew, once.
func (o *Output) put(batch []*store.Record) (skipped int, err error) {
	for again := false; ; again = true {
		if o.db == nil {
			if err := o.open(); err != nil {
				return 0, err
			}
		}
		skipped, err = o.db.Put(batch)
		gone := o.db.Gone()
		if err == nil && !gone {
			return skipped, nil
		}
		if gone {
			o.note(o.db.Path() + " was taken away while it was in use: a new one is begun")
		}
		// A file that was opened on a disk that is read only stays so: the next try opens it again.
		o.db.Close()
		o.db = nil
		if again || !gone && !store.IsDamage(err) {
			return 0, errors.Join(err, errGone(gone))
		}
	}
}

// errGone is why a batch is written again.
func errGone(gone bool) error {
	if gone {
		return errors.New("the store is taken away again and again")
	}
	return nil
}

// maxNotes bounds the notes of a status.
const maxNotes = 16

// note keeps what a person should know of the store.
func (o *Output) note(texts ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status.Notes = append(o.status.Notes, texts...)
	o.status.Notes = o.status.Notes[max(len(o.status.Notes)-maxNotes, 0):]
}

func (o *Output) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.status.Err == nil {
		o.status.Since = time.Now()
	}
	o.status.Err = err
	o.tried.Broadcast()
}

// tend does what is due.
func (o *Output) tend(now time.Time) {
	if o.db == nil {
		return
	}
	if err := o.readMutes(); err != nil {
		o.failed(err)
	}
	if now.Sub(o.counted) >= countEvery {
		o.counted = now
		o.count()
	}
	if now.Sub(o.pruned) >= pruneEvery {
		o.pruned = now
		if _, err := o.db.Prune(); err != nil {
			o.failed(err)
		}
	}
}

// readMutes gives the engine the mutes of the store, when another process changed something.
func (o *Output) readMutes() error {
	if o.s.Mutes == nil {
		return nil
	}
	v, err := o.db.Changed()
	if err != nil || v == o.version {
		return err
	}
	ms, _, err := o.db.Mutes(false)
	if err != nil {
		return err
	}
	o.version = v
	list := make([]finding.Mute, len(ms))
	for i := range ms {
		list[i] = ms[i].Mute
	}
	o.s.Mutes.SetStored(list)
	return nil
}

// count writes what mutes hid and what limits held back. What cannot be written is counted with the next.
func (o *Output) count() {
	if o.db == nil {
		return
	}
	if o.s.Mutes != nil {
		for n, k := range o.s.Mutes.TakeHidden() {
			if o.hidden == nil {
				o.hidden = map[int64]uint64{}
			}
			o.hidden[n] += k
		}
		if o.db.Hidden(o.hidden) == nil {
			o.hidden = nil
		}
	}
	o.mu.Lock()
	days := o.days
	o.days = nil
	o.mu.Unlock()
	if len(days) > 0 && o.db.Count(days) != nil {
		o.mu.Lock()
		o.days = append(days, o.days...)
		o.mu.Unlock()
	}
}
