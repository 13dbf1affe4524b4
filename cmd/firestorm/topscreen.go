//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Sequences of terminals (ECMA-48, xterm).
const (
	screenOpen  = "\x1b[?1049h\x1b[?25l" // the other screen, no cursor
	screenClose = "\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	lineRest    = "\x1b[K" // is made empty
	screenRest  = "\x1b[J"
)

// topScreen runs top on a terminal until somebody ends it.
func (a *app) topScreen(ctx context.Context, w *topFlags) error {
	in, ok := a.stdin.(*os.File)
	out, alsoOK := a.stdout.(*os.File)
	if !ok || !alsoOK || !term.IsTerminal(int(in.Fd())) {
		return &failure{code: exitUsage, what: "there is no terminal to read keys from", why: "standard input is something else", try: "firestorm top --once"}
	}
	was, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return &failure{code: exitEngine, what: "the terminal cannot be used", why: err.Error(), err: err, try: "firestorm top --once"}
	}
	defer func() { _ = term.Restore(int(in.Fd()), was) }()
	_, _ = io.WriteString(out, screenOpen)
	defer func() { _, _ = io.WriteString(out, screenClose) }()

	m := &topModel{view: topView{width: 80, height: 24, color: a.useColor(a.stdout)}}
	size := func() {
		if x, y, err := term.GetSize(int(out.Fd())); err == nil {
			m.view.width, m.view.height = max(x, 1), max(y, 1)
		}
	}
	size()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	keys := make(chan []string)
	go readKeys(in, keys) // it waits in a read until the program ends
	read := make(chan *topData, 1)
	gather := func() { read <- w.gather(time.Now()) } // one at a time: a slow disk holds up no key
	go gather()
	again := time.NewTimer(time.Hour)
	again.Stop()
	for {
		_, _ = io.WriteString(out, m.screen())
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
			size()
		case d := <-read:
			m.took(d)
			again.Reset(topEvery)
		case <-again.C:
			go gather()
		case ks, ok := <-keys:
			if !ok {
				return nil // the terminal is gone
			}
			for _, k := range ks {
				if m.key(k) {
					return nil
				}
			}
		}
	}
}

// readKeys sends the keys that come from a terminal, as often as it gives some.
func readKeys(r io.Reader, to chan<- []string) {
	defer close(to)
	b := make([]byte, 256)
	for {
		n, err := r.Read(b)
		if n > 0 {
			to <- keysOf(b[:n])
		}
		if err != nil {
			return
		}
	}
}

// keyNames are the sequences that stand for keys.
var keyNames = []struct{ is, name string }{
	{"\x1b[A", "up"}, {"\x1b[B", "down"}, {"\x1bOA", "up"}, {"\x1bOB", "down"}, {"\x1b[5~", "pgup"}, {"\x1b[6~", "pgdown"},
	{"\x1b[H", "home"}, {"\x1bOH", "home"}, {"\x1b[1~", "home"}, {"\x1bOP", "f1"}, {"\x1b[11~", "f1"}, {"\x03", "ctrl+c"}, {"\x04", "ctrl+d"},
}

// keysOf names the keys in what a terminal sent: letters as they are. Other sequences and what is not ASCII is passed over;
// an escape that nothing follows is the key.
func keysOf(b []byte) (out []string) {
next:
	for len(b) > 0 {
		for _, k := range keyNames {
			if bytes.HasPrefix(b, []byte(k.is)) {
				out, b = append(out, k.name), b[len(k.is):]
				continue next
			}
		}
		switch {
		case b[0] == '\x1b' && len(b) == 1:
			out, b = append(out, "esc"), nil
		case b[0] == '\x1b' && (b[1] == '[' || b[1] == 'O'): // up to the byte that ends it
			i := 2
			for i < len(b) && (b[i] < '@' || b[i] > '~') {
				i++
			}
			b = b[min(i+1, len(b)):]
		case b[0] == '\x1b':
			b = b[2:] // with Alt
		case b[0] > ' ' && b[0] < 0x7f || b[0] == ' ':
			out, b = append(out, string(b[:1])), b[1:]
		default:
			b = b[1:]
		}
	}
	return out
}

// topEvery is how often the screen is made anew.
const topEvery = time.Second

// topHistory is how many rates are kept for the drawing.
const topHistory = 120

// topModel is the screen's state. One goroutine changes it.
type topModel struct {
	view topView
	last time.Time // of the status whose rate was kept
}

// took shows what was read, unless the screen is held still.
func (m *topModel) took(d *topData) {
	if m.view.paused {
		return
	}
	m.view.data = d
	m.view.skip = min(m.view.skip, max(len(d.Rows)-1, 0))
	if f := d.Health.File; f != nil && f.Rate != nil && !f.Time.Equal(m.last) { // a status that is new
		m.last = f.Time
		m.view.rates = append(m.view.rates, f.Rate.Packets)
		if len(m.view.rates) > topHistory {
			m.view.rates = append(m.view.rates[:0], m.view.rates[len(m.view.rates)-topHistory:]...)
		}
	}
}

// key does what a key asks for; over: it ends the program.
func (m *topModel) key(k string) (over bool) {
	rows := 0
	if m.view.data != nil {
		rows = len(m.view.data.Rows)
	}
	switch k {
	case "q", "ctrl+c", "ctrl+d":
		return true
	case "esc":
		if !m.view.help {
			return true
		}
		m.view.help = false
	case "?", "h", "f1":
		m.view.help = !m.view.help
	case "j", "down":
		m.view.skip = min(m.view.skip+1, max(rows-1, 0))
	case "k", "up":
		m.view.skip = max(m.view.skip-1, 0)
	case "pgdown":
		m.view.skip = min(m.view.skip+10, max(rows-1, 0))
	case "pgup":
		m.view.skip = max(m.view.skip-10, 0)
	case "home", "g":
		m.view.skip = 0
	case " ":
		m.view.paused = !m.view.paused
	}
	return false
}

// text is what the screen shows.
func (m *topModel) text() string {
	if m.view.data == nil {
		return "reading…"
	}
	return strings.TrimSuffix(m.view.text(), "\n")
}

// screen draws it over what was there, in one piece, so that nothing flickers.
func (m *topModel) screen() string {
	return screenHome + strings.ReplaceAll(m.text(), "\n", lineRest+"\r\n") + lineRest + screenRest
}
