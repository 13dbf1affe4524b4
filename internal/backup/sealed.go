package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"firestorm/internal/seal"
)

// An encrypted generation is not a folder but a list of objects: each is the contents of a file, encrypted, under a name
// that says nothing. Objects are shared by generations, as hard links are in the plain form: what did not change is not
// sent again. Encrypting the same twice gives other bytes each time, so that the machine remembers which contents are in
// which object; that memory stays in the work folder, since this machine has the contents anyway.
//
//	objects/ab/NAME.age   one file's contents
//	done/NAME.manifest    the manifest, encrypted
//	done/NAME.objects     names, sizes and checksums of its objects
//	done/NAME.json        the mark
//
// Who looks at the destination sees how many files there are, how large, and when which of them changed; no name, no
// contents, and not which file changed.

// Bounds of what is encrypted, or fetched, at once: so much room is needed in the work folder, or for the largest file.
const (
	sealBytes = 256 << 20
	sealFiles = 5000
)

// ErrSealed means that the destination holds encrypted generations, and this run would add one that is not.
var ErrSealed = errors.New("the generations there are encrypted, and this one would not be")

// ErrNeedIdentity means that an encrypted generation cannot be read without a key.
var ErrNeedIdentity = errors.New("it is encrypted, and no identity is given")

var objectName = regexp.MustCompile(`^[0-9a-f]{32}$`)

func objectPath(name string) string { return name[:2] + "/" + name + ".age" }

// object is one file at the destination.
type object struct {
	name   string
	size   int64
	sha256 string // of what lies there
}

// content names what is in an object.
type content struct {
	sha256 string
	size   int64
}

// listing runs rsync to list the files below a folder of the destination, with their sizes. One that is missing is empty.
func (d Dest) listing(ctx context.Context, tmp, folder string) (map[string]int64, error) {
	dir, err := empty(tmp)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		sc := bufio.NewScanner(r)
		for sc.Scan() {
			size, name, ok := strings.Cut(strings.TrimSpace(sc.Text()), " ")
			n, err := strconv.ParseInt(size, 10, 64)
			if ok && err == nil && !strings.HasSuffix(name, "/") && len(out) < maxEntries {
				out[name] = n
			}
		}
		read <- sc.Err()
		_, _ = io.Copy(io.Discard, r)
	}()
	_, err = d.rsyncTo(ctx, w, "-rn", "--out-format=%l %n", d.join(folder)+"/", dir+"/")
	w.Close()
	rerr := <-read
	var x *Error
	if errors.As(err, &x) && x.Code == 23 && strings.Contains(x.Text, "No such file") {
		return map[string]int64{}, nil
	}
	return out, errors.Join(err, rerr)
}

// index remembers which contents are in which object of a destination.
type index struct {
	file string
	of   map[content]object
}

// indexName differs for each destination and each set of recipients: what others can read is of no use to these.
func indexName(d Dest, id string) string {
	sum := sha256.Sum256([]byte(d.String() + "\x00" + id))
	return "objects-" + hex.EncodeToString(sum[:8])
}

// readIndex reads what was remembered. A line that makes no sense is as good as none: its contents are sent again.
func readIndex(file string) (*index, error) {
	x := &index{file: file, of: map[content]object{}}
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() && len(x.of) < maxEntries {
		var c content
		var o object
		if n, err := fmt.Sscan(sc.Text(), &c.sha256, &c.size, &o.name, &o.size, &o.sha256); n == 5 && err == nil && objectName.MatchString(o.name) {
			x.of[c] = o
		}
	}
	return x, nil
}

