//go:build amd64 || arm64

// Package prefetch asks for memory before its turn. Unlike a read, asking waits for nothing, so that many lines of the
// cache can be under way at once (2026-11-28); it changes nothing that a program can see.
package prefetch

import "unsafe"

// Line asks for the line of the cache at p.
//
//go:noescape
func Line(p unsafe.Pointer)

// Lines3 asks for three lines, from p on.
//
//go:noescape
func Lines3(p unsafe.Pointer)

// Lines asks for all lines of the size bytes at p, at least one.
//
//go:noescape
func Lines(p unsafe.Pointer, size uintptr)
