package rpc

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

func words(v ...uint32) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

func str(s string) []byte {
	b := append(words(uint32(len(s))), s...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// ask builds a call with an AUTH_SYS credential of user 1000.
func ask(xid, prog, vers, proc uint32, args []byte) []byte {
	cred := cat(words(7), str("host"), words(1000, 100, 0))
	return cat(words(xid, 0, 2, prog, vers, proc, AuthSys, uint32(len(cred))), cred, words(0, 0), args)
}

func answer(xid uint32, results []byte) []byte { return cat(words(xid, 1, 0, 0, 0, 0), results) }

func record(b []byte) []byte { return cat(words(1<<31|uint32(len(b))), b) }

// halves is one record in two fragments.
func halves(b []byte) []byte {
	n := len(b) / 2
	return cat(words(uint32(n)), b[:n], words(1<<31|uint32(len(b)-n)), b[n:])
}

func TestParse(t *testing.T) {
	h, body, ok := Parse(ask(9, Mount, 3, 1, str("/export")))
	if !ok || h != (Header{XID: 9, Program: Mount, Version: 3, Procedure: 1, Auth: AuthSys, UID: 1000, GID: 100, HasUID: true}) || string(body) != string(str("/export")) {
		t.Errorf("%+v %q", h, body)
	}
	for _, b := range [][]byte{words(1, 0, 3, 1, 1, 1, 0, 0, 0, 0), words(1, 2, 2), words(1, 1, 2, 0, 0, 0), words(1, 1, 0, 0, 0, 6), words(1, 1, 1, 2, 0, 0), words(1, 0, 2, 1, 1, 1, 0, 401)} {
		if _, _, ok := Parse(b); ok {
			t.Errorf("%v is taken", b)
		}
	}
	h, _, ok = Parse(words(5, 1, 1, 1, 5))
	if !ok || !h.Denied || h.Stat != 1 || h.Why != 5 {
		t.Errorf("denied: %+v", h)
	}
	good := ask(1, NFS, 3, 3, nil)
	for n := range good {
		if _, _, ok := Parse(good[:n]); ok {
			t.Errorf("%d bytes are enough", n)
		}
	}
}

func TestDirectory(t *testing.T) {
	tcp := Mapping{Program: Mount, Version: 3, Proto: 6}
	for _, tc := range []struct {
		name       string
		vers, proc uint32
		call, ans  []byte
		want       []Mapping
	}{
		{"GETPORT", 2, 3, words(Mount, 3, 6, 0), words(38517), []Mapping{{Mount, 3, 6, 38517}}},
		{"not registered", 2, 3, words(Mount, 3, 6, 0), words(0), []Mapping{{Mount, 3, 6, 0}}},
		{"GETADDR", 3, 3, cat(words(Mount, 3), str("tcp6"), str(""), str("")), str("::.150.117"), []Mapping{{Mount, 3, 6, 150<<8 | 117}}},
		{"GETADDR, none", 4, 3, cat(words(Mount, 3), str("udp"), str(""), str("")), str(""), []Mapping{{Mount, 3, 17, 0}}},
		{"DUMP 2", 2, 4, nil, words(1, Mount, 3, 6, 1000, 1, NLM, 4, 17, 2000, 0), []Mapping{{Mount, 3, 6, 1000}, {NLM, 4, 17, 2000}}},
		{"DUMP 3", 3, 4, nil, cat(words(1, NLM, 4), str("udp"), str("0.0.0.0.7.208"), str("root"), words(1, NLM, 4), str("local"), str("/run/x"), str("root"), words(0)),
			[]Mapping{{NLM, 4, 17, 2000}}},
		{"CALLIT", 2, 5, words(Mount, 3, 0, 0), words(635, 0), []Mapping{{Mount, 3, 17, 635}}},
		{"cut", 2, 3, words(Mount, 3, 6, 0), words()[:0], nil},
	} {
		asked, _ := parseLookup(tc.vers, tc.proc, tc.call)
		if got := parsePorts(nil, tc.vers, tc.proc, asked, tc.ans); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	many := []byte{}
	for range 300 {
		many = append(many, words(1, 1, 1, 6, 1)...)
	}
	if got := parsePorts(nil, 2, 4, tcp, many); len(got) != maxMappings {
		t.Errorf("%d entries of a dump", len(got))
	}
	for s, want := range map[string]uint16{"1.2.3.4.8.1": 2049, "": 0, "8.1": 0, "a.8.256": 0, "x.8.": 0, "x..1": 0} {
		if got := uaddrPort([]byte(s)); got != want {
			t.Errorf("%q: %d", s, got)
		}
	}
}

// compound are the arguments of a COMPOUND that walks /exp/dir.
func compound() []byte {
	return cat(str(""), words(0, 5, opPutRootFH, opLookup), str("exp"), words(opLookup), str("dir"), words(opGetFH, opGetAttr, 1, 0))
}

func conversation() [2][]byte {
	c := cat(record(ask(1, Portmap, 2, 3, words(Mount, 3, 6, 0))), halves(ask(2, Mount, 3, 1, str("/export/"+strings.Repeat("d", 80)))),
		record(ask(3, NFS, 4, 1, compound())), record(ask(4, NFS, 3, 3, cat(str("handle01"), str("file.txt")))), record(ask(5, NLM, 4, 2, words(1))))
	s := cat(record(answer(1, words(38517))), record(answer(3, words(10016))), halves(answer(2, words(13))), record(answer(4, words(0))))
	return [2][]byte{c, s}
}

func tell(es []event.Event) (out []string) {
	for _, e := range es {
		x := e.(*Transaction)
		out = append(out, fmt.Sprintf("%d %s %s v%d answered %v status %v %s %q ports %v first %d", x.Call.XID, ProgramName(x.Call.Program), ProcedureName(x.Call.Program, x.Call.Version, x.Call.Procedure),
			x.Call.Version, !x.Answered.IsZero(), x.HasStatus, StatusName(x.Call.Program, x.Call.Version, x.Status), x.Name, x.Ports, x.FirstOp))
	}
	return out
}

func TestAnyCut(t *testing.T) {
	want := tell(play(t, conversation(), 1<<15))
	all := strings.Join(want, "\n")
	for _, part := range []string{
		`1 portmapper GETPORT v2 answered true status false MNT2`, `ports [{100005 3 6 38517}]`,
		`2 mountd MNT v3 answered true status true MNT3ERR_ACCES "/export/ddd`,
		`3 nfs COMPOUND v4 answered true status true NFS4ERR_WRONGSEC "/exp/dir" ports [] first 24`,
		`4 nfs LOOKUP v3 answered true status true NFS3_OK "file.txt"`,
		`5 nlockmgr LOCK v4 answered false`,
	} {
		if part == `1 portmapper GETPORT v2 answered true status false MNT2` {
			part = `1 portmapper GETPORT v2 answered true status false NFS2_OK`
		}
		if !strings.Contains(all, part) {
			t.Errorf("no %q in\n%s", part, all)
		}
	}
	if len(want) != 5 {
		t.Errorf("%d transactions", len(want))
	}
	for _, size := range []int{1, 3, 50} {
		if got := tell(play(t, conversation(), size)); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d:\n%s\nwant\n%s", size, strings.Join(got, "\n"), all)
		}
	}
}

func TestDatagrams(t *testing.T) {
	q := ask(7, Portmap, 2, 3, words(NSM, 1, 17, 0))
	es := packets(t, nil, udp(1, false, q), udp(2, false, q), udp(3, true, answer(7, words(662))), udp(4, false, ask(8, Portmap, 2, 0, nil)), udp(5, true, words(8, 1, 1, 1, 5)))
	if len(es) != 2 {
		t.Fatalf("%q", tell(es))
	}
	a, b := es[0].(*Transaction), es[1].(*Transaction)
	if a.Repeats != 1 || a.Asked.Frame != 1 || a.Answered.Frame != 3 || !a.Accepted() || a.Server().Port != 111 || a.Client().Port != 700 {
		t.Errorf("%+v", a)
	}
	if b.Accepted() || !b.Reply.Denied {
		t.Errorf("%+v", b.Reply)
	}
}

// TestReflected: a reply that travels as its call did is none of it.
func TestReflected(t *testing.T) {
	es := packets(t, nil, udp(1, false, ask(7, Portmap, 2, 0, nil)), udp(2, false, answer(7, nil)), udp(3, true, answer(7, nil)))
	if len(es) != 1 || es[0].(*Transaction).Answered.Frame != 3 {
		t.Errorf("%q", tell(es))
	}
}

// TestKinds: errors of NFS are an event of their own, so that few want to hear of the rest.
func TestKinds(t *testing.T) {
	es := packets(t, func(k string) bool { return k == KindNFSError }, frames(conversation(), 1000)...)
	if got := tell(es); len(got) != 1 || !strings.Contains(got[0], "WRONGSEC") {
		t.Errorf("%q", got)
	}
}

func TestBounded(t *testing.T) {
	var ps []*packet.Packet
	for i := range 2 * maxOpen {
		ps = append(ps, udp(uint64(i+1), false, ask(uint32(i), Mount, 3, 1, str("/x"))))
	}
	early := 0
	es := packets(t, nil, ps...)
	for _, e := range es {
		if e.Head().Seen.Frame < 2*maxOpen {
			early++
		}
	}
	if len(es) != 2*maxOpen || early != maxOpen-1 {
		t.Errorf("%d transactions, %d before the end", len(es), early)
	}
}

// TestProbe: each answer stands for all longer beginnings too.
func TestProbe(t *testing.T) {
	for name, tc := range map[string]struct {
		b    []byte
		want analyzer.Answer
	}{
		"record":      {record(ask(1, NFS, 3, 0, nil)), analyzer.Yes},
		"reply":       {record(answer(1, nil)), analyzer.Yes},
		"datagram":    {ask(0x80000001, NFS, 3, 0, nil), analyzer.Yes},
		"http":        {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), analyzer.No},
		"tls":         {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0}, analyzer.No},
		"smb":         {[]byte{0, 0, 0, 68, 0xfe, 'S', 'M', 'B', 64, 0, 1, 0, 0, 0, 0, 0}, analyzer.No},
		"dns query":   {[]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0, 1, 0, 0, 0}, analyzer.No},
		"zeros":       {make([]byte, 40), analyzer.No},
		"old version": {record(words(77, 0, 1, NFS, 3, 0, 0, 0, 0, 0)), analyzer.No},
		"begin":       {record(ask(1, NFS, 3, 0, nil))[:9], analyzer.More},
	} {
		if got := probe(packet.ToServer, tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		monotone(t, tc.b)
	}
	for name, tc := range map[string]struct {
		b    []byte
		want analyzer.Answer
	}{
		"NFS":      {record(ask(9, NFS, 3, 0, nil)), analyzer.Yes},
		"number 1": {record(ask(1, NFS, 3, 0, nil)), analyzer.Yes}, // which alone would read as a reply
		"NFS, UDP": {ask(9, NFS, 3, 0, nil), analyzer.Yes},
		"mount":    {record(ask(9, Mount, 3, 0, nil)), analyzer.No},
		"reply":    {record(answer(9, nil)), analyzer.No},
		"begin":    {record(ask(9, NFS, 3, 0, nil))[:12], analyzer.More},
	} {
		if got := probeNFS(packet.ToServer, tc.b); got != tc.want {
			t.Errorf("NFS: %s: %v, want %v", name, got, tc.want)
		}
	}
}

