package service

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells a service manager how the sensor is, in the words of sd_notify(3). No method waits for the manager, and
// the nil Notifier tells nobody. Ready, Progress and the others are for any goroutine.
type Notifier struct {
	send func(state string) error
	news chan string
	beat chan struct{}
	done chan struct{}

	mu       sync.Mutex
	ready    bool   // READY=1 was said
	began    bool   // Progress was called
	progress uint64 // when a beat was last given
	status   string
	ended    bool
}

// notifyQueue bounds the news that wait for the manager.
const notifyQueue = 32

// NewNotifier hands news to send, which runs in a goroutine of its own.
func NewNotifier(send func(state string) error) *Notifier {
	n := &Notifier{send: send, news: make(chan string, notifyQueue), beat: make(chan struct{}, 1), done: make(chan struct{})}
	go n.run()
	return n
}

// SystemNotifier speaks to the manager that started this process; nil: none did (NOTIFY_SOCKET is not set).
func SystemNotifier() *Notifier {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	return NewNotifier(systemSend)
}

func systemSend(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}

func (n *Notifier) run() {
	defer close(n.done)
	for {
		select {
		case s, ok := <-n.news:
			if !ok {
				return
			}
			_ = n.send(s) // a manager that does not listen is no reason to end
		case <-n.beat:
			_ = n.send(daemon.SdNotifyWatchdog)
		}
	}
}

// tell queues news; what finds no room is left out.
func (n *Notifier) tell(lines ...string) {
	if n.ended {
		return
	}
	select {
	case n.news <- strings.Join(lines, "\n"):
	default:
	}
}

// Progress is called by the engine about each second with how many rounds of packets have gone all the way through it, and
// a line on how it does. The first call says that the sensor is ready. Each call with another number than the last feeds
// the watchdog: an engine that is stuck, in whatever part, feeds it no more.
func (n *Notifier) Progress(rounds uint64, status string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ready {
		n.ready, n.status = true, status
		n.tell(daemon.SdNotifyReady, "STATUS="+line(status))
	} else if status != n.status {
		n.status = status
		n.tell("STATUS=" + line(status))
	}
	if n.began && rounds == n.progress {
		return
	}
	n.began, n.progress = true, rounds
	select {
	case n.beat <- struct{}{}:
	default:
	}
}

// Reloading says that a reload begins: what Type=notify-reload waits for is the moment on the monotonic clock.
func (n *Notifier) Reloading() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tell(daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec())
}

// Reloaded says that it is over, and how it went.
func (n *Notifier) Reloaded(status string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status = status
	n.tell(daemon.SdNotifyReady, "STATUS="+line(status))
}

// Stopping says that the end has begun.
func (n *Notifier) Stopping(status string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tell(daemon.SdNotifyStopping, "STATUS="+line(status))
}

// notifyEnd is how long the end waits for a manager that does not listen.
const notifyEnd = 500 * time.Millisecond

// Close sends what waits, within half a second.
func (n *Notifier) Close() {
	if n == nil {
		return
	}
	n.mu.Lock()
	over := n.ended
	n.ended = true
	n.mu.Unlock()
	if over {
		return
	}
	close(n.news)
	select {
	case <-n.done:
	case <-time.After(notifyEnd):
	}
}

// line keeps a status on one line: a name of an interface or a file may hold anything.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// SystemSend passes news on to the manager that started this process; nil: none did.
func SystemSend() func(state string) error {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	return systemSend
}
