// Package file knows the files that protocols carry while they pass: name, size, state, checksums, and their way to disk
// where somebody wants them kept. It knows no protocol: readers hand files over (analyzer.FileSink).
package file

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
)

const (
	// maxName bounds a name in bytes.
	maxName = 2048
	// maxSIDs bounds what is remembered of the rules that asked to keep a file.
	maxSIDs = 16
)

// openFile is one file on its way (analyzer.OpenFile).
type openFile struct {
	room    *Room
	flow    uint32 // index of its connection
	ordinal uint64 // of the packet that ended it
	x       event.FileInfo
	name    []byte
	over    bool
	told    *event.FileInfo // the record that was made of it
	sums    [3]hash.Hash
	on      [3]bool
	sum     [3][]byte
	out     spill
	kept    bool
	keeps   bool // it may still be asked for: its bytes wait
	sids    []uint32
	size    [8]byte
	head    []byte // its begin, until it is known what it is
	looks   bool   // it is wanted what it is
}

// digests are the checksums, in the order of openFile.sums.
var digests = [...]struct {
	name string
	new  func() hash.Hash
}{{"file.md5", md5.New}, {"file.sha1", sha1.New}, {"file.sha256", sha256.New}}

// Data takes the next bytes.
func (f *openFile) Data(_ *analyzer.Context, b []byte) {
	if f.over {
		return
	}
	if f.looks && f.x.Magic == "" && len(b) > 0 {
		f.head = append(f.head, b[:min(len(b), magicHead-len(f.head))]...)
		if len(f.head) == magicHead {
			f.look(false)
		}
	}
	f.x.Size += uint64(len(b))
	for i, on := range f.on {
		if on {
			f.sums[i].Write(b)
		}
	}
	if f.kept || f.keeps {
		f.out.write(f.room, b)
	}
}

// look says what the file is from what there is of its begin.
func (f *openFile) look(whole bool) { f.x.Magic, f.head = Magic(f.head, whole), nil }

// Gap notes that n bytes are missing: of such a file no checksum is told, it is not kept, and it counts as cut short. Its size is
// what it would have been, as Suricata has it.
func (f *openFile) Gap(_ *analyzer.Context, n uint64) {
	if !f.over {
		if f.looks && f.x.Magic == "" {
			f.look(false)
		}
		f.x.Gaps = true
		f.x.Size += n
	}
}

// Stop ends the file before its record is made.
func (f *openFile) Stop(c *analyzer.Context, whole bool) {
	if f.over {
		return
	}
	f.over = true
	if f.looks && f.x.Magic == "" {
		f.look(whole)
	}
	f.x.State = event.FileTruncated
	if whole && !f.x.Gaps {
		f.x.State = event.FileClosed
	}
	for i, on := range f.on {
		if on && !f.x.Gaps {
			f.sum[i] = f.sums[i].Sum(f.sum[i][:0])
		}
	}
}

// End ends the file and makes its record. Whoever keeps it after that still may, until the reader returns.
func (f *openFile) End(c *analyzer.Context, whole bool, app event.AppObject) {
	if f.told != nil {
		return
	}
	f.Stop(c, whole)
	h := c.Head(event.KindFile)
	f.ordinal = h.Ordinal
	x := event.NewFileInfo(h)
	x.FileFacts, x.App, x.Dir, x.Tx = f.x.FileFacts, f.x.App, f.x.Dir, f.x.Tx
	x.Name = string(f.name)
	x.MD5, x.SHA1, x.SHA256 = string(f.sum[0]), string(f.sum[1]), string(f.sum[2])
	if app != nil {
		x.Object = app.AppendAppObject(nil)
	}
	f.told = x
	if f.kept {
		f.save()
	}
	f.room.end(f)
	if c.Wanted(event.KindFile) {
		c.Emit(x)
	}
}

// KeepFile asks for the file to be written to the store (event.FileKeeper).
func (f *openFile) KeepFile(sid uint32) {
	if !f.keeps {
		return
	}
	if len(f.sids) < maxSIDs && !slices.Contains(f.sids, sid) {
		f.sids = append(f.sids, sid)
	}
	if f.kept {
		return
	}
	if f.kept = true; f.told != nil {
		f.save()
	}
}

// save brings what was collected to the store.
func (f *openFile) save() {
	f.told.SIDs = append([]uint32(nil), f.sids...)
	if f.told.Stored = f.sum[2] != nil && f.out.save(f.room, f.sum[2]); f.told.Stored {
		f.room.stats.Kept++
	} else {
		f.room.stats.NotKept++
	}
}

// EachBuffer gives what rules can ask of a file (event.Parts): "file" for any, its name, what it is once its begin tells that, and when it has ended its size
// (8 bytes, big endian) and checksums. Its bytes are the reader's.
func (f *openFile) EachBuffer(each func(name string, b []byte)) {
	each("file", nil)
	if len(f.name) > 0 {
		each("file.name", f.name)
	}
	if f.x.Magic != "" {
		each("file.magic", []byte(f.x.Magic))
	}
	if !f.over {
		return
	}
	binary.BigEndian.PutUint64(f.size[:], f.x.Size)
	each("file.size", f.size[:])
	for i := range digests {
		if f.sum[i] != nil {
			each(digests[i].name, f.sum[i])
		}
	}
}

// Facts is what is known of the file so far, for records that name it beside others.
func (f *openFile) Facts() event.FileFacts {
	x := f.x.FileFacts
	x.Name = string(f.name)
	x.MD5, x.SHA1, x.SHA256 = string(f.sum[0]), string(f.sum[1]), string(f.sum[2])
	return x
}