func (x *index) write() error {
	f, err := os.CreateTemp(filepath.Dir(x.file), "objects-new-")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for c, o := range x.of {
		fmt.Fprintln(w, c.sha256, c.size, o.name, o.size, o.sha256)
	}
	err = errors.Join(w.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), x.file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// sealed makes an encrypted generation up to its mark.
func (r *run) sealed(ctx context.Context) error {
	there, err := r.Dest.listing(ctx, r.tmp, "objects")
	if err != nil {
		return err
	}
	x, err := readIndex(filepath.Join(r.Work, indexName(r.Dest, r.Seal.ID)))
	if err != nil {
		return err
	}
	for c, o := range x.of {
		if size, ok := there[objectPath(o.name)]; !ok || size != o.size {
			delete(x.of, c)
		}
	}
	b := &batch{r: r, x: x}
	used := map[content]object{}
	gone := map[string]bool{}
	for i := range r.m.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &r.m.Entries[i]
		e.Owner = ownerOf(filepath.Join("/", e.Path))
		if e.Type != typeFile {
			continue
		}
		o, ok := x.of[content{e.SHA256, e.Size}]
		if !ok && r.DryRun {
			r.res.Copied++
			r.res.CopiedSize += e.Size
			x.of[content{e.SHA256, e.Size}] = object{name: strings.Repeat("0", 32)}
			continue
		}
		if !ok {
			if o, err = b.add(e); errors.Is(err, os.ErrNotExist) {
				gone[e.Path] = true
				continue
			} else if err != nil {
				return err
			}
		}
		e.Object = o.name
		used[content{e.SHA256, e.Size}] = o
		if b.size >= sealBytes || b.n >= sealFiles {
			if err := b.send(ctx); err != nil {
				return err
			}
		}
	}
	if r.DryRun {
		return nil
	}
	if err := b.send(ctx); err != nil {
		return err
	}
	r.m.drop(gone)
	x.of = used
	if err := x.write(); err != nil {
		return err
	}
	for _, o := range used {
		r.objects = append(r.objects, o)
	}
	sort.SliceStable(r.objects, func(i, j int) bool {
		a, b := &r.objects[i], &r.objects[j]
		return a.name < b.name
	})
	return nil
}

// batch is what is encrypted and not sent yet.
type batch struct {
	r    *run
	x    *index
	n    int
	size int64
}

func (b *batch) dir() string { return filepath.Join(b.r.tmp, "objects") }

// add encrypts the file of an entry, and says in the entry what was read: a file that changes meanwhile is taken as it is
// now. fs.ErrNotExist: it is gone.
func (b *batch) add(e *Entry) (object, error) {
	from := filepath.Join("/", e.Path)
	if e.staged {
		from = filepath.Join(b.r.tmp, "stage", e.Path)
	}
	in, err := os.Open(from)
	if err != nil {
		return object{}, err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return object{}, err
	}
	if !st.Mode().IsRegular() {
		return object{}, os.ErrNotExist // it has become something else
	}
	var name [16]byte
	_, _ = rand.Read(name[:]) // never fails
	o := object{name: hex.EncodeToString(name[:])}
	p := filepath.Join(b.dir(), filepath.FromSlash(objectPath(o.name)))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		return o, err
	}
	to, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return o, err
	}
	defer to.Close()
	there := sha256.New()
	w, err := b.r.Seal.Writer(io.MultiWriter(to, there))
	if err != nil {
		return o, err
	}
	plain := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, plain), in)
	if err := errors.Join(err, w.Close()); err != nil {
		return o, err
	}
	if o.size, err = to.Seek(0, io.SeekCurrent); err != nil {
		return o, err
	}
	o.sha256 = hex.EncodeToString(there.Sum(nil))
	if sum := hex.EncodeToString(plain.Sum(nil)); sum != e.SHA256 || n != e.Size {
		b.r.res.Unstable++
		e.SHA256, e.Size, e.Mode, e.MTime = sum, n, st.Mode()&modeBits, st.ModTime().UnixNano()
	}
	b.x.of[content{e.SHA256, e.Size}] = o
	b.n++
	b.size += o.size
	return o, nil
}

// send sends what was encrypted. What the index says is written before: what arrives of it before a run is killed need
// not be sent again.
func (b *batch) send(ctx context.Context) error {
	if b.n == 0 {
		return nil
	}
	if err := b.x.write(); err != nil {
		return err
	}
	args := []string{"-rp", "--stats", "--mkpath"}
	if b.r.Dest.local() != "" {
		args = append(args, "--fsync")
	}
	out, err := b.r.Dest.rsync(ctx, append(args, b.dir()+"/", b.r.Dest.join("objects")+"/")...)
	if err != nil && b.r.Dest.local() != "" && full(b.r.Dest.local()) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return err
	}
	n, size := stats(out)
	b.r.res.Copied += n
	b.r.res.CopiedSize += size
	b.n, b.size = 0, 0
	return os.RemoveAll(b.dir())
}

