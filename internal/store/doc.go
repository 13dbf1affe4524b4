// Package store keeps findings on disk, for a person who comes back to them: SQLite in WAL mode, one file. What was
// judged about them (mutes, acknowledgements) stands beside them.
//
// A finding that Put has taken is on the disk: neither a killed process nor a lost current takes it away. The file is
// bounded in bytes first, then in days. A newer form is refused, a damaged file is put aside and a new one begun. Every
// query has a limit of rows and of time.
//
// It is built for Linux alone: captures are read without it elsewhere.
package store
