package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
)

// Manifest says what a case was made of, so that whoever gets it can tell that nothing was changed.
type Manifest struct {
	Type        string         `json:"type"`    // "evidence-manifest"
	Version     int            `json:"version"` // 1
	Application string         `json:"application"`
	Findings    []string       `json:"findings"` // their ids
	Redacted    bool           `json:"redacted"`
	OneSide     string         `json:"one_side,omitempty"` // only what this host sent; as the case calls it
	Inputs      []ManifestFile `json:"inputs"`
	Outputs     []ManifestFile `json:"outputs"`
	Frames      int            `json:"frames"`
	Missing     int            `json:"missing"`    // frames of the findings that the input did not give again
	OtherSide   uint64         `json:"other_side"` // frames left out for OneSide
	OverLimit   uint64         `json:"over_limit"` // frames of conversations left out for their size
}

// ManifestFile is one file. Inputs of a redacted case have no names.
type ManifestFile struct {
	Name   string `json:"name,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Hasher counts and hashes what is written to it.
type Hasher struct {
	h hash.Hash
	n int64
}

// NewHasher returns a hasher that has seen nothing.
func NewHasher() *Hasher { return &Hasher{h: sha256.New()} }

// Write implements io.Writer; it never fails.
func (h *Hasher) Write(b []byte) (int, error) {
	h.n += int64(len(b))
	return h.h.Write(b)
}

// File returns the entry of a manifest for what was written.
func (h *Hasher) File(name string) ManifestFile {
	return ManifestFile{Name: name, Bytes: h.n, SHA256: hex.EncodeToString(h.h.Sum(nil))}
}

// Write writes the manifest as JSON for people: indented, with a line's end.
func (m *Manifest) Write(w io.Writer) error {
	m.Type, m.Version = "evidence-manifest", 1
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
