package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sandbox"
)

// role is what a process of these tests plays: a parent, or its worker.
const role = "FIRESTORM_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "parent":
		os.Exit(playParent())
	case "worker":
		os.Exit(playWorker())
	}
	os.Exit(m.Run())
}

// fake opens what a test wants.
type fake struct{ dir string }

func (f fake) Open(s capture.RingSpec) ([]*os.File, error) {
	switch s.Interface {
	case "gone":
		return nil, fmt.Errorf("gone: %w", capture.ErrNoInterface)
	case "denied":
		return nil, fmt.Errorf("denied: %w", capture.ErrNotPermitted)
	case "odd":
		return nil, errors.New("odd: something else")
	}
	var files []*os.File
	for range max(s.Rings, 1) {
		x, err := os.Open(filepath.Join(f.dir, "passed"))
		if err != nil {
			return nil, err
		}
		files = append(files, x)
	}
	return files, nil
}

// playParent runs a worker as the environment says: USER, WATCH (interfaces), FAKE (a folder: its opener opens nothing real).
func playParent() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	p := &Parent{Opener: capture.Local{}, Env: []string{role + "=worker"}, Notify: func(s string) error { fmt.Printf("notify %q\n", s); return nil }}
	if dir := os.Getenv("FAKE"); dir != "" {
		p.Opener = fake{dir}
	}
	if os.Getenv("ANSWER") != "" {
		p.Answer = func(q []byte) []byte { return fmt.Appendf(nil, `{"asked":%s}`, q) }
	}
	for _, name := range strings.Fields(os.Getenv("WATCH")) {
		p.Specs = append(p.Specs, capture.RingSpec{Interface: name, Blocks: 4, Rings: 2})
	}
	if name := os.Getenv("RUNAS"); name != "" {
		u, _, err := ChooseUser(name, "", Files{Write: []string{os.Getenv("INSIDE")}})
		if err != nil {
			fmt.Println("user", err)
			return 3
		}
		p.User = u
	}
	commands, end := Signals()
	defer end()
	p.Commands = commands
	c := make(chan os.Signal, 1)
	notifyTerm(c)
	go func() { <-c; stop() }()
	code, err := p.Run(ctx)
	if err != nil {
		fmt.Println("run", err)
		return 4
	}
	return code
}

// playWorker does what a worker does, and tries what one that was taken over would.
func playWorker() int {
	w, err := Join()
	if err != nil || w == nil {
		fmt.Println("join", err)
		return 5
	}
	fmt.Println("uid", os.Getuid(), os.Geteuid(), os.Getgid())
	groups, _ := os.Getgroups()
	fmt.Println("groups", groups)
	if os.Getenv("DIE") != "" {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	n := w.Notifier()
	n.Progress(1, "ready")
	if os.Getenv("FAKE") != "" {
		for _, name := range strings.Fields("real gone denied odd other") {
			files, err := w.Open(capture.RingSpec{Interface: name, Filter: "whatever the worker says"})
			var b []byte
			for _, f := range files {
				x := make([]byte, 64)
				k, _ := f.Read(x)
				b = append(b, x[:k]...)
				f.Close()
			}
			fmt.Printf("open %s %q %v none=%v denied=%v\n", name, b, err, errors.Is(err, capture.ErrNoInterface), errors.Is(err, capture.ErrNotPermitted))
		}
		if os.Getenv("ANSWER") != "" {
			for _, q := range []string{"1", `{"a":"b"}`, `"` + strings.Repeat("x", maxMessage) + `"`, "no JSON", "2"} {
				a, err := w.Ask([]byte(q))
				fmt.Printf("ask %.9s: %s %v\n", q, a, err)
			}
		}
		fmt.Println("command", <-w.Commands())
		<-w.Stopped()
		n.Close()
		return 7
	}
	state, err := sandbox.Enter(sandbox.Policy{Write: []string{os.Getenv("INSIDE")}})
	fmt.Println("sandbox", state, err)
	tried("shadow", func() error { _, err := os.ReadFile("/etc/shadow"); return err }())
	tried("outside", os.WriteFile(os.Getenv("OUTSIDE")+"/x", nil, 0o600))
	tried("inside", os.WriteFile(os.Getenv("INSIDE")+"/x", nil, 0o600))
	tried("exec", exec.Command("/bin/true").Run())
	tried("ptrace", unix.PtraceAttach(os.Getppid()))
	tried("kill", unix.Kill(os.Getppid(), 0))
	tried("memory", func() error { _, err := os.Open(fmt.Sprintf("/proc/%d/mem", os.Getppid())); return err }())
	tried("packet", func() error { _, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); return err }())
	tried("raw", func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, 1); return err }())
	tried("tcp", func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); return err }())
	_, _, e := unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0)
	tried("setuid", e)
	_, err = w.Open(capture.RingSpec{Interface: "lo"})
	fmt.Println("unwatched", errors.Is(err, capture.ErrNoInterface))
	live, err := capture.OpenLive(capture.LiveOptions{Interfaces: strings.Fields(os.Getenv("WATCH")), RingBytes: 4 << 20, Rings: 2, Opener: w})
	if err != nil {
		fmt.Println("live", err)
		return 6
	}
	fmt.Println("open")
	var b packet.Batch
	said := ""
	for {
		select {
		case <-w.Stopped():
			live.Close()
			return 0
		default:
		}
		if err := live.Next(&b); err == nil {
			b.Release()
		}
		l := live.Links()[0]
		if now := fmt.Sprintf("link %d packets, %q, back %d, rings %d", l.Packets, l.Why, l.Times, live.Rings(0)); now != said {
			said = now
			fmt.Println(now)
		}
	}
}

