// Package seal encrypts what leaves this machine, or lies on its disk, to age recipients: who has only the recipients can
// write and not read. Keys never stand in an error.
package seal

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"filippo.io/age"
)

// maxKeys bounds how many lines a file of recipients may have; each is 64 KiB at most.
const maxKeys = 100

// Recipients are who can read what is encrypted. Nil: nothing is.
type Recipients struct {
	list []age.Recipient
	// ID is the same for the same recipients, in whatever order: a hash in hexadecimal.
	ID string
}

// ErrNoIdentity means that none of the identities can read what was encrypted.
var ErrNoIdentity = errors.New("none of the given identities can read it")

// ParseRecipients reads recipients; each text is one (age1…) or the name of a file with one on a line. None gives nil.
func ParseRecipients(texts []string) (*Recipients, error) {
	r := &Recipients{}
	var names []string
	for _, t := range texts {
		if secret(t) {
			return nil, errors.New("that is a secret key, which stays away from here: give the recipient that belongs to it (age-keygen -y FILE)")
		}
		lines := []string{t}
		if !strings.HasPrefix(t, "age1") {
			var err error
			if lines, err = linesOf(t); err != nil {
				return nil, err
			}
		}
		for i, l := range lines {
			where := ""
			if l != t {
				where = fmt.Sprintf(" (%s, recipient %d)", t, i+1)
			}
			if secret(l) {
				return nil, fmt.Errorf("that is a secret key, which stays away from here%s: give the recipient that belongs to it (age-keygen -y FILE)", where)
			}
			one, err := age.ParseRecipients(strings.NewReader(l))
			if err != nil {
				return nil, fmt.Errorf("that is no age recipient%s: it looks like age1…", where)
			}
			r.list = append(r.list, one...)
			names = append(names, l)
		}
	}
	if len(r.list) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(names), "\n")))
	r.ID = hex.EncodeToString(sum[:])
	return r, nil
}

func secret(s string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.TrimSpace(s)), "AGE-SECRET-KEY-")
}

// linesOf are the lines of a file that say something.
func linesOf(name string) (out []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		l := strings.TrimSpace(sc.Text())
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		if len(out) == maxKeys {
			return nil, fmt.Errorf("%s has more than %d keys", name, maxKeys)
		}
		out = append(out, l)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no key", name)
	}
	return out, nil
}

// Identities are what reads what was encrypted. Nil reads nothing.
type Identities struct{ list []age.Identity }

// ReadIdentities reads the secret keys in files, one on a line (AGE-SECRET-KEY-…). No file gives nil.
func ReadIdentities(files []string) (*Identities, error) {
	ids := &Identities{}
	for _, name := range files {
		lines, err := linesOf(name)
		if err != nil {
			return nil, err
		}
		for i, l := range lines {
			one, err := age.ParseIdentities(strings.NewReader(l))
			if err != nil {
				return nil, fmt.Errorf("%s: line %d of those that say something is no age identity (AGE-SECRET-KEY-…); a key behind a passphrase must be opened first", name, i+1)
			}
			ids.list = append(ids.list, one...)
		}
	}
	if len(ids.list) == 0 {
		return nil, nil
	}
	return ids, nil
}

// Writer encrypts what is written to it. Close ends the message; without it nobody can read the end.
func (r *Recipients) Writer(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, r.list...) }

// Reader decrypts. What it returns before an error is as it was written. ErrNoIdentity: it is for others.
func (ids *Identities) Reader(r io.Reader) (io.Reader, error) {
	if ids == nil {
		return nil, ErrNoIdentity
	}
	out, err := age.Decrypt(r, ids.list...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrNoIdentity
	}
	return out, err
}

// ReaderAt decrypts a whole message of size bytes at any place, a piece at a time.
func (ids *Identities) ReaderAt(r io.ReaderAt, size int64) (io.ReaderAt, error) {
	if ids == nil {
		return nil, ErrNoIdentity
	}
	out, _, err := age.DecryptReaderAt(r, size, ids.list...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrNoIdentity
	}
	return out, err
}
