package output

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Sink.
const (
	sinkLine     = 1 << 20          // longest line, bytes; longer ones are lost
	sinkDatagram = 64 << 10         // longest line to a datagram socket, bytes
	sinkWait     = 2 * time.Second  // a receiver that takes nothing for so long is cut off
	sinkAway     = 30 * time.Second // longest time between two tries to reach a receiver
	sinkSick     = 10 * time.Second // a file that lost lines so shortly ago is not well: on a full disk short lines find room, and others do not
)

// Sink is where lines go in a live run: a file, a unix socket, standard output. It never fails and never waits long: what
// it cannot bring to its place is counted, and tried again with the next line. Only whole lines are written, so that a
// disk that was full, or a receiver that was gone, leaves no half ones. Its methods are for any goroutine.
type Sink struct {
	to     string
	kind   string    // "file", "unix", "unixgram", "stdout"
	stdout io.Writer // of "stdout"
	mu     sync.Mutex
	file   *os.File
	conn   net.Conn
	tail   []byte // of a line that is not whole yet
	skip   bool   // the line at hand was too long: its rest goes too
	health Health
	sick   time.Time // when a file lost lines last
	why    string    // of sick
	known  atomic.Pointer[sinkHealth]
	began  atomic.Int64 // when the Write at hand began, nanoseconds; 0: there is none
	next   time.Time    // when a receiver that was away is tried again
	pause  time.Duration
}

// sinkHealth is what Health may look at while a Write waits.
type sinkHealth struct {
	Health
	sick time.Time
	why  string
}

// publish lets Health know how it is.
func (s *Sink) publish() { s.known.Store(&sinkHealth{s.health, s.sick, s.why}) }

// OpenSink opens a place for lines: "-" is stdout, "unix:PATH" a stream socket, "unixgram:PATH" a datagram socket, all
// else a file that is appended to. A receiver that is not there yet is no error: it is tried again.
func OpenSink(to string, stdout io.Writer) (*Sink, error) {
	s := &Sink{to: to, kind: "file", stdout: stdout, health: Health{Up: true}}
	s.publish()
	network, path, ok := strings.Cut(to, ":")
	switch {
	case to == "-":
		s.kind = "stdout"
		return s, nil
	case ok && (network == "unix" || network == "unixgram"):
		if path == "" {
			return nil, fmt.Errorf("%q names no socket: %s:/run/receiver.sock", to, network)
		}
		s.kind, s.to = network, path
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dial()
		s.publish()
		return s, nil
	}
	var err error
	s.file, err = openAppend(to)
	return s, err
}

func openAppend(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
}

// Reopen begins the file anew under its name, as after a rotation: SIGHUP. On failure the old one goes on.
func (s *Sink) Reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind != "file" {
		return nil
	}
	f, err := openAppend(s.to)
	if err != nil {
		s.failed(err)
		s.publish()
		return err
	}
	if s.file != nil {
		_ = s.file.Close()
	}
	s.file = f
	return nil
}

// Write takes a part of the stream of lines. It returns len(b) and no error.
func (s *Sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began.Store(time.Now().UnixNano())
	defer func() {
		s.publish()
		s.began.Store(0)
	}()
	n := len(b)
	if s.skip {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return n, nil
		}
		b, s.skip = b[i+1:], false
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	if end == 0 {
		s.keep(b)
		return n, nil
	}
	lines := b[:end]
	if len(s.tail) > 0 {
		s.tail = append(s.tail, lines...)
		lines = s.tail
	}
	s.put(lines)
	s.tail = s.tail[:0]
	s.keep(b[end:])
	return n, nil
}

// keep holds the begin of a line until its end comes.
func (s *Sink) keep(b []byte) {
	if len(s.tail)+len(b) > sinkLine {
		s.tail, s.skip = s.tail[:0], true
		s.health.Lost++
		return
	}
	s.tail = append(s.tail, b...)
}

// put brings whole lines to their place.
func (s *Sink) put(lines []byte) {
	switch s.kind {
	case "stdout":
		if _, err := s.stdout.Write(lines); err != nil {
			s.lose(lines, err)
			return
		}
		s.up()
	case "file":
		s.putFile(lines)
	case "unix":
		if s.conn == nil && !s.dial() {
			s.lose(lines, nil)
			return
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(sinkWait))
		if _, err := s.conn.Write(lines); err != nil {
			s.hangUp(err) // the receiver sees the end of the stream within a line, and drops that
			s.lose(lines, err)
		}
	case "unixgram":
		for line := range bytes.Lines(lines) {
			s.putDatagram(line)
		}
	}
}

func (s *Sink) putFile(lines []byte) {
	if s.file == nil {
		var err error
		if s.file, err = openAppend(s.to); err != nil {
			s.file = nil
			s.lose(lines, err)
			return
		}
	}
	n, err := s.file.Write(lines)
	if err == nil {
		s.up()
		return
	}
	if n = min(max(n, 0), len(lines)); n > 0 {
		whole := bytes.LastIndexByte(lines[:n], '\n') + 1
		if st, statErr := s.file.Stat(); statErr == nil && st.Mode().IsRegular() && s.file.Truncate(st.Size()-int64(n-whole)) == nil { // half a line would damage the next one too
			lines = lines[whole:]
		}
	}
	s.sick, s.why = time.Now(), err.Error()
	s.lose(lines, err)
}

func (s *Sink) putDatagram(line []byte) {
	if len(line) > sinkDatagram {
		s.health.Lost++
		return
	}
	if s.conn == nil && !s.dial() {
		s.lose(line, nil)
		return
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(sinkWait))
	if _, err := s.conn.Write(line); err != nil {
		s.hangUp(err)
		s.lose(line, err)
		return
	}
	s.up()
}

// dial connects, unless the receiver was away a moment ago.
func (s *Sink) dial() bool {
	now := time.Now()
	if now.Before(s.next) {
		return false
	}
	c, err := net.DialTimeout(s.kind, s.to, sinkWait)
	if err != nil {
		s.hangUp(err)
		return false
	}
	if !s.health.Up {
		s.health.Retried++
	}
	s.conn = c
	s.up()
	return true
}

// hangUp ends the connection; the next try waits a little, longer each time.
func (s *Sink) hangUp(err error) {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	s.pause = min(max(2*s.pause, 250*time.Millisecond), sinkAway)
	s.next = time.Now().Add(s.pause)
	s.failed(err)
}

func (s *Sink) up() { s.health.Up, s.health.Err, s.pause = true, "", 0 }

func (s *Sink) failed(err error) {
	if err != nil {
		s.health.Up, s.health.Err = false, err.Error()
	}
}

// lose counts lines that did not come to their place; a nil err leaves the reason as it was.
func (s *Sink) lose(lines []byte, err error) {
	s.health.Lost += uint64(bytes.Count(lines, []byte{'\n'}))
	s.failed(err)
}

// Health says how the place is. It waits for nothing, also while a write hangs, and says that then.
func (s *Sink) Health() Health {
	k, now := s.known.Load(), time.Now()
	h := k.Health
	if h.Up && !k.sick.IsZero() && now.Sub(k.sick) < sinkSick {
		h.Up, h.Err = false, k.why
	}
	if t := s.began.Load(); t != 0 && now.Sub(time.Unix(0, t)) > sinkWait+time.Second {
		h.Up, h.Err = false, "it takes nothing"
	}
	return h
}

// Close ends the file or connection. A line without an end is lost.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	if s.file != nil {
		f := s.file
		s.file = nil
		return f.Close()
	}
	return nil
}
