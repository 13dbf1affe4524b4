package nfsdenied_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/nfsdenied"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestDenied(t *testing.T) {
	// nobody is served there: it may be exported to nobody
	for _, file := range []string{"nfs-denied-network/inside.pcap", "nfs-denied-nat/inside.pcap"} {
		detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, file), 2, nfsdenied.Denied, finding.Likely)[0], "10.2.0.2 refuses to let 10.1.0.1", "or: a path that is exported to nobody")
	}
	detecttest.Says(t, detecttest.Only(t, detecttest.Run(t, nil, "nfs-denied-nat/outside.pcap"), nfsdenied.Denied, finding.Likely), "10.2.0.2 refuses to let 10.2.0.1", "3 mounts of 10.2.0.1 refused")
	f := detecttest.Only(t, detecttest.Run(t, nil, "nfs-mount-denied/inside.pcap"), nfsdenied.Denied, finding.Certain)
	detecttest.Says(t, f, "10.2.0.2 refuses to let 10.1.0.11 mount \"/", "answered with MNT3ERR_ACCES", "10.1.0.12 was given the same path", "not: a client that calls from an unprivileged port",
		"exportfs -o rw,sync,no_subtree_check 10.1.0.11:/", "(medium, certain, 1)")
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, dir := range []string{"nfs-mount-denied-remedied", "nfs-mountd-remedied", "nfs-version4", "nfs-mountd-dropped"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/inside.pcap"), nfsdenied.Denied, nfsdenied.Stale)
	}
}

func TestGates(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "nfs-mount-denied/inside.pcap")
			switch d.Name {
			case "every frame twice", "no SYN":
				detecttest.Only(t, r, nfsdenied.Denied, finding.Certain)
			case "every 20th frame lost":
				for _, f := range r.Findings {
					if f.Code.ID != nfsdenied.Denied && detecttest.Claims(f) {
						t.Errorf("%s", f.Title)
					}
				}
			default:
				detecttest.None(t, r, nfsdenied.Denied)
			}
		})
	}
}

// stale makes a stale answer to a procedure of version 3 with a handle.
func stale(b *detecttest.Bench, at float64, proc, handle uint32) {
	asked, told := b.Ref(0, at), b.Ref(0, at+0.001)
	x := rpc.New(event.Head{FlowID: 1, Seen: told, Kind: event.FirstAnalyzerKind, Proto: packet.ProtoTCP, Client: end("10.0.0.1:700"), Server: end("10.0.0.9:2049")})
	x.Asked, x.Answered, x.Status, x.HasStatus, x.Handle, x.HasHandle = asked, told, 70, true, handle, true
	x.Call = rpc.Header{Program: rpc.NFS, Version: 3, Procedure: proc}
	b.Send(x)
}

// answer makes an accepted answer by hand.
func answer(b *detecttest.Bench, at float64, client, server string, prog, proc, status uint32, path string) {
	asked, told := b.Ref(0, at), b.Ref(0, at+0.001)
	x := rpc.New(event.Head{FlowID: 1, Seen: told, Kind: event.FirstAnalyzerKind, Proto: packet.ProtoTCP, Client: end(client), Server: end(server)})
	x.Asked, x.Answered, x.Status, x.HasStatus, x.Name = asked, told, status, true, path
	x.Call = rpc.Header{Program: prog, Version: 3, Procedure: proc}
	b.Send(x)
}

func end(s string) event.End {
	var a, c, d, e, port int
	fmt.Sscanf(s, "%d.%d.%d.%d:%d", &a, &c, &d, &e, &port)
	return event.End{Addr: packet.MustAddr(fmt.Sprintf("%d.%d.%d.%d", a, c, d, e)), Port: uint16(port)}
}

func TestAlternatives(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(b *detecttest.Bench)
		want finding.Confidence
		says string
	}{
		{"nobody was given it, high port", func(b *detecttest.Bench) {
			answer(b, 1, "10.0.0.1:4000", "10.0.0.9:892", rpc.Mount, 1, 13, "/x")
		}, finding.Possible, "or: a client that calls from an unprivileged port: it called from port 4000"},
		{"nobody was given it", func(b *detecttest.Bench) {
			answer(b, 1, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 1, "/x")
		}, finding.Likely, "MNT3ERR_PERM"},
		{"another path was given", func(b *detecttest.Bench) {
			answer(b, 0, "10.0.0.2:700", "10.0.0.9:892", rpc.Mount, 1, 0, "/y")
			answer(b, 1, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 13, "/x")
		}, finding.Likely, "nobody was given this path"},
		{"the same client before", func(b *detecttest.Bench) {
			answer(b, 0, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 0, "/x")
			answer(b, 1, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 13, "/x")
		}, finding.Certain, "the exports changed in between"},
		{"hostile path", func(b *detecttest.Bench) {
			answer(b, 1, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 13, "/x\"; rm -rf / #\x1b[0m")
		}, finding.Likely, "exportfs -o rw,sync,no_subtree_check 10.0.0.1:THE_PATH"},
		{"no such path", func(b *detecttest.Bench) {
			answer(b, 1, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 2, "/x")
		}, 0, ""},
		{"stale three times", func(b *detecttest.Bench) {
			for i := range 3 {
				answer(b, float64(i), "10.0.0.1:700", "10.0.0.9:2049", rpc.NFS, 1, 70, "")
			}
		}, finding.Likely, "10.0.0.9 no longer knows the file handles of 10.0.0.1"},
		{"stale twice", func(b *detecttest.Bench) {
			answer(b, 1, "10.0.0.1:700", "10.0.0.9:2049", rpc.NFS, 1, 70, "")
			answer(b, 2, "10.0.0.1:700", "10.0.0.9:2049", rpc.NFS, 1, 70, "")
		}, 0, ""},
		{"one file that was removed, again and again", func(b *detecttest.Bench) {
			for i := range 9 {
				stale(b, float64(i), 6, 7)
			}
		}, 0, ""},
		{"two files", func(b *detecttest.Bench) {
			for i := range 4 {
				stale(b, float64(i), 6, uint32(i%2))
			}
		}, finding.Likely, "no longer knows the file handles"},
		{"look-ups in one folder", func(b *detecttest.Bench) {
			for i := range 3 {
				stale(b, float64(i), 3, 7)
			}
		}, finding.Likely, "no longer knows the file handles"},
		{"root squash", func(b *detecttest.Bench) {
			for i := range 9 {
				answer(b, float64(i), "10.0.0.1:700", "10.0.0.9:2049", rpc.NFS, 7, 13, "")
			}
		}, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, nfsdenied.Def)
			tc.make(b)
			fs := b.End()
			if tc.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != tc.want {
				t.Fatalf("%d findings: %v", len(fs), fs)
			}
			detecttest.Says(t, fs[0], tc.says)
			detecttest.SaysNot(t, fs[0], "\x1b")
		})
	}
}

// TestBounded: more paths than there is room for are not remembered, and nothing breaks.
func TestBounded(t *testing.T) {
	b := detecttest.NewBench(t, nil, nfsdenied.Def) // 1000 entries
	for i := range 3000 {
		answer(b, float64(i), "10.0.0.2:700", "10.0.0.9:892", rpc.Mount, 1, 0, fmt.Sprint("/", i))
	}
	answer(b, 3001, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 13, "/2999")
	answer(b, 3002, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 13, "/1")
	fs := b.End()
	if len(fs) != 2 || fs[0].Confidence == fs[1].Confidence {
		t.Errorf("%v", fs)
	}
}