// sealManifest encrypts the manifest in place, writes the list of objects beside it, and returns the checksums of both.
func (r *run) sealManifest(man, objects string) (sum, list string, err error) {
	b, err := os.ReadFile(man)
	if err != nil {
		return "", "", err
	}
	var out bytes.Buffer
	w, err := r.Seal.Writer(&out)
	if err == nil {
		_, err = w.Write(b)
		err = errors.Join(err, w.Close())
	}
	if err == nil {
		err = os.WriteFile(man, out.Bytes(), 0o600)
	}
	if err != nil {
		return "", "", err
	}
	var text bytes.Buffer
	for _, o := range r.objects {
		fmt.Fprintln(&text, o.name, o.size, o.sha256)
	}
	if err := os.WriteFile(objects, text.Bytes(), 0o600); err != nil {
		return "", "", err
	}
	s, t := sha256.Sum256(out.Bytes()), sha256.Sum256(text.Bytes())
	return hex.EncodeToString(s[:]), hex.EncodeToString(t[:]), nil
}

// objectsOf fetches the list of objects of a generation.
func (d Dest) objectsOf(ctx context.Context, tmp string, m *Mark) ([]object, error) {
	dir, err := empty(tmp)
	if err != nil {
		return nil, err
	}
	p := filepath.Join(dir, "objects")
	if _, err := d.rsync(ctx, "-t", d.join("done", m.Generation+".objects"), p); err != nil {
		return nil, err
	}
	if sum, _, err := hash(p); err != nil || sum != m.Objects {
		return nil, errors.Join(err, fmt.Errorf("the list of objects of %s is damaged: its checksum is not that of the mark", m.Generation))
	}
	b, err := os.ReadFile(p)
	if err != nil {
		return nil, err
	}
	var out []object
	for l := range strings.Lines(string(b)) {
		var o object
		if n, err := fmt.Sscan(l, &o.name, &o.size, &o.sha256); n != 3 || err != nil || !objectName.MatchString(o.name) {
			return nil, fmt.Errorf("the list of objects of %s is damaged: %q", m.Generation, l)
		}
		out = append(out, o)
	}
	return out, nil
}

