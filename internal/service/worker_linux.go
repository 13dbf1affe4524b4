package service

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
)

// channelVariable tells a process that it is a worker, and which descriptor its channel is.
const channelVariable = "FIRESTORM_CHANNEL"

// Worker is the process that reads packets and has no rights. It implements capture.Opener: its parent opens what it may
// not. Signals reach the parent, and the worker as commands.
type Worker struct {
	ch       *channel
	commands chan Command
	stop     chan struct{} // closed by the first Stop, or when the parent is gone
	again    chan struct{} // closed by the second one

	mu     sync.Mutex // one question at a time
	opened chan answer
	asked  uint64 // questions for Ask
	reply  chan *message
	gone   chan struct{}
}

type answer struct {
	m     *message
	files []*os.File
}

// Join makes this process a worker where its parent started it as one; nil: it was started by a person. Signals that its
// parent gets too are ignored from then on. It refuses to go on with rights that a worker must not have.
func Join() (*Worker, error) {
	text := os.Getenv(channelVariable)
	if text == "" {
		return nil, nil
	}
	_ = os.Unsetenv(channelVariable)
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%q is no channel", channelVariable, text)
	}
	unix.CloseOnExec(fd)
	ch, err := channelOf(os.NewFile(uintptr(fd), "channel"))
	if err != nil {
		return nil, fmt.Errorf("%s=%s is no channel: %w", channelVariable, text, err)
	}
	if err := checkRights(); err != nil {
		return nil, err
	}
	_ = os.WriteFile("/proc/self/comm", []byte("firestorm"), 0) // it was started as /proc/self/exe: who lists processes sees its name
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	w := &Worker{ch: ch, commands: make(chan Command, waitingCommands), stop: make(chan struct{}), again: make(chan struct{}), opened: make(chan answer, 1), reply: make(chan *message, 1), gone: make(chan struct{})}
	go w.listen()
	return w, nil
}

// checkRights returns an error where this process has capabilities, or could get some.
func checkRights() error {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer f.Close()
	want := map[string]string{"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapAmb": "0000000000000000", "NoNewPrivs": "1"}
	for s := bufio.NewScanner(f); s.Scan(); {
		k, v, _ := strings.Cut(s.Text(), ":")
		if w, ok := want[k]; ok && strings.TrimSpace(v) == w {
			delete(want, k)
		}
	}
	for k := range want {
		return fmt.Errorf("a worker was started with rights that it must not have: %s", k)
	}
	return nil
}

// lastGrace is how long a worker whose parent is gone may take to end by itself.
const lastGrace = 8 * time.Second

func (w *Worker) listen() {
	defer close(w.gone)
	for {
		m, files, err := w.ch.receive()
		if err != nil {
			w.halt()
			time.AfterFunc(lastGrace, func() { os.Exit(1) })
			return
		}
		switch {
		case m.Opened != "":
			select {
			case w.opened <- answer{m, files}:
			default: // nobody asked
				closeAll(files)
			}
		case m.Reply != nil:
			closeAll(files)
			select {
			case w.reply <- m:
			default: // nobody asked
			}
		case m.Command == Stop:
			w.halt()
		case m.Command != 0:
			select {
			case w.commands <- m.Command:
			default:
			}
		}
	}
}

// halt is called by one goroutine.
func (w *Worker) halt() {
	select {
	case <-w.stop:
		select {
		case <-w.again:
		default:
			close(w.again)
		}
	default:
		close(w.stop)
	}
}

// Stopped is closed when the worker is to write what was found and end, Again when it is to end at once.
func (w *Worker) Stopped() <-chan struct{} { return w.stop }

// Again is closed by the second wish to end.
func (w *Worker) Again() <-chan struct{} { return w.again }

// Commands are those that signals to the parent give.
func (w *Worker) Commands() <-chan Command { return w.commands }

// Notifier tells the parent's service manager.
func (w *Worker) Notifier() *Notifier {
	return NewNotifier(func(state string) error { return w.ch.send(&message{Notify: state}) })
}

// Ask gives a question to the parent's Answer and returns the reply, JSON both.
func (w *Worker) Ask(question []byte) (reply []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if err := w.ch.send(&message{Ask: question, Nr: w.asked}); err != nil {
		return nil, err
	}
	over := time.NewTimer(answerWithin)
	defer over.Stop()
	for {
		select {
		case m := <-w.reply:
			if m.Nr == w.asked { // others are of questions that were given up
				return m.Reply, nil
			}
		case <-w.gone:
			return nil, errClosed
		case <-over.C:
			return nil, errors.New("the parent does not answer")
		}
	}
}

// answerWithin is how long the parent may take to open a socket, or to answer.
const answerWithin = 5 * time.Second

// Open implements capture.Opener: of s the parent takes no more than the name of the interface.
func (w *Worker) Open(s capture.RingSpec) ([]*os.File, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select { // of a question that was given up
	case a := <-w.opened:
		closeAll(a.files)
	default:
	}
	if err := w.ch.send(&message{Open: s.Interface}); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Interface, err)
	}
	over := time.NewTimer(answerWithin)
	defer over.Stop()
	select {
	case a := <-w.opened:
		err := a.m.err()
		if err == nil && (len(a.files) == 0 || a.m.Opened != s.Interface) {
			err = errors.New("the parent answered something else")
		}
		if err != nil {
			closeAll(a.files)
			return nil, err
		}
		return a.files, nil
	case <-w.gone:
		return nil, fmt.Errorf("%s: %w", s.Interface, errClosed)
	case <-over.C:
		return nil, fmt.Errorf("%s: the parent does not answer", s.Interface)
	}
}
