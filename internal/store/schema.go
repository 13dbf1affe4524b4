//go:build linux

package store

// migrations lead from one form of the file to the next; PRAGMA user_version says how many of them a file has seen. What
// was released is never changed: the next form is another entry.
var migrations = []string{
	`CREATE TABLE finding (
		n INTEGER PRIMARY KEY,
		id TEXT NOT NULL, code TEXT NOT NULL,
		kind TEXT NOT NULL, severity INTEGER NOT NULL, confidence INTEGER NOT NULL,
		title TEXT NOT NULL,
		source BLOB, destination BLOB,  -- addresses of the first two subjects, 16 bytes each
		port INTEGER NOT NULL,
		first INTEGER NOT NULL, last INTEGER NOT NULL,  -- packet time, nanoseconds
		count INTEGER NOT NULL, revision INTEGER NOT NULL, state TEXT NOT NULL,
		muted TEXT NOT NULL,            -- the reason; empty: shown
		acked INTEGER NOT NULL DEFAULT 0,  -- the revision that a person has seen
		note TEXT NOT NULL DEFAULT '',
		written INTEGER NOT NULL,       -- when, nanoseconds by the clock of the machine
		body BLOB NOT NULL,
		UNIQUE (id, code)
	) STRICT;
	CREATE INDEX finding_last ON finding (last DESC);
	CREATE INDEX finding_written ON finding (written);
	CREATE TABLE revision (
		finding INTEGER NOT NULL REFERENCES finding (n) ON DELETE CASCADE,
		revision INTEGER NOT NULL,
		at INTEGER NOT NULL, count INTEGER NOT NULL, severity INTEGER NOT NULL, confidence INTEGER NOT NULL, title TEXT NOT NULL,
		PRIMARY KEY (finding, revision)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE day (
		day TEXT NOT NULL, code TEXT NOT NULL,
		findings INTEGER NOT NULL DEFAULT 0, occurrences INTEGER NOT NULL DEFAULT 0,
		muted INTEGER NOT NULL DEFAULT 0, suppressed INTEGER NOT NULL DEFAULT 0,
		PRIMARY KEY (day, code)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE mute (
		n INTEGER PRIMARY KEY AUTOINCREMENT,
		line TEXT NOT NULL,             -- as in a mutes file
		made INTEGER NOT NULL, undone INTEGER NOT NULL DEFAULT 0,
		hidden INTEGER NOT NULL DEFAULT 0
	) STRICT;`,
	// What a finding goes on under after a restart, and what rates held back.
	`ALTER TABLE finding ADD COLUMN key TEXT NOT NULL DEFAULT '';  -- what folded it; empty: written before this form
	ALTER TABLE finding ADD COLUMN held INTEGER NOT NULL DEFAULT 0;  -- 1: a rate holds it back
	CREATE TABLE held (
		code TEXT NOT NULL, source BLOB NOT NULL,
		n INTEGER NOT NULL,             -- findings that a rate held back
		first INTEGER NOT NULL, last INTEGER NOT NULL,  -- packet time, nanoseconds
		PRIMARY KEY (code, source)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX held_last ON held (last);`,
}

// Version is the form that this program writes, and the newest that it reads.
const Version = 2

// applicationID marks the file as ours (PRAGMA application_id): "Fstm".
const applicationID = 0x4673746d
