package update

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// file is one file of a source.
type file struct {
	name string // without folders that lead out
	text []byte
}

// wanted reports whether a file of a source belongs to a set: its rules, and the two files that say what their words mean.
func wanted(name string) bool {
	switch path.Base(name) {
	case "classification.config", "reference.config":
		return true
	}
	return strings.HasSuffix(name, ".rules")
}

// unpack takes the files out of what a source gave: a tar, packed with gzip or not, or one rule file.
func unpack(name string, body []byte) ([]file, error) {
	most := int64(mostUnpacked)
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if body, err = io.ReadAll(io.LimitReader(z, most+1)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if int64(len(body)) > most {
			return nil, fmt.Errorf("%s: unpacked it is longer than %d bytes", name, most)
		}
	}
	if len(body) < 263 || string(body[257:262]) != "ustar" {
		if bytes.IndexByte(body, 0) >= 0 {
			return nil, fmt.Errorf("%s: it is neither a tar nor a rule file", name)
		}
		base := path.Base(name)
		if !wanted(base) {
			base = strings.TrimSuffix(base, ".gz") + ".rules"
		}
		return []file{{base, body}}, nil
	}
	var out []file
	t := tar.NewReader(bytes.NewReader(body))
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		case n == mostFiles:
			return nil, fmt.Errorf("%s: more than %d files", name, mostFiles)
		case h.Typeflag != tar.TypeReg || !wanted(h.Name):
			continue
		}
		text, err := io.ReadAll(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, file{strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(h.Name, `\`, "/")), "/"), text})
	}
}

// local reads a file, a bundle, or all files of a folder that belong to a set.
func local(name string) (out []file, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if info.Size() > mostDownload {
			return nil, fmt.Errorf("%s: longer than %d bytes", name, mostDownload)
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return unpack(filepath.ToSlash(name), body)
	}
	list, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if !d.Type().IsRegular() || !wanted(d.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(name, d.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, file{d.Name(), text})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no *.rules file in it", name)
	}
	return out, nil
}

// without leaves out the files that fit one of the patterns.
func without(files []file, patterns []string) []file {
	return slices.DeleteFunc(files, func(f file) bool {
		for _, p := range patterns {
			if ok, _ := path.Match(p, path.Base(f.name)); ok {
				return true
			}
		}
		return false
	})
}
