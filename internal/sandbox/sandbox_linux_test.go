package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prisoner is what a child is told: its policy, and where it is to try.
type prisoner struct {
	Policy         Policy
	Free           bool // enter no sandbox: do the attempts work where nothing holds them?
	In, Out        string
	Allowed, Other string // addresses of listeners
	Abstract       string
}

// TestMain is the child's begin too.
func TestMain(m *testing.M) {
	if text := os.Getenv("FIRESTORM_TEST_PRISONER"); text != "" {
		var p prisoner
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			panic(err)
		}
		p.try()
		return
	}
	os.Exit(m.Run())
}

// escapes are ways out: each must be refused. What an attempt would do to the machine is nothing, or harmless.
var escapes = []struct {
	name string
	// root: without the sandbox it works for root alone. odd: without, it fails for another reason than a refusal.
	root, odd bool
	do        func(p *prisoner) error
}{
	{"read /etc/shadow", true, false, func(*prisoner) error { _, err := os.ReadFile("/etc/shadow"); return err }},
	{"read /etc/passwd", false, false, func(*prisoner) error { _, err := os.ReadFile("/etc/passwd"); return err }},
	{"read a file outside", false, false, func(p *prisoner) error { _, err := os.ReadFile(p.Out + "/there"); return err }},
	{"read it by a way from inside", false, false, func(p *prisoner) error {
		_ = os.Symlink(p.Out+"/there", p.In+"/way")
		_, err := os.ReadFile(p.In + "/way")
		return err
	}},
	{"list a folder outside", false, false, func(p *prisoner) error { _, err := os.ReadDir(p.Out); return err }},
	{"make a file outside", false, false, func(p *prisoner) error { return os.WriteFile(p.Out+"/new", nil, 0o600) }},
	{"append to a file outside", false, false, func(p *prisoner) error {
		f, err := os.OpenFile(p.Out+"/there", os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			f.Close()
		}
		return err
	}},
	{"move a file outside", false, false, func(p *prisoner) error {
		_ = os.WriteFile(p.In+"/m", nil, 0o600)
		return os.Rename(p.In+"/m", p.Out+"/moved")
	}},
	{"remove a file outside", false, false, func(p *prisoner) error { return os.Remove(p.Out + "/remove") }},
	{"read another's memory", true, false, func(*prisoner) error {
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", os.Getppid()))
		if err == nil {
			f.Close()
		}
		return err
	}},
	{"start a program", false, false, func(*prisoner) error { return exec.Command("/bin/true").Run() }},
	{"become a program", false, true, func(p *prisoner) error { return unix.Exec(p.Out+"/there", nil, nil) }}, // no program: EACCES or ENOEXEC
	{"fork", false, false, func(*prisoner) error {
		pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if e != 0 {
			return e
		}
		if pid == 0 {
			for {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		_, err := unix.Wait4(int(pid), nil, 0, nil)
		return err
	}},
	{"ptrace", false, true, func(*prisoner) error { return unix.PtraceDetach(os.Getppid()) }},
	{"process_vm_readv", false, true, func(*prisoner) error {
		b := make([]byte, 8)
		iov := []unix.Iovec{{Base: &b[0], Len: 8}}
		_, err := unix.ProcessVMReadv(os.Getppid(), iov, []unix.RemoteIovec{{Base: 8, Len: 8}}, 0)
		return err
	}},
	{"signal another", false, false, func(*prisoner) error { return unix.Kill(os.Getppid(), 0) }},
	{"packet socket", true, false, func(*prisoner) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
	{"raw socket", true, false, func(*prisoner) error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) }},
	{"netlink socket", false, false, func(*prisoner) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, 0) }},
	{"setuid", false, false, func(*prisoner) error { return raw(unix.SYS_SETUID, uintptr(os.Getuid())) }},
	{"setresuid", false, false, func(*prisoner) error {
		u := uintptr(os.Getuid())
		return raw(unix.SYS_SETRESUID, u, u, u)
	}},
	{"setgid", false, false, func(*prisoner) error { return raw(unix.SYS_SETGID, uintptr(os.Getgid())) }},
	{"setgroups", true, false, func(*prisoner) error { return raw(unix.SYS_SETGROUPS, 0, 0) }},
	{"capset", false, false, func(*prisoner) error {
		h, d := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
		if err := unix.Capget(&h, &d[0]); err != nil {
			return fmt.Errorf("capget: %v", err)
		}
		return unix.Capset(&h, &d[0])
	}},
	{"a user namespace", false, true, func(*prisoner) error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{"a network namespace", true, false, func(*prisoner) error { return unix.Unshare(unix.CLONE_NEWNET) }},
	{"mount", false, true, func(p *prisoner) error { return unix.Mount("none", p.In+"/nowhere", "tmpfs", 0, "") }},
	{"chroot", false, true, func(p *prisoner) error { return unix.Chroot(p.In + "/nowhere") }},
	{"bpf", false, true, func(*prisoner) error { return raw(unix.SYS_BPF, 999) }},
	{"perf_event_open", false, true, func(*prisoner) error { return raw(unix.SYS_PERF_EVENT_OPEN, 0) }},
	{"io_uring", false, true, func(*prisoner) error { return raw(unix.SYS_IO_URING_SETUP, 0, 0) }},
	{"userfaultfd", false, true, func(*prisoner) error { return raw(unix.SYS_USERFAULTFD, 0xffff) }},
	{"keys", false, true, func(*prisoner) error { return raw(unix.SYS_KEYCTL, 999) }},
	{"a kernel module", false, true, func(*prisoner) error { return raw(unix.SYS_FINIT_MODULE, ^uintptr(0)) }},
	{"a file by its handle", false, true, func(*prisoner) error { return raw(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), 0, 0) }},
	{"personality", false, false, func(*prisoner) error { return raw(unix.SYS_PERSONALITY, 0xffffffff) }},
	{"the clock", false, true, func(*prisoner) error { return raw(unix.SYS_CLOCK_SETTIME, 999) }},
	{"memory as code", false, false, func(*prisoner) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err == nil {
			_ = unix.Munmap(b)
		}
		return err
	}},
	{"written memory made code", false, false, func(*prisoner) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return nil
		}
		defer func() { _ = unix.Munmap(b) }()
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	}},
	{"connect to another port", false, false, func(p *prisoner) error { return dial("tcp", p.Other) }},
	{"listen", false, false, func(*prisoner) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}},
	{"an abstract socket outside", false, false, func(p *prisoner) error { return dial("unix", p.Abstract) }},
}

