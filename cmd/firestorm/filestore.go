package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"firestorm/internal/file"
	"firestorm/internal/sensor"
)

// fileNotes says what was kept of the files that protocols carried.
func fileNotes(o *readOptions, res *sensor.Result) []string {
	if o.Store == nil {
		return nil
	}
	return []string{fmt.Sprintf("files: %d seen, %d kept in %s", res.FileStats.Files, res.FileStats.Kept, o.Store.Dir)}
}

// fileWarnings says what could not be followed or kept.
func fileWarnings(s *file.Store, res *sensor.Result) (list []string) {
	st := &res.FileStats
	if st.Refused > 0 {
		list = append(list, fmt.Sprintf("files: %d were not followed, too many were open at once", st.Refused))
	}
	if st.NotKept > 0 {
		w := fmt.Sprintf("files: %d were not kept: bytes are missing, or they are beyond --filestore-size or --filestore-count", st.NotKept)
		if err := s.Err(); err != nil {
			w += fmt.Sprintf(", or could not be written (%v)", err)
		}
		list = append(list, w)
	}
	return list
}

// files sets what the settings say of files: their checksums, and where they are kept. What is said on the command line counts
// more; a folder that the settings name lies in --outdir, and without that nothing is kept.
func (u *suricata) files(o *readOptions) {
	if u == nil {
		return
	}
	hashes := u.FileStore.ForceHash
	o.FileHash.Magic = o.FileHash.Magic || u.FileStore.Enabled && u.FileStore.ForceMagic
	for _, l := range u.EVE {
		for i := range l.Types {
			if t := &l.Types[i]; t.Name == "files" {
				hashes = append(slices.Clone(hashes), t.Files.ForceHash...)
				o.FileHash.Magic = o.FileHash.Magic || t.Files.ForceMagic
			}
		}
	}
	for _, h := range hashes {
		switch h {
		case "md5":
			o.FileHash.MD5 = true
		case "sha1":
			o.FileHash.SHA1 = true
		case "sha256":
			o.FileHash.SHA256 = true
		}
	}
	if !u.FileStore.Enabled {
		return
	}
	if o.Store == nil && o.OutDir != "" {
		o.Store = &file.StoreOptions{Dir: filepath.Join(o.OutDir, filepath.Base(u.FileStore.Dir))}
	}
	o.StoreAll = o.StoreAll || o.Store != nil && u.FileStore.Force
}

// mails are the numbers that the reader of mails asks for (package smtp).
func (u *suricata) mails() map[string]int64 {
	m := map[string]int64{"smtp.mime": 1, "smtp.url-scheme": 0, "smtp.body-md5": 0, "smtp.subject-md5": 0}
	if !u.SMTP.DecodeMIME {
		m["smtp.mime"] = 0
	}
	if u.SMTP.LogURLScheme {
		m["smtp.url-scheme"] = 1
	}
	for _, l := range u.EVE {
		for i := range l.Types {
			t := &l.Types[i]
			if t.Name != "smtp" {
				continue
			}
			if slices.Contains(t.Hashed, "body") && u.SMTP.BodyMD5 != "no" {
				m["smtp.body-md5"] = 1
			}
			if slices.Contains(t.Hashed, "subject") {
				m["smtp.subject-md5"] = 1
			}
		}
	}
	return m
}
