//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"
)

// topScreen runs top on a terminal until somebody ends it.
func (a *app) topScreen(ctx context.Context, w *topFlags) error {
	m := &topModel{gather: func() *topData { return w.gather(time.Now()) }, view: topView{width: 80, height: 24, color: a.useColor(a.stdout)}}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(a.stdin), tea.WithOutput(a.stdout), tea.WithoutSignalHandler())
	_, err := p.Run()
	switch {
	case err == nil, errors.Is(err, tea.ErrInterrupted), ctx.Err() != nil:
		return nil
	}
	return &failure{code: exitEngine, what: "the terminal cannot be used", why: err.Error(), err: err, try: "firestorm top --once"}
}

// topEvery is how often the screen is made anew.
const topEvery = time.Second

// topHistory is how many rates are kept for the drawing.
const topHistory = 120

// topModel is the screen's state. One goroutine changes it; reading files is done in others, one at a time.
type topModel struct {
	gather func() *topData
	view   topView
	last   time.Time // of the status whose rate was kept
}

// topRead is what was read.
type topRead struct{ data *topData }

// topTick says that it is time to read again.
type topTick struct{}

// Init implements tea.Model.
func (m *topModel) Init() tea.Cmd { return m.read }

func (m *topModel) read() tea.Msg { return topRead{m.gather()} }

// Update implements tea.Model.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.view.width, m.view.height = max(msg.Width, 1), max(msg.Height, 1)
	case topRead:
		if !m.view.paused {
			m.take(msg.data)
		}
		return m, tea.Tick(topEvery, func(time.Time) tea.Msg { return topTick{} })
	case topTick:
		return m, m.read
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	}
	return m, nil
}

// take shows what was read, and keeps the rate of a status that is new.
func (m *topModel) take(d *topData) {
	m.view.data = d
	m.view.skip = min(m.view.skip, max(len(d.Rows)-1, 0))
	if f := d.Health.File; f != nil && f.Rate != nil && !f.Time.Equal(m.last) {
		m.last = f.Time
		m.view.rates = append(m.view.rates, f.Rate.Packets)
		if len(m.view.rates) > topHistory {
			m.view.rates = append(m.view.rates[:0], m.view.rates[len(m.view.rates)-topHistory:]...)
		}
	}
}

func (m *topModel) key(k string) tea.Cmd {
	rows := 0
	if m.view.data != nil {
		rows = len(m.view.data.Rows)
	}
	switch k {
	case "q", "ctrl+c", "ctrl+d":
		return tea.Quit
	case "esc":
		if !m.view.help {
			return tea.Quit
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
	case "space", " ":
		m.view.paused = !m.view.paused
	}
	return nil
}

// View implements tea.Model.
func (m *topModel) View() tea.View {
	var v tea.View
	v.AltScreen = true
	if m.view.data == nil {
		v.SetContent("reading…")
	} else {
		text := m.view.text()
		v.SetContent(text[:max(len(text)-1, 0)])
	}
	return v
}
