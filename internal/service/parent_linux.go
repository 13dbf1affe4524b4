package service

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
)

// Parent is the process that has rights. It opens packet sockets and passes them on, passes signals on as commands, and
// news to the service manager; it never reads a packet, and of its worker nothing but the names of interfaces and what Answer
// allows.
type Parent struct {
	Specs  []capture.RingSpec // what may be opened
	Opener capture.Opener
	// Admin: some of them are of netfilter, or Answer changes it, so CAP_NET_ADMIN is kept beside CAP_NET_RAW.
	Admin bool
	// Answer answers what the worker asks with Worker.Ask, JSON both, one question at a time; nil: it may ask nothing. The worker
	// may have been taken over: what it asks is to be judged, not believed.
	Answer func(question []byte) (reply []byte)
	User   User // whom the worker runs as
	Args   []string
	// Commands are those to pass on; Stop is given when the context ends.
	Commands <-chan Command
	// Notify passes on to the service manager; nil: there is none.
	Notify func(state string) error
	// Exe is the program; empty: this one.
	Exe string
	// Env is added to the worker's environment.
	Env []string
}

// killAfter is how long a worker may take to end: more than it needs by itself.
const killAfter = 10 * time.Second

// Run starts the worker and serves it until it ends. status is its exit status; an error says that it did not start, or
// was ended by a signal.
func (p *Parent) Run(ctx context.Context) (status int, err error) {
	ch, theirs, err := newChannel()
	if err != nil {
		return 0, err
	}
	defer ch.c.Close()
	exe := p.Exe
	if exe == "" {
		exe = "/proc/self/exe"
	}
	cmd := exec.Command(exe, p.Args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "NOTIFY_SOCKET" && name != "WATCHDOG_USEC" && name != "WATCHDOG_PID" && name != channelVariable {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, p.Env...), channelVariable+"=3")
	// In a group of its own: Ctrl-C on a terminal reaches the parent alone, which passes it on once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.User.Change {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.User.UID, Gid: p.User.GID, Groups: p.User.Groups}
	}
	started := make(chan error)
	ended := make(chan error, 1)
	go start(cmd, started, ended)
	if err := <-started; err != nil {
		theirs.Close()
		return 0, fmt.Errorf("the worker does not start: %w", err)
	}
	theirs.Close()
	_ = Lessen(p.Admin)
	go p.serve(ch)
	stop, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case c := <-p.Commands:
			_ = ch.send(&message{Command: c})
		case <-stop:
			_ = ch.send(&message{Command: Stop})
			stop, late = nil, time.After(killAfter)
		case <-late:
			_ = cmd.Process.Kill()
		case err := <-ended:
			return exitStatus(cmd, err)
		}
	}
}

// start starts cmd in a thread that gives up all rights before, so that the program begins without them: no capabilities
// that it could be given, or keep, and none from its file. The thread waits until the program has ended.
func start(cmd *exec.Cmd, started, ended chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
	if err := forsake(); err != nil {
		started <- err
		return
	}
	err := cmd.Start()
	started <- err
	if err == nil {
		ended <- cmd.Wait()
	}
}

// forsake takes from this thread what a program that it starts could have more rights by. Its own rights stay: it needs them
// to become another user.
func forsake() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	h, d, err := rights()
	if err != nil {
		return err
	}
	if d[0].Effective>>unix.CAP_SETPCAP&1 != 0 {
		for c := uintptr(0); c < 64; c++ {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
				break // past the last one
			} else if err != nil {
				return fmt.Errorf("the bounding set: %w", err)
			}
		}
	}
	d[0].Inheritable, d[1].Inheritable = 0, 0
	return unix.Capset(&h, &d[0])
}

// rights are the capabilities of this thread.
func rights() (h unix.CapUserHeader, d [2]unix.CapUserData, err error) {
	h.Version = unix.LINUX_CAPABILITY_VERSION_3
	err = unix.Capget(&h, &d[0])
	return h, d, err
}

// Privileged reports that this process has rights that who reads packets should not have: it is root, or has capabilities.
func Privileged() bool {
	_, d, err := rights()
	return err != nil || os.Geteuid() == 0 || d[0].Permitted|d[1].Permitted != 0
}

// kept is what a parent needs once its worker runs: packet sockets, and to end a worker of another user that hangs.
const kept = 1<<unix.CAP_NET_RAW | 1<<unix.CAP_KILL

// Lessen takes all capabilities from this process but those that a parent needs; admin: CAP_NET_ADMIN is one of them.
func Lessen(admin bool) error {
	h, d, err := rights()
	if err != nil {
		return err
	}
	keep := uint32(kept)
	if admin {
		keep |= 1 << unix.CAP_NET_ADMIN
	}
	d[0].Effective, d[0].Permitted, d[0].Inheritable = d[0].Effective&keep, d[0].Permitted&keep, 0
	d[1] = unix.CapUserData{}
	return allThreads(h, d)
}

func exitStatus(cmd *exec.Cmd, err error) (int, error) {
	s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return 0, err
	case s.Signaled():
		return 0, fmt.Errorf("the worker was ended by a signal: %s", s.Signal())
	}
	return s.ExitStatus(), nil
}

// serve does what the worker asks for, until it is gone or says something that is no question.
func (p *Parent) serve(ch *channel) {
	for {
		m, given, err := ch.receive()
		closeAll(given) // a worker has nothing to give
		if err != nil {
			return
		}
		switch {
		case m.Open != "":
			answer, files := open(p.Opener, p.Specs, m.Open)
			err := ch.send(answer, files...)
			closeAll(files)
			if err != nil {
				return
			}
		case m.Ask != nil && p.Answer != nil:
			if ch.send(&message{Reply: p.Answer(m.Ask), Nr: m.Nr}) != nil {
				return
			}
		case m.Notify != "" && p.Notify != nil:
			_ = p.Notify(m.Notify)
		}
	}
}
