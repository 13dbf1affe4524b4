// Sbom writes what a release is made of, from what the linker wrote into its programs (as "go version -m" shows it): a
// bill of materials as CycloneDX 1.5 JSON, and the licence texts of all modules, which have to go along with the program.
// The same programs give the same bytes: nothing of the hour or the machine is in them.
//
//	go run ./scripts/sbom -version 0.1.0 -time 1700000000 -out sbom.json -licenses third-party.txt PROGRAM...
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

func main() {
	version := flag.String("version", "", "the release")
	unix := flag.Int64("time", 0, "the release's time, in seconds since 1970")
	out := flag.String("out", "", "file for the bill of materials")
	texts := flag.String("licenses", "", "file for the licence texts")
	flag.Parse()
	if err := run(*version, time.Unix(*unix, 0).UTC(), *out, *texts, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(version string, at time.Time, out, texts string, programs []string) error {
	if version == "" || out == "" || texts == "" || len(programs) == 0 {
		return errors.New("-version, -out, -licenses and a program are needed")
	}
	var infos []*debug.BuildInfo
	for _, p := range programs {
		info, err := buildinfo.ReadFile(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		infos = append(infos, info)
	}
	modules, err := linked(infos)
	if err != nil {
		return err
	}
	if err := find(modules); err != nil {
		return err
	}
	if err := readLicenses(modules); err != nil {
		return err
	}
	bill, err := bom(version, at, modules)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(out, bill, 0o644), os.WriteFile(texts, licenseTexts(modules), 0o644))
}

// module is a part of the program that others wrote. The standard library is one, named std.
type module struct {
	path, version, sum string
	dir                string // where its sources are
	files              []text // its licence and notices
	license            string // SPDX's name
}

// text is a file that has to go along.
type text struct {
	name string
	body []byte
}

const std = "std"

// linked returns what is in any of the programs, sorted by path.
func linked(infos []*debug.BuildInfo) ([]*module, error) {
	seen := map[string]*module{}
	for _, info := range infos {
		list := []*debug.Module{{Path: std, Version: strings.TrimPrefix(info.GoVersion, "go")}}
		for _, m := range append(list, info.Deps...) {
			if m.Replace != nil {
				m = m.Replace
			}
			if m.Version == "" {
				return nil, fmt.Errorf("%s has no version", m.Path)
			}
			have := seen[m.Path]
			if have == nil {
				seen[m.Path] = &module{path: m.Path, version: m.Version, sum: m.Sum}
			} else if have.version != m.Version {
				return nil, fmt.Errorf("%s is there as %s and as %s", m.Path, have.version, m.Version)
			}
		}
	}
	var out []*module
	for _, m := range seen {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *module) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

// find asks go where the sources of the modules are.
func find(modules []*module) error {
	args := []string{"list", "-m", "-f", "{{.Path}}\t{{.Version}}\t{{.Dir}}"}
	byPath := map[string]*module{}
	for _, m := range modules {
		if m.path != std {
			args = append(args, m.path)
		}
		byPath[m.path] = m
	}
	if len(args) > 4 {
		b, err := goCommand(args...)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if m := byPath[f[0]]; len(f) == 3 && m != nil && m.version == f[1] {
				m.dir = f[2]
			}
		}
	}
	root, err := goCommand("env", "GOROOT")
	if err != nil {
		return err
	}
	if m := byPath[std]; m != nil {
		m.dir = strings.TrimSpace(string(root))
	}
	for _, m := range modules {
		if m.dir == "" {
			return fmt.Errorf("go.mod has no sources of %s %s; was the program built here?", m.path, m.version)
		}
	}
	return nil
}

func goCommand(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	var bad bytes.Buffer
	cmd.Stderr = &bad
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(bad.Bytes()))
	}
	return b, nil
}

// readLicenses reads the licence files of each module, and recognises them.
func readLicenses(modules []*module) error {
	var errs []error
	for _, m := range modules {
		entries, err := os.ReadDir(m.dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !isLicense(e.Name()) {
				continue
			}
			b, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
			if err != nil {
				return err
			}
			m.files = append(m.files, text{e.Name(), b})
			// What a module took from others has files of its own, LICENSE-X: their texts go along.
			if base, _, _ := strings.Cut(e.Name(), "."); m.license == "" && !strings.Contains(base, "-") {
				m.license = recognise(b)
			}
		}
		if m.license == "" {
			errs = append(errs, fmt.Errorf("%s %s: no licence that is known here", m.path, m.version))
		}
	}
	return errors.Join(errs...)
}