func monotone(t *testing.T, b []byte) {
	t.Helper()
	said := analyzer.More
	for n := range len(b) + 1 {
		got := probe(packet.ToServer, b[:n])
		if said != analyzer.More && got != said {
			t.Fatalf("% x: %v after %v", b[:n], got, said)
		}
		said = got
	}
	nfs := analyzer.More
	for n := range len(b) + 1 {
		got := probeNFS(packet.ToServer, b[:n])
		if nfs != analyzer.More && got != nfs {
			t.Fatalf("NFS: % x: %v after %v", b[:n], got, nfs)
		}
		nfs = got
	}
}

func TestEVE(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("../../output/eve/testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range play(t, conversation(), 1000) {
		line := string(e.AppendEVE(nil, &event.EVE{Version: 8}))
		if line == "" {
			continue
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, line)
		}
		all = append(all, line)
	}
	text := strings.Join(all, "\n")
	for _, part := range []string{`"event_type":"nfs"`, `"event_type":"rpc"`, `"rpc":{"xid":4,"status":"ACCEPTED","auth_type":"UNIX","creds":{"uid":1000,"gid":100,"machine_name":"host"}}`,
		`"nfs":{"version":3,"procedure":"LOOKUP","filename":"file.txt","hhash":"a4d5eb28","id":4,"file_tx":false,"type":"response","status":"OK"}`, `"status":"ERR_WRONGSEC"`,
		`"src_ip":"10.0.0.2","src_port":2049,"dest_ip":"10.0.0.1","dest_port":700`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
	if len(all) != 4 {
		t.Errorf("%d records: an unanswered call has none", len(all))
	}
}

