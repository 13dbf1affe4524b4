//go:build linux

package web

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"firestorm/internal/health"
	"firestorm/internal/store"
)

// hub tells streams that something is new. It looks at the store and the status while somebody listens, and only then.
type hub struct {
	o     *Options
	shelf shelf // of its own: PRAGMA data_version is a connection's

	mu      sync.Mutex
	streams map[chan struct{}]bool
	looking bool
	ended   bool
	done    chan struct{} // closed by close
}

func newHub(o *Options) *hub {
	return &hub{o: o, shelf: shelf{dir: o.Store}, streams: map[chan struct{}]bool{}, done: make(chan struct{})}
}

// join adds a stream; nil: there are too many. The channel holds one piece of news: who is slow misses none that matters.
func (h *hub) join() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || len(h.streams) >= maxStreams {
		return nil
	}
	c := make(chan struct{}, 1)
	h.streams[c] = true
	if !h.looking {
		h.looking = true
		go h.look()
	}
	return c
}

func (h *hub) leave(c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, c)
}

func (h *hub) close() {
	h.mu.Lock()
	if !h.ended {
		h.ended = true
		close(h.done)
	}
	h.mu.Unlock()
	h.shelf.close()
}

// look tells news until nobody listens any more.
func (h *hub) look() {
	tick := time.NewTicker(h.o.Poll)
	defer tick.Stop()
	last := h.digest()
	for {
		select {
		case <-h.done:
			return
		case <-tick.C:
		}
		now := h.digest()
		h.mu.Lock()
		if len(h.streams) == 0 {
			h.looking = false
			h.mu.Unlock()
			return
		}
		if now != last {
			last = now
			for c := range h.streams {
				select {
				case c <- struct{}{}:
				default:
				}
			}
		}
		h.mu.Unlock()
	}
}

// digest is another one after every change of what pages show.
func (h *hub) digest() string {
	j := health.Look(h.o.Status, h.o.Now())
	at := time.Time{}
	if j.File != nil {
		at = j.File.Time
	}
	var n int64
	err := h.shelf.with(func(s *store.Store) (err error) {
		n, err = s.Changed()
		return err
	})
	h.shelf.mu.RLock()
	defer h.shelf.mu.RUnlock()
	return fmt.Sprint(j.Mood, j.Word, at.Unix(), n, h.shelf.opened, err)
}

// heartbeat is how often a stream says that it lives: who is gone is found out.
const heartbeat = 15 * time.Second

// events is a stream of server-sent events. Each says that what pages show has changed; the page asks for itself again.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	news := s.hub.join()
	if news == nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many pages are open: this one is not kept fresh.", http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(news)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	c := http.NewResponseController(w)
	c.SetReadDeadline(time.Time{})
	n := 0
	say := func(text string) bool {
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return c.Flush() == nil
	}
	if !say("retry: 3000\nevent: hello\ndata: 0\n\n") {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		ok := true
		select {
		case <-s.hub.done:
			say("event: end\ndata: 0\n\n")
			return
		case <-r.Context().Done():
			return
		case <-news:
			n++
			ok = say(fmt.Sprintf("event: news\ndata: %d\n\n", n))
		case <-beat.C:
			ok = say(": here\n\n")
		}
		if !ok {
			return
		}
	}
}