// isLicense reports whether a file of that name says under which terms a module may be used.
func isLicense(name string) bool {
	name = strings.ToUpper(name)
	for _, p := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS", "AUTHORS"} {
		if rest, ok := strings.CutPrefix(name, p); ok && (rest == "" || strings.ContainsAny(rest[:1], ".-_")) && !strings.HasSuffix(name, ".GO") {
			return true
		}
	}
	return false
}

// recognise returns SPDX's name of a licence, by sentences that only it has; empty: it is none of these.
func recognise(b []byte) string {
	s := strings.Join(strings.Fields(strings.ToLower(string(b))), " ")
	has := func(words string) bool { return strings.Contains(s, words) }
	var ids []string
	if has("apache license version 2.0, january 2004") || has("licensed under the apache license, version 2.0") {
		ids = append(ids, "Apache-2.0")
	}
	if has("permission is hereby granted, free of charge, to any person obtaining a copy") {
		ids = append(ids, "MIT")
	}
	if has("permission to use, copy, modify, and/or distribute this software for any purpose") || has("permission to use, copy, modify, and distribute this software for any purpose") {
		ids = append(ids, "ISC")
	}
	if has("redistribution and use in source and binary forms") {
		if has("neither the name") || has("may not be used to endorse or promote products") {
			ids = append(ids, "BSD-3-Clause")
		} else {
			ids = append(ids, "BSD-2-Clause")
		}
	}
	if has("mozilla public license version 2.0") || has("mozilla public license, version 2.0") {
		ids = append(ids, "MPL-2.0")
	}
	return strings.Join(ids, " AND ")
}

// licenseTexts is the file with all texts, one module after the other.
func licenseTexts(modules []*module) []byte {
	var b bytes.Buffer
	b.WriteString("Firestorm is one file. These parts of it were written by others; their terms follow.\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n", strings.Repeat("=", 80), m.path, m.version, m.license)
		for _, f := range m.files {
			fmt.Fprintf(&b, "%s %s\n\n%s\n", strings.Repeat("-", 8), f.name, bytes.TrimSpace(f.body))
		}
	}
	return b.Bytes()
}

// What CycloneDX 1.5 calls things.
type (
	document struct {
		Schema       string      `json:"$schema"`
		Format       string      `json:"bomFormat"`
		SpecVersion  string      `json:"specVersion"`
		SerialNumber string      `json:"serialNumber"`
		Version      int         `json:"version"`
		Metadata     metadata    `json:"metadata"`
		Components   []component `json:"components"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Licenses   []license  `json:"licenses"`
		PURL       string     `json:"purl,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	license struct {
		Expression string `json:"expression"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// bom writes the bill of materials. Its serial number is a hash of what it says, as a UUID of version 8 (RFC 9562,
// section 5.8).
func bom(version string, at time.Time, modules []*module) ([]byte, error) {
	d := document{Schema: "http://cyclonedx.org/schema/bom-1.5.schema.json", Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata: metadata{at.Format(time.RFC3339), component{Type: "application", Ref: "firestorm", Name: "firestorm", Version: version,
			Licenses: []license{{"Apache-2.0"}}}}, Components: []component{}}
	for _, m := range modules {
		purl := "pkg:golang/" + m.path + "@" + strings.ReplaceAll(m.version, "+", "%2B")
		c := component{Type: "library", Ref: purl, Name: m.path, Version: m.version, Licenses: []license{{m.license}}, PURL: purl}
		if m.sum != "" {
			c.Properties = []property{{"firestorm:go.sum", m.sum}} // of the tree of files, no digest of one file
		}
		d.Components = append(d.Components, c)
	}
	for range 2 {
		b, err := json.MarshalIndent(&d, "", "  ")
		if err != nil {
			return nil, err
		}
		if d.SerialNumber != "" {
			return append(b, '\n'), nil
		}
		h := sha256.Sum256(b)
		h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
		d.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	}
	panic("unreachable")
}
