package smblogon_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/smb"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/smblogon"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const code = smblogon.Code

func TestGuessing(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "smb-guessing/inside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "10.1.0.11 guesses passwords at the file server 10.2.0.2: 12 logons refused in ", "12 accounts (high, certain, 12)",
		`tried as "administrator", "admin", "guest", "test", "user", "root" and 6 more`, "none was accepted so far", "ip saddr 10.1.0.11 ip daddr 10.2.0.2 tcp dport { 139, 445 } drop")
	f = detecttest.Only(t, detecttest.Run(t, nil, "smb-guessing-hit/inside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "(critical, certain, 12)", `Then it was let in as "games", which had been refused before: the guess may have hit`, `change the password of "games" now`)
}

func TestOldPassword(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "smb-old-password/inside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, `a program on 10.1.0.11 keeps logging on to 10.2.0.2 as "backup" with a password that is refused (12 times, every 3.`, "(medium, likely, 12)",
		"findstr /i backup", "not: people who mistype")
	detecttest.SaysNot(t, f, "guesses passwords")
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, dir := range []string{"smb-old-password-remedied", "smb-mistyped", "smb-version1"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/inside.pcap"))
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "smb-guessing/inside.pcap")
			for _, f := range r.Findings {
				if f.Code.ID != code && f.Code.ID != "tcp-asymmetric-path" && detecttest.Claims(f) {
					t.Errorf("%s", f.Title)
				}
				if f.Code.ID == code && f.Count > 12 {
					t.Errorf("%d failures of 12", f.Count)
				}
			}
			if d.Name == "every frame twice" {
				detecttest.Only(t, r, code, finding.Certain)
			}
			if d.Name == "no packets from the server" || d.Name == "96 bytes of each frame" {
				detecttest.None(t, r, code)
			}
		})
	}
}

type logon struct {
	at   float64
	user string
	ok   bool
}

// send makes a logon by hand.
func send(b *detecttest.Bench, client string, l logon) {
	r := b.Ref(0, l.at)
	x := smb.New(event.Head{FlowID: 1, Seen: r, Kind: event.FirstAnalyzerKind, Proto: packet.ProtoTCP, Client: event.End{Addr: packet.MustAddr(client), Port: 4000},
		Server: event.End{Addr: packet.MustAddr("10.0.0.9"), Port: 445}})
	x.Asked, x.Answered, x.Command, x.Version, x.User, x.HasIdentity, x.Status = r, r, smb.SessionSetup, 2, l.user, true, smb.StatusLogonFailure
	if l.ok {
		x.Status = smb.StatusOK
	}
	b.Send(x)
}

func TestVerdicts(t *testing.T) {
	series := func(n int, every float64, name func(i int) string) (ls []logon) {
		for i := range n {
			ls = append(ls, logon{1 + every*float64(i), name(i), false})
		}
		return ls
	}
	same := func(int) string { return "backup" }
	uneven := func() (ls []logon) {
		for i := range 12 {
			ls = append(ls, logon{float64(i * i), "ann", false})
		}
		return ls
	}
	for _, tc := range []struct {
		name string
		ls   []logon
		want finding.Confidence
		says string
	}{
		{"nine", series(9, 1, same), 0, ""},
		{"ten in ten minutes", series(10, 60, same), 0, ""},
		{"ten, every 30 s", series(10, 30, same), finding.Likely, "a program on 10.0.0.1 keeps logging on"},
		{"one account, as fast as it goes", series(40, 0.05, same), finding.Possible, "is refused at the file server 10.0.0.9 again and again"},
		{"one account, uneven", uneven(), finding.Possible, "or: people who mistype"},
		{"then it works", append(series(12, 3, same), logon{60, "backup", true}), finding.Possible, "Then it was let in as \"backup\""},
		{"capitals are no other account", series(12, 3, func(i int) string { return []string{"Backup", "BACKUP", "backup"}[i%3] }), finding.Likely, "a program on"},
		{"many accounts, slowly", series(12, 25, func(i int) string { return fmt.Sprint("u", i) }), finding.Likely, "guesses passwords"},
		{"hostile name", series(12, 3, func(int) string { return "x\" & del \x1b[31m" }), finding.Likely, `as "x' & del ?[31m"`},
		{"own account after guesses", append(series(12, 1, func(i int) string { return fmt.Sprint("u", i) }), logon{60, "ann", true}), finding.Certain, "perhaps the own account"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, smblogon.Def)
			for _, l := range tc.ls {
				send(b, "10.0.0.1", l)
			}
			fs := b.End()
			if tc.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != tc.want {
				t.Fatalf("%d findings, %v", len(fs), fs[0].Confidence)
			}
			detecttest.Says(t, fs[0], tc.says)
			detecttest.SaysNot(t, fs[0], "\x1b", `findstr /i x"`)
		})
	}
}

// TestBounded: clients and accounts beyond the room are forgotten, and counts become lower bounds.
func TestBounded(t *testing.T) {
	b := detecttest.NewBench(t, nil, smblogon.Def) // 1000 entries
	for i := range 5 {
		send(b, "10.0.0.1", logon{float64(i), "a", false})
	}
	for i := range 2000 {
		send(b, fmt.Sprintf("10.1.%d.%d", i/250, i%250+1), logon{float64(10 + i), "a", false})
	}
	for i := range 6 {
		send(b, "10.0.0.1", logon{float64(2100 + i), "a", false}) // with the five of before they would be ten, but not in five minutes
	}
	for i := range 600 {
		send(b, "10.0.0.2", logon{2200 + float64(i)/10, fmt.Sprint("u", i), false})
	}
	fs := b.End()
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "600 logons refused in", "at least 256 accounts")
}