func tried(what string, err error) {
	switch {
	case err == nil || err == syscall.Errno(0):
		fmt.Println("tried", what, "done")
	case errors.Is(err, fs.ErrPermission):
		fmt.Println("tried", what, "refused")
	default:
		fmt.Println("tried", what, err)
	}
}

// play starts a parent, and returns it with what it and its worker say, a line at a time.
func play(t *testing.T, env ...string) (*exec.Cmd, func(want string) string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A user without rights must be able to start it: the folder of a test's program may be closed to others.
	c := exec.Command(exe)
	c.Env = append(append(os.Environ(), role+"=parent"), env...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	var all []string
	return c, func(want string) string {
		t.Helper()
		for end := time.After(8 * time.Second); ; {
			select {
			case l, ok := <-lines:
				if !ok {
					if want != "" {
						t.Fatalf("it never said %q:\n%s", want, strings.Join(all, "\n"))
					}
					return strings.Join(all, "\n")
				}
				all = append(all, l)
				if want != "" && strings.HasPrefix(l, want) {
					return l
				}
			case <-end:
				_ = c.Process.Kill()
				t.Fatalf("it did not say %q in time:\n%s", want, strings.Join(all, "\n"))
			}
		}
	}
}

// TestParentAndWorker: a worker gets files and errors of their kind for the interfaces that its parent knows, and replies; its news go
// on to the manager, signals reach it as commands, and its exit status is the parent's.
func TestParentAndWorker(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "passed"), []byte("the file"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, said := play(t, "FAKE="+dir, "WATCH=real gone denied odd", "ANSWER=1")
	for _, want := range []string{`open real "the filethe file" <nil>`, `open gone "" gone: no such interface none=true denied=false`, `open denied "" denied: not allowed to capture none=false denied=true`,
		`open odd "" odd: something else none=false denied=false`, `open other "" other: no such interface none=true`} {
		said(want)
	}
	for _, want := range []string{`ask 1: {"asked":1} <nil>`, `ask {"a":"b"}: {"asked":{"a":"b"}} <nil>`, `ask "xxxxxxxx:  a message is too long`, `ask no JSON:  json`, `ask 2: {"asked":2} <nil>`} {
		said(want)
	}
	_ = c.Process.Signal(syscall.SIGHUP)
	said("command 1")
	_ = c.Process.Signal(syscall.SIGTERM)
	all := said("")
	if err := c.Wait(); c.ProcessState.ExitCode() != 7 {
		t.Errorf("status %v", err)
	}
	if !strings.Contains(all, `notify "READY=1\nSTATUS=ready"`) || !strings.Contains(all, `notify "WATCHDOG=1"`) {
		t.Errorf("the manager heard nothing:\n%s", all)
	}
}

// TestWorkerDies: a worker that is killed is no success; one whose parent is killed ends by itself.
func TestWorkerDies(t *testing.T) {
	c, said := play(t, "DIE=1", "FAKE=/")
	said("run the worker was ended by a signal: killed")
	said("")
	if _ = c.Wait(); c.ProcessState.ExitCode() != 4 {
		t.Errorf("status %d", c.ProcessState.ExitCode())
	}
	c, said = play(t, "FAKE="+t.TempDir(), "WATCH=gone")
	said("open other")
	_ = c.Process.Signal(syscall.SIGUSR1)
	said("command 2")
	_ = c.Process.Kill()
	said("") // the worker holds the other end of the pipe: it ends when the worker has
	_ = c.Wait()
}

// TestJoinRefusesRights: a program that has capabilities, or could get some, is no worker.
func TestJoinRefusesRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a process with capabilities; try: sudo make test")
	}
	ch, theirs, err := newChannel()
	if err != nil {
		t.Fatal(err)
	}
	defer ch.c.Close()
	t.Setenv(channelVariable, fmt.Sprint(theirs.Fd()))
	if w, err := Join(); w != nil || err == nil || !strings.Contains(err.Error(), "rights that it must not have") {
		t.Errorf("%v %v", w, err)
	}
}

