package bruteforce_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/analyzer/ssh"
	"firestorm/internal/detect/bruteforce"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
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

// ftp sends the answer to a password.
func (s *scene) ftp(at float64, client, user string, code uint16) {
	f := s.flow(client+":4000", "198.51.100.9:21")
	x := ftp.NewExchange(s.Head(f, s.Ref(0, at)))
	x.Command, x.User, x.Codes[0], x.Request = "PASS", user, code, s.Ref(0, at-0.01)
	s.Send(x)
}

// ssh sends what the sizes of a session tell.
func (s *scene) ssh(at float64, refused int, o event.LoginOutcome) {
	f := s.flow("192.0.2.1:4000", "198.51.100.9:22")
	x := ssh.NewSession(s.Head(f, s.Ref(0, at)))
	x.Stage, x.Refused, x.Outcome, x.Keys = ssh.Auth, refused, o, s.Ref(0, at-1)
	s.Send(x)
}

// desktop sends a connection to Remote Desktop that lasted so long.
func (s *scene) desktop(at, lasted float64, bytes uint64) {
	f := s.flow("192.0.2.1:4000", "198.51.100.9:3389")
	x := event.NewFlow(s.Head(f, s.Ref(0, at+lasted)))
	x.What, x.End, x.Start, x.Last = event.Ended, event.EndClosed, s.Ref(0, at), s.Ref(0, at+lasted)
	x.Sides[0] = event.NewSide(event.Side{Payload: bytes, Packets: 9})
	x.Sides[1] = event.NewSide(event.Side{Payload: bytes, Packets: 9})
	s.Send(x)
}

func TestWhatIsGuessing(t *testing.T) {
	for _, c := range []struct {
		name       string
		play       func(s *scene)
		confidence finding.Confidence // 0: nothing
		says       []string
	}{
		{"ten refusals", func(s *scene) {
			for i := range 10 {
				s.ftp(float64(i+1), "192.0.2.1", "root", 530)
			}
		}, 0, nil},
		{"eleven in five minutes, one user, slowly", func(s *scene) {
			for i := range 11 {
				s.ftp(float64(1+29*i), "192.0.2.1", "root", 530)
			}
		}, finding.Possible, []string{"11 refused logins", "or: people who mistype", "or: a program that goes on with an old password"}},
		{"eleven in more than five minutes", func(s *scene) {
			for i := range 11 {
				s.ftp(float64(1+31*i), "192.0.2.1", "root", 530)
			}
		}, 0, nil},
		{"quickly, one user", func(s *scene) {
			for i := range 12 {
				s.ftp(float64(1+i), "192.0.2.1", "root", 530)
			}
		}, finding.Likely, []string{"nobody types that fast", "or: a program that goes on with an old password"}},
		{"quickly, many users", func(s *scene) {
			for i := range 40 {
				s.ftp(float64(1+i), "192.0.2.1", fmt.Sprint("user", i), 530)
			}
		}, finding.Certain, []string{`"user0", "user1", "user2", "user3", "user4" and 35 more`, "40 users were tried"}},
		{"from many addresses", func(s *scene) {
			for i := range 40 {
				s.ftp(float64(1+i), fmt.Sprint("192.0.2.", 1+i%8), "root", 530)
			}
		}, 0, nil},
		{"let in afterwards", func(s *scene) {
			for i := range 30 {
				s.ftp(float64(1+i), "192.0.2.1", "root", 530)
			}
			s.ftp(40, "192.0.2.1", "root", 230)
		}, finding.Certain, []string{"then it was let in", `accepted as "root"`, "lock the account"}},
		{"let in each time", func(s *scene) {
			for i := range 40 {
				s.ftp(float64(1+i), "192.0.2.1", "robot", 230)
			}
		}, 0, nil},
		{"several tries in one connection", func(s *scene) {
			s.ssh(10, 6, event.LoginRefused)
			s.ssh(20, 6, event.LoginRefused)
		}, finding.Possible, []string{"12 refused logins", "in 2 connections", "or: encrypted answers that only look like refusals"}},
		{"keys offered until one fits", func(s *scene) {
			for i := range 20 {
				s.ssh(float64(1+i), 5, event.LoginAccepted)
			}
		}, 0, nil},
		{"outcomes that nobody saw", func(s *scene) {
			for i := range 40 {
				s.ftp(float64(1+i), "192.0.2.1", "root", 0)
				s.ssh(float64(1+i), 0, event.LoginUnknown)
			}
		}, 0, nil},
		{"short connections to a desktop", func(s *scene) {
			for i := range 15 {
				s.desktop(float64(1+2*i), 1, 1500)
			}
		}, finding.Possible, []string{"15 short connections", "event 4625"}},
		{"sessions at a desktop", func(s *scene) {
			for i := range 15 {
				s.desktop(float64(1+20*i), 18, 1500)
			}
		}, 0, nil},
		{"connections to a desktop of all sizes", func(s *scene) {
			for i := range 15 {
				s.desktop(float64(1+2*i), 1, 1500*uint64(1+15-i))
			}
		}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Bench: detecttest.NewBench(t, nil, bruteforce.Def)}
			c.play(s)
			fs := s.End()
			if c.confidence == 0 {
				for _, f := range fs {
					t.Errorf("found %s", detecttest.Text(f))
				}
				return
			}
			if len(fs) != 1 {
				t.Fatalf("%d findings", len(fs))
			}
			if fs[0].Confidence != c.confidence {
				t.Errorf("%s", detecttest.Text(fs[0]))
			}
			detecttest.Says(t, fs[0], c.says...)
		})
	}
}