func socket(family, typ, proto int) error {
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, proto)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func raw(n uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, e := unix.RawSyscall6(n, a[0], a[1], a[2], a[3], a[4], a[5]); e != 0 {
		return e
	}
	return nil
}

func dial(network, address string) error {
	c, err := net.DialTimeout(network, address, 2*time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

// duties must work in the sandbox: each is something that a sensor does.
var duties = []struct {
	name string
	do   func(p *prisoner) error
}{
	{"files in their folder", func(p *prisoner) error {
		f, err := os.CreateTemp(p.In, "x")
		if err != nil {
			return err
		}
		_, err = f.WriteString("x")
		err = errors.Join(err, f.Sync(), f.Chmod(0o644), f.Close(), os.Mkdir(p.In+"/d", 0o700), os.Rename(f.Name(), p.In+"/d/y"), os.Truncate(p.In+"/d/y", 0), os.Remove(p.In+"/d/y"), os.Remove(p.In+"/d"))
		return err
	}},
	{"threads and the collector", func(*prisoner) error {
		var wg sync.WaitGroup
		for range 20 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				runtime.LockOSThread()
				time.Sleep(5 * time.Millisecond)
				_ = make([]byte, 1<<20)
			}()
		}
		wg.Wait()
		runtime.GC()
		return nil
	}},
	{"memory from the system and back", func(*prisoner) error {
		b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		_ = *(*byte)(unsafe.Pointer(&b[0]))
		return unix.Munmap(b)
	}},
	{"connect where it may", func(p *prisoner) error {
		if !p.Policy.Network {
			return nil
		}
		return errors.Join(dial("tcp", p.Allowed), dial("udp", "127.0.0.1:9"))
	}},
	{"the hour somewhere else", func(*prisoner) error { time.Now().Local(); return nil }},
}