// collect removes the objects that no generation which counts has, and lists of generations that do not count.
func (r *run) collect(ctx context.Context, have *Catalogue) error {
	keep, known := map[string]bool{}, map[string]bool{}
	for i := range have.Good {
		m := &have.Good[i]
		known[m.Generation] = true
		if !m.Sealed() {
			continue
		}
		list, err := r.Dest.objectsOf(ctx, r.tmp, m)
		if err != nil {
			return err
		}
		for _, o := range list {
			keep[objectPath(o.name)] = true
		}
	}
	if len(have.Bad) > 0 {
		return fmt.Errorf("marks cannot be read, and what they need is not known: %s", have.Bad[0])
	}
	there, err := r.Dest.listing(ctx, r.tmp, "objects")
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for p := range there {
		if !keep[p] {
			gone[p] = true
		}
	}
	if len(gone) > 0 {
		if err := r.Dest.removePaths(ctx, r.tmp, gone, "objects"); err != nil {
			return err
		}
	}
	lists, err := r.Dest.listing(ctx, r.tmp, "done")
	if err != nil {
		return err
	}
	gone = map[string]bool{}
	for p := range lists {
		name, end, _ := strings.Cut(p, ".")
		if genName.MatchString(name) && !known[name] && (end == "objects" || end == "manifest") {
			gone[p] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return r.Dest.removePaths(ctx, r.tmp, gone, "done")
}

// checkObjects holds the objects of a generation against the checksums in its list: that proves, without a key, that they
// are what was sent.
func (d Dest) checkObjects(ctx context.Context, tmp string, mark *Mark) (*Report, error) {
	list, err := d.objectsOf(ctx, tmp, mark)
	if err != nil {
		return nil, err
	}
	r := &Report{Mark: *mark, Encrypted: true}
	err = d.objects(ctx, tmp, list, func(o object, p string) error {
		r.Files++
		r.Bytes += o.size
		switch sum, n, err := hash(p); {
		case errors.Is(err, os.ErrNotExist):
			r.problem("object %s: is missing", o.name)
		case err != nil:
			return err
		case n != o.size:
			r.problem("object %s: has %d bytes, not %d", o.name, n, o.size)
		case sum != o.sha256:
			r.problem("object %s: has other contents", o.name)
		}
		return nil
	})
	return r, err
}

// objects gives each object as a file, fetched in parts where the destination is on another machine. One that is missing
// is given all the same.
func (d Dest) objects(ctx context.Context, tmp string, list []object, give func(o object, p string) error) error {
	for len(list) > 0 {
		n, size := 0, int64(0)
		for n < len(list) && n < sealFiles && (n == 0 || size+list[n].size <= sealBytes) {
			size += list[n].size
			n++
		}
		dir := filepath.Join(d.path, "objects")
		if d.path == "" {
			var err error
			if dir, err = empty(tmp); err != nil {
				return err
			}
			// Filters, not --files-from: with that, daemons take objects that are there for vanished.
			var names strings.Builder
			for i, o := range list[:n] {
				if i == 0 || o.name[:2] != list[i-1].name[:2] {
					names.WriteString("/" + o.name[:2] + "/\n")
				}
				names.WriteString("/" + objectPath(o.name) + "\n")
			}
			from := filepath.Join(tmp, "wanted")
			if err := os.WriteFile(from, []byte(names.String()), 0o600); err != nil {
				return err
			}
			_, err = d.rsync(ctx, "-rm", "--include-from="+from, "--exclude=*", d.join("objects")+"/", dir+"/")
			var x *Error
			if err != nil && !(errors.As(err, &x) && x.Code == 23) { // what is missing is said for each
				return err
			}
		}
		for _, o := range list[:n] {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := give(o, filepath.Join(dir, filepath.FromSlash(objectPath(o.name)))); err != nil {
				return err
			}
		}
		if d.path == "" {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
		list = list[n:]
	}
	return nil
}

// unseal writes an encrypted generation below the folder to, which is there and empty. What cannot be read is missing
// afterwards.
func (d Dest) unseal(ctx context.Context, tmp string, mark *Mark, m *Manifest, ids *seal.Identities, to string) error {
	list, err := d.objectsOf(ctx, tmp, mark)
	if err != nil {
		return err
	}
	at := func(e *Entry) string { return filepath.Join(to, filepath.FromSlash(e.Path)) }
	of := map[string][]*Entry{}
	for i := range m.Entries {
		e := &m.Entries[i]
		p := at(e)
		if e.Type == typeDir {
			err = os.MkdirAll(p, 0o700)
		} else {
			err = os.MkdirAll(filepath.Dir(p), 0o700)
		}
		if e.Type == typeLink && err == nil {
			err = errors.Join(os.Symlink(e.Target, p), e.chown(p))
		}
		if err != nil {
			return err
		}
		if e.Type == typeFile {
			of[e.Object] = append(of[e.Object], e)
		}
	}
	err = d.objects(ctx, tmp, list, func(o object, p string) error {
		for _, e := range of[o.name] {
			if err := e.unseal(p, at(e), ids); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := len(m.Entries) - 1; i >= 0; i-- { // the deepest first: some forbid to write in them
		e := &m.Entries[i]
		if e.Type != typeDir {
			continue
		}
		if err := errors.Join(e.chown(at(e)), os.Chmod(at(e), e.Mode), os.Chtimes(at(e), e.time(), e.time())); err != nil {
			return err
		}
	}
	return nil
}

// unseal decrypts one object to the file of the entry. Damage is left for the comparison to find.
func (e *Entry) unseal(from, to string, ids *seal.Identities) error {
	in, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	plain, err := ids.Reader(bufio.NewReader(in))
	if err != nil {
		return nil // the manifest could be read: this is damage, whatever it looks like
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, plain)
	var path *os.PathError
	if err != nil && !errors.As(err, &path) {
		err = nil // damage; what could not be written is an error of this machine
	}
	return errors.Join(err, out.Close(), e.chown(to), os.Chmod(to, e.Mode), os.Chtimes(to, e.time(), e.time()))
}

// chown gives a file the owner that it had, where this process may.
func (e *Entry) chown(p string) error {
	if e.Owner == nil || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(p, e.Owner[0], e.Owner[1])
}