// TestSandboxedWorker: as another user, in the sandbox, a worker gets no further than its folder and its sockets; it sees
// packets of an interface that is deleted and made anew meanwhile.
func TestSandboxedWorker(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: another user, and a network namespace; try: sudo make test")
	}
	if have := sandbox.Available(); have.Landlock < 4 || !have.Seccomp {
		t.Skipf("needs a kernel with Landlock 4 or newer and seccomp, this one has %+v; try: a kernel from 6.7 on, with lsm=landlock,...", have)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("program \"ip\" is missing; try: make deps")
	}
	runtime.LockOSThread() // and never unlocked: the thread is not used again
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v; try: sudo make test", err)
	}
	ip := func(line string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v %s", line, err, out)
		}
	}
	// In the way to the test's folder others may not look: the worker is nobody.
	top, err := os.MkdirTemp("/tmp", "firestorm-service-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	in, out := top+"/in", top+"/out"
	for _, d := range []string{in, out} {
		if err := errors.Join(os.Mkdir(d, 0o777), os.Chmod(d, 0o777), os.Chmod(top, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	links := func() {
		ip("link add fsv0 type veth peer name fsv1")
		ip("link set fsv0 up")
		ip("link set fsv1 up")
	}
	send := func() {
		t.Helper()
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		index, err := indexOf(fd, "fsv1")
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := unix.Sendto(fd, packettest.UDP{Src: "192.0.2.1:7", Dst: "192.0.2.2:9", Payload: "x"}.Frame(), 0, &unix.SockaddrLinklayer{Ifindex: index}); err != nil {
				t.Fatal(err)
			}
		}
	}
	links()
	c, said := play(t, "RUNAS=nobody", "WATCH=fsv0", "INSIDE="+in, "OUTSIDE="+out)
	said("uid 65534 65534 ")
	said("groups [65534]")
	if s := said("sandbox "); !strings.HasPrefix(s, "sandbox on (Landlock ") {
		t.Error(s)
	}
	for _, want := range []string{"shadow refused", "outside refused", "inside done", "exec refused", "ptrace refused", "kill refused", "memory refused", "packet refused", "raw refused", "tcp refused", "setuid refused"} {
		said("tried " + want)
	}
	said("unwatched true")
	said("open")
	seen := func(back int) {
		t.Helper()
		for range 20 {
			send()
			l := said("link ")
			var n, times, rings int
			var why string
			if _, err := fmt.Sscanf(l, "link %d packets, %q, back %d, rings %d", &n, &why, &times, &rings); err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			if n > 0 && times == back && why == "" {
				if rings != 2 {
					t.Errorf("%d rings, back %d times", rings, back)
				}
				return
			}
		}
		t.Errorf("no packets after it came back %d times", back)
	}
	seen(0)
	for back := 1; back <= 2; back++ {
		ip("link del fsv0")
		for l := ""; !strings.Contains(l, `"gone"`); {
			l = said("link ")
		}
		links()
		seen(back)
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	said("")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func indexOf(fd int, name string) (int, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r)
	return int(r.Uint32()), err
}

// TestChooseUser: root's worker is the first who can reach the files; who cannot is named.
func TestChooseUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: looks at files as others do; try: sudo make test")
	}
	open, shut := t.TempDir(), t.TempDir()
	for d := open; d != "/" && d != "/tmp"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(open, 0o777), os.Chmod(shut, 0o700)); err != nil {
		t.Fatal(err)
	}
	u, why, err := ChooseUser("", "nobody", Files{Write: []string{open, open + "/new"}, Read: []string{"/etc/passwd", "/not/there"}})
	if err != nil || u.Name != "nobody" || u.UID == 0 || !u.Change || why != "" {
		t.Errorf("%+v %q %v", u, why, err)
	}
	u, why, err = ChooseUser("", "nobody", Files{Write: []string{open, shut}})
	if err != nil || u.UID != 0 || !u.Change || !strings.Contains(why, "nobody cannot reach "+shut) {
		t.Errorf("%+v %q %v", u, why, err)
	}
	if _, _, err = ChooseUser("nobody", "", Files{Read: []string{"/etc/shadow"}}); err == nil || !strings.Contains(err.Error(), "/etc/shadow") {
		t.Errorf("%v", err)
	}
	if _, _, err = ChooseUser("nosuchuser", "", Files{}); err == nil {
		t.Error("a user that is not there")
	}
	if err := (&User{UID: 65534, GID: 65534, Change: true}).Prepare(Files{Write: []string{open + "/a/b"}}); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(open + "/a/b"); err != nil || info.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("%v %v", info, err)
	}
	if os.Geteuid() != 0 || os.Getuid() != 0 {
		t.Error("this process became somebody else")
	}
}
