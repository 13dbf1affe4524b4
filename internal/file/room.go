package file

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
)

// Wants says what is asked of files. The zero value asks for nothing.
type Wants struct {
	Info              bool // rules or outputs want to hear of each file
	MD5, SHA1, SHA256 bool
	Magic             bool // what files are (Magic)
	Keep              bool // rules may ask to keep a file
	KeepAll           bool // all files are kept
}

// Stats counts what a Room did.
type Stats struct {
	Files   uint64 // ended
	Bytes   uint64 // of them, as decoded
	Gaps    uint64 // files in which bytes are missing
	Refused uint64 // files that were not followed, because too many were open
	Kept    uint64 // written to the store, or there already
	NotKept uint64 // wanted in the store, but with a hole, too big, too many, or not writable
}

// Add adds the counters of o to s.
func (s *Stats) Add(o Stats) {
	s.Files += o.Files
	s.Bytes += o.Bytes
	s.Gaps += o.Gaps
	s.Refused += o.Refused
	s.Kept += o.Kept
	s.NotKept += o.NotKept
}

const (
	// maxSpare bounds the files at rest.
	maxSpare = 16
	// maxOpen bounds the files of a room that are on their way.
	maxOpen = 4096
)

// Room is where the files of one shard are followed (analyzer.FileSink). It is used by one goroutine.
type Room struct {
	want  Wants
	store *Store // nil: nothing is kept
	most  int    // bytes that may wait in memory
	held  int
	open  map[uint32][]*openFile // by index of their connection
	n     int                    // open
	ended []*openFile            // they may be asked until the call in which they ended is over
	spare []*openFile
	stats Stats
}

// NewRoom returns a room that holds at most so many bytes of files in memory; more wait on disk. store may be nil; it is
// shared by all rooms.
func NewRoom(w Wants, store *Store, most int) *Room {
	r := &Room{store: store, most: most, open: map[uint32][]*openFile{}}
	r.Ask(w)
	return r
}

// Ask changes what is asked of the files that begin from now on.
func (r *Room) Ask(w Wants) {
	if r.store == nil {
		w.Keep, w.KeepAll = false, false
	}
	if w.KeepAll {
		w.Keep = true
	}
	if w.Keep { // a stored file is named by it
		w.SHA256 = true
	}
	r.want = w
}

// Stats returns the counters so far.
func (r *Room) Stats() Stats { return r.stats }

// Takes reports whether anybody wants files (analyzer.FileSink).
func (r *Room) Takes(string) bool { return r.want != Wants{} }

// Open begins a file (analyzer.FileSink).
func (r *Room) Open(c *analyzer.Context, _ string, h flow.Handle, e event.File) analyzer.OpenFile {
	r.recycle(c.Head(event.KindFile).Ordinal)
	if r.n == maxOpen {
		r.stats.Refused++
		return nil
	}
	var f *openFile
	if n := len(r.spare); n > 0 {
		f, r.spare = r.spare[n-1], r.spare[:n-1]
	} else {
		f = &openFile{room: r}
	}
	f.flow = h.Index
	f.x.Dir, f.x.Tx, f.x.App = e.Dir, e.Tx, c.App()
	f.name = append(f.name[:0], e.Name[:min(len(e.Name), maxName)]...)
	if e.Part && e.From >= 0 && e.To >= e.From {
		f.x.Ranged, f.x.Start, f.x.End = true, uint64(e.From), uint64(e.To)
	}
	for i, on := range []bool{r.want.MD5, r.want.SHA1, r.want.SHA256} {
		if f.on[i] = on; !on {
			continue
		}
		if f.sums[i] == nil {
			f.sums[i] = digests[i].new()
		}
		f.sums[i].Reset()
	}
	f.looks = r.want.Magic
	f.kept, f.keeps = r.want.KeepAll, r.want.Keep
	r.open[h.Index] = append(r.open[h.Index], f)
	r.n++
	return f
}

// end takes a file from those that are open.
func (r *Room) end(f *openFile) {
	r.stats.Files++
	r.stats.Bytes += f.x.Size
	if f.x.Gaps {
		r.stats.Gaps++
	}
	r.recycle(f.ordinal)
	list := r.open[f.flow]
	for i := range list {
		if list[i] == f {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			r.open[f.flow] = list[:len(list)-1]
			r.n--
			break
		}
	}
	r.ended = append(r.ended, f)
}

// recycle frees what ended with earlier packets.
func (r *Room) recycle(now uint64) {
	kept := r.ended[:0]
	for _, f := range r.ended {
		if f.ordinal == now {
			kept = append(kept, f)
			continue
		}
		r.free(f)
	}
	clear(r.ended[len(kept):])
	r.ended = kept
}

func (r *Room) free(f *openFile) {
	f.out.drop(r)
	if len(r.spare) == maxSpare {
		return
	}
	*f = openFile{room: r, name: f.name[:0], sums: f.sums, sids: f.sids[:0]}
	r.spare = append(r.spare, f)
}

// Released forgets the files of a connection that is over: a reader that failed ends none.
func (r *Room) Released(index uint32) {
	for _, f := range r.open[index] {
		f.over = true
		r.n--
		r.free(f)
	}
	delete(r.open, index)
}