func TestCostsNothingUnwanted(t *testing.T) {
	ps := frames(conversation(), 1000)
	if got := packets(t, func(string) bool { return false }, ps...); len(got) != 0 {
		t.Error("events that nobody wants")
	}
}

func FuzzMessage(f *testing.F) {
	for _, b := range [][]byte{ask(1, Portmap, 2, 3, words(Mount, 3, 6, 0)), answer(1, words(13)), ask(3, NFS, 4, 1, compound()), ask(3, Mount, 3, 1, str("/x"))} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		monotone(t, b)
		h, body, ok := Parse(b)
		if !ok {
			return
		}
		if name := argName(nil, &h, body); len(name) > maxPath {
			t.Errorf("a name of %d bytes", len(name))
		}
		for _, v := range []uint32{2, 3} {
			if m := parsePorts(nil, v, procDump, Mapping{}, body); len(m) > maxMappings {
				t.Errorf("%d entries", len(m))
			}
		}
		parseStatus(h.Program, h.Version, h.Procedure, body)
	})
}

func FuzzStream(f *testing.F) {
	c := conversation()
	f.Add(c[0], c[1], 5)
	f.Fuzz(func(t *testing.T, a, b []byte, size int) {
		if len(a)+len(b) > 2048 {
			return
		}
		both := [2][]byte{a, b}
		if got, want := tell(play(t, both, max(1, size%64))), tell(play(t, both, 1<<15)); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces: %q, whole %q", got, want)
		}
	})
}

func BenchmarkStream(b *testing.B) {
	var both [2][]byte
	for i := range uint32(60) {
		both[0] = append(both[0], record(ask(i, NFS, 3, 6, cat(str("handle01"), words(0, 0, 32768))))...)
		both[1] = append(both[1], record(answer(i, cat(words(0, 0, 32768, 0), make([]byte, 32768))))...)
	}
	r, err := analyzer.NewRegistry([]analyzer.Def{Def}, func(k string) bool { return k != KindNFS })
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(both[0]) + len(both[1])))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		ps := frames(both, 1448)
		table := flow.New(flow.Options{MaxFlows: 100})
		d, _ := analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: table.Head})
		var out []event.Event
		b.StartTimer()
		for _, p := range ps {
			d.Packet(p, table.Packet(p, &out), &out)
			out = out[:0]
		}
	}
}
