package sandbox

import (
	"os"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// calls are what a worker may ask of the kernel, whatever its arguments. Names that an architecture does not have are left
// out. Not among them: starting programs, other processes, capabilities and users, mounts, namespaces, modules, tracing,
// keys, io_uring and bpf. The list came from what the runtime, SQLite and the outputs were seen to use, and scripts/net/sandbox.sh
// runs all of them under it.
var calls = []string{
	// memory and threads of the runtime
	"brk", "munmap", "mremap", "madvise", "mincore", "msync", "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "membarrier",
	"sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getcpu", "exit", "exit_group", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigpending", "sigaltstack", "timer_create", "timer_settime", "timer_delete", "setitimer", "getitimer",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "getrandom", "arch_prctl", "set_tid_address",
	// who and where it is
	"getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "getpgrp", "getpgid", "getsid", "capget",
	"uname", "sysinfo", "getrlimit", "prlimit64", "getrusage", "times", "getcwd", "umask",
	// files
	"open", "openat", "openat2", "creat", "close", "close_range", "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek",
	"stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64",
	"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
	"ftruncate", "truncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "flock", "fadvise64", "utimensat", "chmod", "fchmod", "fchmodat", "fchmodat2",
	"fchown", "fchownat", "chown", "lchown", "sendfile", "splice", "copy_file_range", "chdir", "fchdir", "memfd_create", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	// descriptors and waiting
	"dup", "dup2", "dup3", "pipe", "pipe2", "fcntl", "ioctl", "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"poll", "ppoll", "select", "pselect6", "timerfd_create", "timerfd_settime",
	// sockets that are there; which may be made, see below
	"connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "socketpair",
	"sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
}

// prctlVMA names memory, as the runtime does (PR_SET_VMA).
const prctlVMA = 0x53564d41

// seccompThere reports that the kernel has filters.
func seccompThere() bool { return seccomp.Supported() }

// seccomp puts the list in force; all else is refused with EPERM, so that a rare call of the runtime is an error and no end.
func (p *Policy) seccomp() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	there := func(name string) bool { _, ok := info.SyscallNames[name]; return ok }
	allow := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	for _, c := range calls {
		if there(c) {
			allow.Names = append(allow.Names, c)
		}
	}
	when := func(name string, conds ...seccomp.Condition) {
		if there(name) {
			allow.NamesWithCondtions = append(allow.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: conds})
		}
	}
	is := func(arg uint32, v uint64) seccomp.Condition {
		return seccomp.Condition{Argument: arg, Operation: seccomp.Equal, Value: v}
	}
	// A thread of this process, no process: what the runtime makes.
	when("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD})
	// Signals to itself alone.
	when("tgkill", is(0, uint64(os.Getpid())))
	// No memory that was written becomes code.
	for _, c := range []string{"mmap", "mprotect"} {
		when(c, seccomp.Condition{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC})
	}
	for _, option := range []uint64{prctlVMA, unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_GET_NO_NEW_PRIVS, unix.PR_GET_SECCOMP, unix.PR_GET_DUMPABLE} {
		when("prctl", is(0, option))
	}
	families := []uint64{unix.AF_UNIX}
	if p.Network {
		families = append(families, unix.AF_INET, unix.AF_INET6)
	}
	for _, f := range families {
		for _, typ := range []uint64{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
			for _, flags := range []uint64{0, unix.SOCK_CLOEXEC, unix.SOCK_NONBLOCK, unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK} {
				when("socket", is(0, f), is(1, typ|flags))
			}
		}
	}
	load := func(otherwise seccomp.Action, g seccomp.SyscallGroup) error {
		return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{DefaultAction: otherwise, Syscalls: []seccomp.SyscallGroup{g}}})
	}
	if there("clone3") { // its flags lie in memory, where a filter does not see them: C libraries go on with clone
		allow.Names = append(allow.Names, "clone3")
		if err := load(seccomp.ActionAllow, seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}}); err != nil {
			return err
		}
	}
	return load(seccomp.ActionErrno, allow)
}