// apart runs f in a thread that is not used again: what an attempt that works does to it, the next one does not inherit.
func apart(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// try tries all and says how it went, a line each.
func (p *prisoner) try() {
	if !p.Free {
		s, err := Enter(p.Policy)
		if err != nil {
			fmt.Println("enter\t", err)
			return
		}
		fmt.Println("state\t" + s.String())
	}
	say := func(name string, err error) {
		switch {
		case err == nil:
			fmt.Println(name + "\tdone")
		case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
			fmt.Println(name + "\trefused")
		default:
			fmt.Println(name + "\t" + err.Error())
		}
	}
	for i := range duties {
		say(duties[i].name, duties[i].do(p))
	}
	for i := range escapes {
		say(escapes[i].name, apart(func() error { return escapes[i].do(p) }))
	}
	fmt.Println("end\tdone")
}

// send has a child try, and returns what it said of each.
func send(t *testing.T, p prisoner) map[string]string {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), "FIRESTORM_TEST_PRISONER="+string(text))
	out, err := c.CombinedOutput()
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "\t")
		said[k] = v
	}
	if err != nil || said["end"] != "done" {
		t.Fatalf("%v: %s", err, out)
	}
	return said
}

func listener(t *testing.T, network, address string) string {
	t.Helper()
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	l, err := c.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

// TestNoEscape: whatever a worker that was taken over tries to get out is refused, though its user might; and what it has to
// do works. The same attempts without the sandbox show that they would work, so that a refusal means something.
func TestNoEscape(t *testing.T) {
	have := Available()
	t.Logf("this kernel: Landlock %d, seccomp %v", have.Landlock, have.Seccomp)
	if have.Landlock < 6 || !have.Seccomp {
		t.Skipf("needs a kernel with Landlock 6 or newer and seccomp, this one has %+v; try: a kernel from 6.12 on, with lsm=landlock,...", have)
	}
	p := prisoner{In: t.TempDir(), Out: t.TempDir(), Allowed: listener(t, "tcp", "127.0.0.1:0"), Other: listener(t, "tcp", "127.0.0.1:0"),
		Abstract: listener(t, "unix", fmt.Sprintf("@firestorm-test-%d", os.Getpid()))}
	port := func(a string) uint16 {
		x, err := net.ResolveTCPAddr("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		return uint16(x.Port)
	}
	p.Policy = Policy{Write: []string{p.In}, Network: true, Connect: []uint16{port(p.Allowed)}}
	reset := func() {
		for _, name := range []string{"there", "remove"} {
			if err := os.WriteFile(filepath.Join(p.Out, name), []byte("outside\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	reset()
	p.Free = true
	free := send(t, p)
	for i := range escapes {
		e := &escapes[i]
		got := free[e.name]
		if e.root && os.Geteuid() != 0 {
			continue
		}
		if !e.odd && got != "done" {
			t.Errorf("without the sandbox, %s: %q: the attempt proves nothing", e.name, got)
		}
	}
	reset()
	p.Free = false
	for _, network := range []bool{true, false} {
		p.Policy.Network = network
		got := send(t, p)
		for i := range duties {
			if s := got[duties[i].name]; s != "done" {
				t.Errorf("in the sandbox (network %v), %s: %s", network, duties[i].name, s)
			}
		}
		for i := range escapes {
			if s := got[escapes[i].name]; s != "refused" {
				t.Errorf("in the sandbox (network %v), %s: %s", network, escapes[i].name, s)
			}
		}
		if s := got["state"]; !strings.HasPrefix(s, "on (Landlock ") || !strings.Contains(s, "seccomp") {
			t.Errorf("state %q", s)
		}
	}
	if b, err := os.ReadFile(p.Out + "/there"); err != nil || string(b) != "outside\n" {
		t.Errorf("outside was changed: %q %v", b, err)
	}
}

// TestStateSaysWhatIsMissing: an old kernel is told.
func TestStateSaysWhatIsMissing(t *testing.T) {
	for want, s := range map[string]State{
		"on (Landlock 7, seccomp)": {7, true},
		"on (Landlock 3, seccomp); this Landlock does not bound what is connected to":                                                            {3, true},
		"on (seccomp); the kernel has no Landlock: files are kept apart by permissions alone":                                                    {0, true},
		"the kernel has no Landlock: files are kept apart by permissions alone; the kernel has no seccomp filters: system calls are not bounded": {},
	} {
		if s.String() != want {
			t.Errorf("%q, not %q", s, want)
		}
	}
}
