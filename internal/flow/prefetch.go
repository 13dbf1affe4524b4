//go:build amd64 || arm64

package flow

import "unsafe"

// prefetch asks for the line of the cache at p, prefetch3 for three from p on. Unlike a read they wait for nothing, so that
// many can be under way at once (2026-11-28). They change nothing that a program can see.
//
//go:noescape
func prefetch(p unsafe.Pointer)

//go:noescape
func prefetch3(p unsafe.Pointer)
