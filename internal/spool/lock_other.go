//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package spool

import "os"

// hold cannot keep others away here.
func hold(*os.File) error { return nil }
