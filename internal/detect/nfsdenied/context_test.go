package nfsdenied_test

import (
	"testing"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/nfsdenied"
	"firestorm/internal/finding"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
)

// TestContext: the server's exports tell which of the usual reasons it is.
func TestContext(t *testing.T) {
	low := func(b *detecttest.Bench) {
		answer(b, 1, "10.0.0.1:700", "10.0.0.9:892", rpc.Mount, 1, 13, "/srv/a")
	}
	high := func(b *detecttest.Bench) {
		answer(b, 1, "10.0.0.1:4000", "10.0.0.9:892", rpc.Mount, 1, 13, "/srv/a")
	}
	other := func(b *detecttest.Bench) {
		answer(b, 0, "10.0.0.2:700", "10.0.0.9:892", rpc.Mount, 1, 0, "/srv/a")
		low(b)
	}
	for _, c := range []struct {
		name, conf string
		make       func(b *detecttest.Bench)
		want       finding.Confidence
		says, not  []string
	}{
		{"others only", "# of 9\n/srv/a 10.0.0.2(rw,sync) 10.9.0.0/16(ro)\n", low, finding.Certain,
			[]string{`exports:2 exports "/srv/a" to 10.0.0.2(rw,sync) and 10.9.0.0/16(ro): 10.0.0.1 is not among them`, "exports:2 exports it", "not to 10.0.0.1"}, []string{"getent"}},
		{"others only, any port", "/srv 10.0.0.2(rw,insecure)\n", high, finding.Certain, []string{"exports names 10.0.0.1 for no port"}, nil},
		{"nobody", "/home *(rw)\n/srv/ab *(rw)\n", low, finding.Likely, []string{"exports of 10.0.0.9 exports neither that path nor a directory above it", "or: a path that is exported to nobody: by exports it is so"}, nil},
		{"nobody, any port", "/home *(rw)\n", high, finding.Likely, []string{"exports names 10.0.0.1 for no port"}, nil},
		{"the port", "/srv 10.0.0.0/24(rw)\n", high, finding.Likely, []string{"exports:1 lets 10.0.0.1 mount it, 10.0.0.0/24(rw), without the option insecure: a call from port 4000", "but not from port 4000",
			"or: a client that calls from an unprivileged port", "mount as root", "squashed"}, []string{"exportfs -o"}},
		{"allowed", "/srv 10.0.0.0/24(rw,no_root_squash)\n", low, finding.Likely, []string{"and the server refused: the file is not loaded yet", "exportfs -ra && exportfs -v"}, []string{"exportfs -o", "squashed"}},
		{"allowed from any port", "/srv 10.0.0.0/24(rw,insecure)\n", high, finding.Possible, []string{"the file is not loaded yet", "or: a client that calls from an unprivileged port"}, nil},
		{"above, for everybody", "/srv/a 10.0.0.2(rw)\n/ *(ro)\n", low, finding.Likely, []string{"exports:2 lets 10.0.0.1 mount it, *(ro)"}, nil},
		{"by name", "/srv/a web.example(rw) 10.0.0.2(rw)\n", low, finding.Certain, []string{"exports:1 exports \"/srv/a\" to web.example(rw) and 10.0.0.2(rw): 10.0.0.1 is meant only if the server's resolver says so", "getent hosts"}, nil},
		{"by name, unprivileged", "/srv/a @hosts(rw)\n", high, finding.Likely, []string{"or: a client that calls from an unprivileged port: it called from port 4000"}, nil},
		{"another file", "/srv/a 10.0.0.7(rw)\n", other, finding.Certain, []string{"exports is not what the server runs with: it does not let 10.0.0.2 mount this path, and the server did"}, []string{"10.0.0.7"}},
		{"another was served", "/srv/a 10.0.0.2(rw)\n", other, finding.Certain, []string{"10.0.0.1 is not among them", "10.0.0.2 was given the same path"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := &hostconf.Context{}
			if err := ctx.Add(packet.MustAddr("10.0.0.9"), "exports", []byte(c.conf)); err != nil {
				t.Fatal(err)
			}
			b := detecttest.NewBench(t, nil, nfsdenied.Def)
			b.Scope.Context = ctx
			c.make(b)
			fs := b.End()
			if len(fs) != 1 || fs[0].Confidence != c.want {
				t.Fatalf("%d findings, %v, want %s\n%s", len(fs), fs[0].Confidence, c.want, detecttest.Text(fs[0]))
			}
			detecttest.Says(t, fs[0], c.says...)
			detecttest.SaysNot(t, fs[0], c.not...)
		})
	}
}

// TestContextOfCapture: a file makes no finding where nothing was refused, and another host's file is not asked.
func TestContextOfCapture(t *testing.T) {
	conf := map[string]string{"10.2.0.2": "/ 10.1.0.99(ro)\n"}
	detecttest.None(t, detecttest.RunWith(t, conf, "nfs-mount-denied-remedied/inside.pcap"), nfsdenied.Denied)
	conf = map[string]string{"10.1.0.11": "/ 10.1.0.12(ro)\n"}
	f := detecttest.Only(t, detecttest.RunWith(t, conf, "nfs-mount-denied/inside.pcap"), nfsdenied.Denied, finding.Certain)
	detecttest.SaysNot(t, f, "conf-of")
}
