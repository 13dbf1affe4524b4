package service

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// allThreads sets the capabilities of every thread of this process. Where C code is part of the program the runtime cannot
// do that, and says so.
func allThreads(h unix.CapUserHeader, d [2]unix.CapUserData) error {
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&d[0])), 0); e != 0 {
		return e
	}
	return nil
}

// setGroups sets the groups of this thread alone.
func setGroups(n int, first *uint32) error {
	if _, _, e := syscall.RawSyscall(unix.SYS_SETGROUPS, uintptr(n), uintptr(unsafe.Pointer(first)), 0); e != 0 {
		return e
	}
	return nil
}
