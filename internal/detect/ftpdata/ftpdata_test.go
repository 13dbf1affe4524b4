package ftpdata_test

import (
	"testing"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/ftpdata"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const (
	client = "192.0.2.1"
	server = "198.51.100.9"
)

type scene struct {
	*detecttest.Bench
	id uint64
}

func (s *scene) flow(from, to string) detecttest.Flow {
	s.id++
	return detecttest.Flow{ID: s.id, Client: from, Server: to}
}

// login opens a control channel at a moment.
func (s *scene) login(at float64) detecttest.Flow {
	f := s.flow(client+":4000", server+":21")
	s.Connect(f, at, 0.01, 60)
	return f
}

// says sends a command and its reply.
func (s *scene) says(f detecttest.Flow, at float64, command, data string, code uint16, change func(*ftp.Exchange)) {
	request := s.Ref(0, at)
	x := ftp.NewExchange(s.Head(f, s.Ref(0, at+0.01)))
	x.Command, x.Data, x.Codes[0], x.Request = command, data, code, request
	if change != nil {
		change(x)
	}
	s.Send(x)
}

// ended ends a control channel: silent since a moment, for so long.
func (s *scene) ended(f detecttest.Flow, at, silence float64) {
	s.over(f, event.Ended, at, silence)
}

func (s *scene) over(f detecttest.Flow, what event.What, at, silence float64) {
	x := event.NewFlow(s.Head(f, s.Ref(0, at)))
	x.What, x.End, x.Start, x.Last = what, event.EndClosed, s.Ref(0, 0), s.Ref(0, at)
	x.Sides[0] = event.NewSide(event.Side{Payload: 900, Packets: 9})
	x.Sides[1] = event.NewSide(event.Side{Payload: 900, Packets: 9})
	x.OwnRare()
	x.IdleFrom, x.IdleTo = s.Ref(0, at-silence), s.Ref(0, at)
	x.IdleSurvived = x.IdleTo.Time.Sub(x.IdleFrom.Time)
	s.Send(x)
}

func channel(to string, port uint16, passive bool) func(*ftp.Exchange) {
	return func(x *ftp.Exchange) {
		x.Channel = ftp.Channel{End: event.End{Addr: packet.MustAddr(to), Port: port}, Passive: passive}
	}
}

