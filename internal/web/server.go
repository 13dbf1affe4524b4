//go:build linux

package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/report"
	"firestorm/internal/store"
)

// Options say what the console shows, and to whom.
type Options struct {
	Store  string // folder of the store; it may not be there yet
	Status string // status file of the watch; empty: none was named
	Token  string // who has it may look
	// Names are host names that a proxy in front of the unix socket may use, beside those of loopback.
	Names []string
	Codes map[string]*finding.Code
	// Report makes the report around a finding that was kept.
	Report func(*store.Record) *report.Report
	// Now is the clock of the machine; nil: time.Now.
	Now func() time.Time
	// Poll is how often the store and the status are asked for news, while somebody looks; 0: a second.
	Poll time.Duration
}

// Bounds of what the console does at once.
const (
	maxConnections = 64
	maxStreams     = 16
	maxQueries     = 4
	queryPatience  = 5 * time.Second // how long a page waits for its turn at the store
	endPatience    = 2 * time.Second // how long answers may take to end
)

// Server is the console.
type Server struct {
	o       Options
	guard   guard
	shelf   shelf
	turns   chan struct{} // questions to the store that may run
	hub     *hub
	handler http.Handler
}

// New makes a console. Close it.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	s := &Server{o: o, guard: newGuard(o.Token, o.Names), turns: make(chan struct{}, maxQueries)}
	s.shelf.dir = o.Store
	s.hub = newHub(&o)
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", s.inbox)
	m.HandleFunc("GET /finding/{id}", s.finding)
	m.HandleFunc("GET /status", s.status)
	m.HandleFunc("GET /keys", s.keys)
	m.HandleFunc("GET /events", s.events)
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.sorry(w, r, http.StatusNotFound, "There is no such page", "The address is mistyped, or what it named is gone.")
	})
	s.handler = s.guarded(m)
	return s
}

// Close ends streams and gives back the store.
func (s *Server) Close() {
	s.hub.close()
	s.shelf.close()
}

// Handler answers requests.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on l until ctx ends; open pages are told, and have endPatience.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		s.hub.close() // streams never end by themselves
		bound, cancel := context.WithTimeout(context.Background(), endPatience)
		defer cancel()
		err := srv.Shutdown(bound)
		if err != nil {
			err = srv.Close()
		}
		ended <- err
	})
	err := srv.Serve(&limited{Listener: l, room: make(chan struct{}, maxConnections)})
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// limited bounds the connections that are open at once: the next ones wait in the kernel.
type limited struct {
	net.Listener
	room chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &counted{Conn: c, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
