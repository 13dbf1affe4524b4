package backup

import (
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// identify takes what tells a changed file from an unchanged one; the time of the last change cannot be set by hand.
func identify(st fs.FileInfo) identity {
	id := identity{size: st.Size(), mtime: st.ModTime().UnixNano()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		id.ctime, id.inode = s.Ctim.Nano(), s.Ino
	}
	return id
}

// own gives a copy the owner of its original. Who may not keeps it as his own, as rsync does.
func own(p string, st fs.FileInfo) error {
	if s, ok := st.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return os.Lchown(p, int(s.Uid), int(s.Gid))
	}
	return nil
}

// ownerOf returns user and group of a file; nil where that cannot be known.
func ownerOf(p string) *[2]int {
	st, err := os.Lstat(p)
	if err != nil {
		return nil
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return &[2]int{int(s.Uid), int(s.Gid)}
}

// start runs a child that ends when this process does, in whatever way. wait must be called.
func start(c *exec.Cmd) (wait func() error, err error) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		// The signal comes when the thread ends that started the child, so that it must not end before.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := c.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		ended <- c.Wait()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() error { return <-ended }, nil
}

// full reports a file system with next to no room: less than a hundredth, or than a MiB.
func full(p string) bool {
	var s syscall.Statfs_t
	if err := syscall.Statfs(p, &s); err != nil {
		return false
	}
	return s.Bavail < s.Blocks/100 || s.Bavail*uint64(s.Bsize) < 1<<20 || s.Files > 0 && s.Ffree < 16
}