// TestWhatIsClaimed: which failures belong to which cause, by events made by hand.
func TestWhatIsClaimed(t *testing.T) {
	data := server + ":50001"
	for _, c := range []struct {
		name       string
		play       func(s *scene)
		code       string // empty: nothing
		confidence finding.Confidence
		says       []string
	}{
		{"encrypted, silent, never without", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 40, 30)
		}, hidden, finding.Likely, []string{"or: a firewall that lets no FTP data connection through", "AUTH TLS at 2.01 s"}},
		{"encrypted, silent, and a transfer in clear text before", func(s *scene) {
			f := s.login(1)
			s.says(f, 1.5, "LIST", "", 226, nil)
			f = s.login(2)
			s.says(f, 3, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 40, 30)
		}, hidden, finding.Certain, []string{"without encryption the same two machines completed a transfer (LIST, 226)", "Earlier the same two"}},
		{"encrypted, silent, and a transfer in clear text an hour before", func(s *scene) {
			f := s.login(1)
			s.says(f, 1.5, "LIST", "", 226, nil)
			s.ended(f, 3, 1)
			f = s.login(3600)
			s.says(f, 3601, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(client+":4001", data), 3602, 4)
			s.ended(f, 3640, 38)
		}, hidden, finding.Certain, []string{"Earlier the same two"}},
		{"a port below those of data", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(client+":4001", server+":443"), 10, 4)
			s.ended(f, 20, 1)
		}, "", 0, nil},
		{"another client", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow("192.0.2.77:4001", data), 10, 4)
			s.ended(f, 20, 1)
		}, "", 0, nil},
		{"before the encryption", func(s *scene) {
			f := s.login(1)
			s.Silence(s.flow(client+":4001", data), 2, 4)
			s.says(f, 20, "AUTH", "TLS", 234, nil)
			s.ended(f, 21, 1)
		}, "", 0, nil},
		{"AUTH refused", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 530, nil)
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 40, 30)
		}, "", 0, nil},
		{"a minute after the session", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.ended(f, 20, 1)
			s.Silence(s.flow(client+":4001", data), 85, 4)
		}, "", 0, nil},
		{"another data connection of the session came up", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Connect(s.flow(client+":4002", server+":50007"), 5, 0.01, 60)
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 40, 30)
		}, "", 0, nil},
		{"reset by the server itself", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Refuse(s.flow(client+":4001", data), 10, 0.01, 60, nil)
			s.ended(f, 12, 1)
		}, "", 0, nil},
		{"reset from elsewhere", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Refuse(s.flow(client+":4001", data), 10, 0.01, 63, nil)
			s.ended(f, 30, 20)
		}, hidden, finding.Likely, []string{"with TTL 63, other packets of it have 60", "1 data connection reset"}},
		{"active", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(server+":20", client+":4001"), 10, 4)
			s.ended(f, 12, 1)
		}, hidden, finding.Likely, []string{"will call back", "from port 20"}},
		{"the server calls for another reason", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(server+":33000", client+":8080"), 10, 4)
			s.ended(f, 20, 1)
		}, hidden, finding.Possible, []string{"or: a connection of another program between the two"}},
		{"clear text again", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.says(f, 3, "EPSV", "", 229, func(x *ftp.Exchange) { x.Again = true })
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 40, 30)
		}, "", 0, nil},
		{"a program of its own between the two", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 300, 1)
		}, hidden, finding.Possible, []string{"or: a connection of another program between the two"}},
		{"the control channel alone", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.ended(f, 40, 30)
		}, hidden, finding.Possible, []string{"silent for 30.0 s"}},
		{"the control channel alone, closed but not yet forgotten", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.over(f, event.Closed, 40, 30)
		}, hidden, finding.Possible, []string{"silent for 30.0 s"}},
		{"closed, and the silence of its data connection is known only then", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.over(f, event.Closed, 40, 30)
			s.Silence(s.flow(client+":4001", data), 10, 4)
			s.ended(f, 100, 30)
		}, hidden, finding.Likely, []string{"or: a firewall that lets no FTP data connection through"}},
		{"the control channel alone, busy", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "AUTH", "TLS", 234, nil)
			s.ended(f, 40, 9)
		}, "", 0, nil},
		{"a private address", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel("10.0.0.5", 50001, true))
			s.Silence(s.flow(client+":4001", "10.0.0.5:50001"), 3, 4)
			s.ended(f, 20, 15)
		}, private, finding.Certain, []string{"the server told the client to connect to 10.0.0.5", "the client itself tried to connect there"}},
		{"the server's own address", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel(server, 50001, true))
			s.Silence(s.flow(client+":4001", data), 3, 4)
			s.ended(f, 20, 15)
		}, "", 0, nil},
		{"an offer that somebody else takes up", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel("203.0.113.5", 50001, true))
			s.Silence(s.flow("203.0.113.77:20", "203.0.113.5:50001"), 3, 4)
			s.ended(f, 20, 15)
		}, "", 0, nil},
		{"a public address that is not the server's", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel("203.0.113.5", 50001, true))
			s.Silence(s.flow(client+":4001", "203.0.113.5:50001"), 3, 4)
			s.ended(f, 20, 15)
		}, private, finding.Likely, []string{"another address than its own", "or: an address that can be reached"}},
		{"a machine has the address", func(s *scene) {
			s.Connect(s.flow(client+":4100", "10.0.0.5:80"), 0.5, 0.01, 61)
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel("10.0.0.5", 50001, true))
			s.Silence(s.flow(client+":4001", "10.0.0.5:50001"), 3, 4)
			s.ended(f, 20, 15)
		}, private, finding.Possible, []string{"packets of 10.0.0.5 were seen here"}},
		{"PORT with an inner address, refused", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PORT", "10,0,0,1,156,65", 500, channel("10.0.0.1", 40001, false))
			s.ended(f, 20, 1)
		}, private, finding.Certain, []string{"the client told the server to connect to 10.0.0.1", "let the client connect (passive mode)"}},
		{"PORT with the client's address, refused", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PORT", "192,0,2,1,156,65", 500, channel(client, 40001, false))
			s.ended(f, 20, 1)
		}, "", 0, nil},
		{"425 after an inner address", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel("10.0.0.5", 50001, true))
			s.says(f, 3, "LIST", "", 425, nil)
			s.ended(f, 80, 60)
		}, private, finding.Certain, []string{"the server answered 425"}},
		{"an inner address that the client ignores", func(s *scene) {
			f := s.login(1)
			s.says(f, 2, "PASV", "", 227, channel("10.0.0.5", 50001, true))
			s.Connect(s.flow(client+":4001", data), 2.1, 0.01, 60)
			s.says(f, 3, "LIST", "", 426, nil)
			s.ended(f, 4, 1)
		}, "", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Bench: detecttest.NewBench(t, nil, ftpdata.Def)}
			c.play(s)
			s.Connect(s.flow("203.0.113.1:1", "203.0.113.2:80"), 4000, 0.01, 60)
			fs := s.End()
			if c.code == "" {
				for _, f := range fs {
					t.Errorf("found %s", detecttest.Text(f))
				}
				return
			}
			if len(fs) != 1 {
				t.Fatalf("%d findings", len(fs))
			}
			if fs[0].Code.ID != c.code || fs[0].Confidence != c.confidence {
				t.Errorf("%s", detecttest.Text(fs[0]))
			}
			detecttest.Says(t, fs[0], c.says...)
		})
	}
}
