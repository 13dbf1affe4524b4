package main

import (
	"fmt"

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
