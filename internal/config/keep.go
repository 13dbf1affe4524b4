package config

import "time"

// Evidence says which packets stay on the disk.
type Evidence struct {
	Spool     string // a folder
	SpoolSize int64
	FileSize  int64
	Minutes   int
	EncryptTo []string
}

var evidenceSection = section("evidence", "Which packets stay on the disk. Without a spool, a watch with a store keeps headers, and the packets of findings.",
	func(c *Config) *Evidence { return &c.Evidence },
	key(Path, "spool", "", "The folder in which whole packets are kept, with what they carry, for firestorm evidence. Empty: none are.", func(e *Evidence) *string { return &e.Spool }),
	key(Size, "spool-size", "10G", "How much it may take; the oldest packets go first.", func(e *Evidence) *int64 { return &e.SpoolSize }).in("bytes").between(16<<20, 1<<50),
	key(Size, "spool-file-size", "64M", "After how much another file is begun.", func(e *Evidence) *int64 { return &e.FileSize }).in("bytes").between(1<<20, 1<<40),
	key(Int, "spool-minutes", "60", "After how many minutes another file is begun.", func(e *Evidence) *int { return &e.Minutes }).in("minutes").between(1, 7*24*60),
	key(Texts, "encrypt-to", "", "Age recipients (age1... or a file of them): kept packets can be read with their secret key alone.", func(e *Evidence) *[]string { return &e.EncryptTo }),
)

// Backup says when backups count as stopped.
type Backup struct {
	MaxAge time.Duration
	State  string // a folder
}

var backupSection = section("backup", "Whether a watch says that backups have stopped (the finding backup-stale).", func(c *Config) *Backup { return &c.Backup },
	key(Duration, "max-age", "0s", "A last good backup older than this is a finding, such as 26h; 0s: nobody looks.", func(b *Backup) *time.Duration { return &b.MaxAge }).between(0, int64(10*365*24*time.Hour)),
	key(Path, "state", "", "The folder that backup run has as --state, where its note lies. Empty: service.state, or the folder that backup takes by itself.", func(b *Backup) *string { return &b.State }),
)
