package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
)

// The two processes speak over a pair of unix sockets that keep messages apart. Each message is one of these as JSON; files
// may come with it. The worker asks, the parent does no more than this.
type message struct {
	// From the worker.
	Open   string `json:"open,omitempty"`   // open the interface of that name again
	Notify string `json:"notify,omitempty"` // pass this on to the service manager
	// Ask is a question for Parent.Answer, Nr tells its reply from others.
	Ask json.RawMessage `json:"ask,omitempty"`
	Nr  uint64          `json:"nr,omitempty"`
	// From the parent.
	Opened  string  `json:"opened,omitempty"` // the files that come with it are those of this interface, or
	Failed  failure `json:"failed,omitempty"` // why there is none
	Error   string  `json:"error,omitempty"`  // of failedOther
	Command Command `json:"command,omitempty"`
	// Reply is that to the question Nr.
	Reply json.RawMessage `json:"reply,omitempty"`
}

// failure is why a socket could not be opened: errors lose their type on the way.
type failure uint8

const (
	failedNoInterface failure = iota + 1
	failedNotPermitted
	failedNotAdmin
	failedOther
)

// maxMessage bounds a message, bytes.
const maxMessage = 8 << 10

// channel is one end.
type channel struct{ c *net.UnixConn }

// newChannel makes the two ends; the second one is for another process.
func newChannel() (*channel, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("a pair of sockets: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "worker")
	c, err := channelOf(os.NewFile(uintptr(fds[0]), "parent"))
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c, theirs, nil
}

// channelOf makes a channel of a socket, which it takes over.
func channelOf(f *os.File) (*channel, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("no unix socket")
	}
	return &channel{u}, nil
}

// maxFiles bounds the files that come with a message: the rings of an interface.
const maxFiles = capture.MaxRings

// send sends a message; the files stay the caller's.
func (ch *channel) send(m *message, files ...*os.File) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return errors.New("a message is too long")
	}
	var oob []byte
	if len(files) > maxFiles {
		return errors.New("too many files for a message")
	}
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	_, _, err = ch.c.WriteMsgUnix(b, oob, nil)
	return err
}

// receive waits for the next message. The files that come with it are the caller's.
func (ch *channel) receive() (*message, []*os.File, error) {
	b, oob := make([]byte, maxMessage+1), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := ch.c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, nil, err
	}
	files := filesOf(oob[:oobn])
	m := &message{}
	if n == 0 && oobn == 0 {
		return nil, nil, errClosed
	}
	if err := json.Unmarshal(b[:n], m); err != nil || n > maxMessage || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		closeAll(files)
		return nil, nil, errors.New("a message that is none")
	}
	return m, files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

var errClosed = errors.New("the other process is gone")

func filesOf(oob []byte) (out []*os.File) {
	if len(oob) == 0 {
		return nil
	}
	ms, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range ms {
		fds, err := unix.ParseUnixRights(&ms[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			out = append(out, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return out
}

// open does what the worker asks for, with what the parent knows of the interface: the worker names it, no more.
func open(o capture.Opener, specs []capture.RingSpec, name string) (*message, []*os.File) {
	m := &message{Opened: name}
	for i := range specs {
		if specs[i].Interface != name {
			continue
		}
		files, err := o.Open(specs[i])
		switch {
		case err == nil:
		case errors.Is(err, capture.ErrNoInterface):
			m.Failed = failedNoInterface
		case errors.Is(err, capture.ErrNotPermitted):
			m.Failed = failedNotPermitted
		case errors.Is(err, capture.ErrNotAdmin):
			m.Failed = failedNotAdmin
		default:
			m.Failed, m.Error = failedOther, err.Error()
		}
		return m, files
	}
	m.Failed = failedNoInterface // it is none of those that are watched
	return m, nil
}

// err is the failure of m as an error.
func (m *message) err() error {
	switch m.Failed {
	case 0:
		return nil
	case failedNoInterface:
		return fmt.Errorf("%s: %w", m.Opened, capture.ErrNoInterface)
	case failedNotPermitted:
		return fmt.Errorf("%s: %w", m.Opened, capture.ErrNotPermitted)
	case failedNotAdmin:
		return fmt.Errorf("%s: %w", m.Opened, capture.ErrNotAdmin)
	}
	return errors.New(m.Error)
}
