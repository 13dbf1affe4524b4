package nfs

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/lint"
	"firestorm/internal/rpcfw"
)

func text(ps []lint.Problem) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&b, "%s %s: %s | %s | %s\n", p.Level, p.Place(), p.What, p.Why, strings.Join(p.Do, " / "))
	}
	return b.String()
}

func TestPlan(t *testing.T) {
	at := func(lines string) string {
		l, _, err := rpcfw.Parse(strings.NewReader(lines))
		if err != nil {
			t.Fatal(err)
		}
		return text(Plan(rpcfw.Make(l)))
	}
	for _, c := range []struct{ name, in, has, hasNot string }{
		{"floating", "100003 3 tcp 2049\n100005 3 tcp 44411\n100005 3 udp 44411", "mountd 3 over tcp at port 44411: the port is chance", "version 4"},
		{"how", "100003 3 tcp 2049\n100021 4 tcp 44411", "sysctl -w fs.nfs.nlm_tcpport=32803", ""},
		{"pinned", "100003 3 tcp 2049\n100005 3 tcp 20048\n100021 4 tcp 4045", "", "warning"},
		{"version 4", "100003 4 tcp 2049\n100005 3 tcp 892", "TCP port 2049 alone", "warning"},
		{"nobody knows how", "100003 3 tcp 2049\n300019 1 tcp 40000", "no rule can follow it", ""},
		{"no NFS", "100000 2 tcp 111", "no NFS server is registered", "warning"},
	} {
		got := at(c.in)
		if !strings.Contains(got, c.has) || c.hasNot != "" && strings.Contains(got, c.hasNot) {
			t.Errorf("%s:\n%s", c.name, got)
		}
	}
}

func TestConf(t *testing.T) {
	for _, c := range []struct{ name, in, has, hasNot string }{
		{"nothing pinned", "[nfsd]\nthreads=8\n", "warning nfs.conf: [mountd] gives no port", ""},
		{"all pinned", "[mountd]\nport=892\n[statd]\nport = 662\n[lockd]\nport=32803\nudp-port=32769\n", "", "warning"},
		{"RHEL 7", "MOUNTD_PORT=892\nSTATD_PORT=\"662\"\nLOCKD_TCPPORT=32803\n", "[lockd] gives no udp-port", "[mountd]"},
		{"commented out", "[mountd]\n# port=892\n", "[mountd] gives no port", ""},
		{"twice the same", "[mountd]\nport=892\n[statd]\nport=892\n", "wrong nfs.conf:4: statd.port has port 892, as mountd.port in line 2", ""},
		{"lockd may have one number", "[lockd]\nport=32803\nudp-port=32803\n", "", "as lockd"},
		{"no port", "[mountd]\nport=abc\n", "wrong nfs.conf:2", ""},
		{"of Linux's own", "[mountd]\nport=40000\n", "nfs.conf:2: mountd.port has port 40000, which Linux also gives", ""},
		{"version 4 only", "[nfsd]\nvers3=n\n", "port 2049 is all", "warning"},
	} {
		ps, _, err := Conf("nfs.conf", []byte(c.in))
		if got := text(ps); err != nil || !strings.Contains(got, c.has) || c.hasNot != "" && strings.Contains(got, c.hasNot) {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
		if !IsConf([]byte(c.in)) {
			t.Errorf("%s: not taken for a configuration", c.name)
		}
	}
	if IsConf([]byte("100003 3 tcp 2049 nfs\n")) {
		t.Error("a list of services is taken for a configuration")
	}
}

func FuzzConf(f *testing.F) {
	f.Add([]byte("[mountd]\nport=892\n[lockd]\nudp-port=x\n"))
	f.Add([]byte("MOUNTD_PORT=892\n[\n=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ps, ports, err := Conf("f", b)
		if err == nil && len(ports) == 4 && strings.Contains(text(ps), "gives no") {
			t.Error("all have ports, and one lacks")
		}
	})
}
