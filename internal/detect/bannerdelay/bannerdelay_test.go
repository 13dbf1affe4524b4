package bannerdelay_test

import (
	"testing"

	"firestorm/internal/analyzer/smtp"
	"firestorm/internal/detect/bannerdelay"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

type scene struct {
	*detecttest.Bench
	id uint64
}

func (s *scene) flow(client, server string) detecttest.Flow {
	s.id++
	return detecttest.Flow{ID: s.id, Client: client, Server: server}
}

// mail connects at a moment, lets others act, and is greeted after so many seconds.
func (s *scene) mail(at, greeted float64, meanwhile func()) {
	f := s.flow("192.0.2.1:4000", "198.51.100.9:25")
	s.Connect(f, at, 0.01, 60)
	if meanwhile != nil {
		meanwhile()
	}
	x := smtp.NewExchange(s.Head(f, s.Ref(0, at+0.01+greeted)))
	x.Code = 220
	s.Send(x)
}

func TestWhatIsWaitedFor(t *testing.T) {
	const server, client = "198.51.100.9:6000", "192.0.2.1:113"
	for _, c := range []struct {
		name       string
		play       func(s *scene)
		confidence finding.Confidence // 0: nothing
	}{
		{"ident silent", func(s *scene) { s.mail(1, 9, func() { s.Silence(s.flow(server, client), 1.1, 4) }) }, finding.Likely},
		{"ident silent, and prompt for another", func(s *scene) {
			s.mail(1, 9, func() { s.Silence(s.flow(server, client), 1.1, 4) })
			s.mail(20, 0.1, nil)
		}, finding.Certain},
		{"ident refused", func(s *scene) { s.mail(1, 9, func() { s.Refuse(s.flow(server, client), 1.1, 0.01, 60, nil) }) }, 0},
		{"ident answered", func(s *scene) { s.mail(1, 9, func() { s.Connect(s.flow(server, client), 1.1, 0.01, 60) }) }, 0},
		{"ident asked once", func(s *scene) { s.mail(1, 9, func() { s.Silence(s.flow(server, client), 1.1, 1) }) }, 0},
		{"another port silent", func(s *scene) { s.mail(1, 9, func() { s.Silence(s.flow(server, "192.0.2.1:79"), 1.1, 4) }) }, 0},
		{"another client's ident", func(s *scene) { s.mail(1, 9, func() { s.Silence(s.flow(server, "192.0.2.7:113"), 1.1, 4) }) }, 0},
		{"before the connection", func(s *scene) {
			s.Silence(s.flow(server, client), 1, 4)
			s.mail(20, 9, nil)
		}, 0},
		{"nothing asked", func(s *scene) { s.mail(1, 9, nil) }, 0},
		{"in time", func(s *scene) { s.mail(1, 3.9, func() { s.Silence(s.flow(server, client), 1.1, 1) }) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Bench: detecttest.NewBench(t, nil, bannerdelay.Def)}
			c.play(s)
			fs := s.End()
			if c.confidence == 0 {
				for _, f := range fs {
					t.Errorf("found %s", detecttest.Text(f))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.confidence {
				t.Errorf("%d findings", len(fs))
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
			}
		})
	}
}
