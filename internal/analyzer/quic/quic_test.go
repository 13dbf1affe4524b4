package quic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

const port = "192.0.2.2:4443"

// datagram is one of a conversation.
type datagram struct {
	d packet.Dir
	b []byte
}

func framesOf(list ...datagram) (out [][]byte) {
	for _, x := range list {
		u := packettest.UDP{Src: "10.0.0.1:50000", Dst: port, Payload: string(x.b)}
		if x.d == down {
			u.Src, u.Dst = u.Dst, u.Src
		}
		out = append(out, u.Frame())
	}
	return out
}

// run gives datagrams to the protocol and returns all events.
func run(t testing.TB, list ...datagram) []event.Event {
	t.Helper()
	return analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, framesOf(list...)...)
}

// records are the objects of the records of events, each with its direction, and what was odd.
func records(t testing.TB, es []event.Event) (out []string) {
	t.Helper()
	for _, e := range es {
		switch e := e.(type) {
		case *Event:
			out = append(out, fmt.Sprint(e.Dir, " ", string(e.AppendAppObject(nil))))
		case *event.AppLayer:
			out = append(out, fmt.Sprint(e.Dir, " odd ", e.App, ".", e.Name))
		}
	}
	return out
}

// long is a packet with a long header of a version, type and destination that carries sealed frames, or plain bytes without keys.
func long(k *keys, d packet.Dir, version uint32, typ Type, dcid, scid, token string, frames []byte) []byte {
	bits := byte(typ)
	if second(version) {
		bits = (bits + 1) & 3
	}
	b := binary.BigEndian.AppendUint32([]byte{0xc3 | bits<<4}, version)
	b = append(append(b, byte(len(dcid))), dcid...)
	b = append(append(b, byte(len(scid))), scid...)
	if typ == Retry {
		return append(append(b, token...), frames...)
	}
	if typ == Initial {
		b = append(append(b, byte(len(token))), token...)
	}
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(4+len(frames)+16))
	b = append(b, 0, 0, 0, 7)
	if k == nil {
		return append(append(b, frames...), make([]byte, 16)...)
	}
	return k.half[d].seal(b, len(b)-4, frames)
}

// crypto is a CRYPTO frame.
func crypto(offset int, data []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{frameCrypto}, 0x80000000|uint32(offset))
	return append(binary.BigEndian.AppendUint16(b, 0x4000|uint16(len(data))), data...)
}

func padded(b []byte) []byte { return append(slices.Clone(b), make([]byte, max(0, 1200-len(b)))...) }

// hellos are the messages of both sides of the appendices.
func hellos(t testing.TB) (client, server []byte) {
	return unhex(t, rfcClient)[4:], unhex(t, rfcServer)[9:]
}

const (
	first  = "8bytes-1" // destination of the client's first packet
	own    = "client"
	server = "server-s"
	exts   = `"extensions":[{"name":"server_name","type":0,"values":["example.com"]},{"name":"renegotiation_info","type":65281},{"name":"supported_groups","type":10},{"name":"alpn","type":16,"values":["alpn"]},{"name":"status_request","type":5},{"name":"key_share","type":51},{"name":"supported_versions","type":43},{"name":"signature_algorithms","type":13},{"name":"psk_key_exchange_modes","type":45},{"name":"record_size_limit","type":28},{"name":"quic_transport_parameters","type":57}]}`
	ja3    = `"ja3":{"hash":"41bc9ae914d6cb3bd0bd0a5453ab7d7f","string":"771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,"}`
	ja4    = `"ja4":"q13d0211an_62ed6f6ca7ad_4d634acda6c0"`
	ja3s   = `"ja3s":{"hash":"eb1d94daa7e0344597e756a1fb6e7054","string":"771,4865,51-43"},"extensions":[{"name":"key_share","type":51},{"name":"supported_versions","type":43}]}`
)

func clientTold(v string) string {
	return `to_server "quic":{"version":"` + v + `","sni":"example.com",` + ja3 + `,` + ja4 + `,` + exts
}
func serverTold(v string) string { return `to_client "quic":{"version":"` + v + `",` + ja3s }
func only(d packet.Dir, v string) string {
	return fmt.Sprint(d, ` "quic":{"version":"`+v+`"}`)
}

// talk makes the packets of a connection of one version.
type talk struct {
	k        *keys
	v        uint32
	dcid     string // where the client sends its packets
	ch, sh   []byte
	t        testing.TB
	ack      []byte
	shortOne []byte
}

func newTalk(t testing.TB, v uint32, dcid string) *talk {
	x := &talk{k: initialKeys(v, []byte(dcid)), v: v, dcid: dcid, t: t, ack: []byte{frameACKECN, 0x40, 9, 0, 1, 0, 2, 3, 1, 1, 1}, shortOne: append([]byte{0x45}, "protected, all of it"...)}
	x.ch, x.sh = hellos(t)
	return x
}

// says is a client's Initial packet, filled up.
func (x *talk) says(frames ...[]byte) datagram {
	return datagram{up, long(x.k, up, x.v, Initial, x.dcid, own, "", padded(bytes.Join(frames, nil)))}
}

// answers is the server's, with a packet of the handshake and a short one behind it.
func (x *talk) answers(frames ...[]byte) datagram {
	b := long(x.k, down, x.v, Initial, own, server, "", bytes.Join(append([][]byte{x.ack}, frames...), nil))
	b = append(b, long(nil, down, x.v, Handshake, own, server, "", make([]byte, 300))...)
	return datagram{down, append(b, x.shortOne...)}
}

func (x *talk) hello() datagram  { return x.says(crypto(0, x.ch)) }
func (x *talk) answer() datagram { return x.answers(crypto(0, x.sh)) }

// checked are the events whose records TestRecords holds against the schema: to compile it for each would take long.
var checked []event.Event

func expect(t *testing.T, name string, got []event.Event, want ...string) {
	t.Helper()
	checked = append(checked, got...)
	if r := records(t, got); !slices.Equal(r, want) {
		t.Errorf("%s:\n%s\nnot\n%s", name, strings.Join(r, "\n"), strings.Join(want, "\n"))
	}
}

// TestVersions: a whole handshake in each version.
func TestVersions(t *testing.T) {
	for v, name := range map[uint32]string{Version1: "1", Version2: "6b3343cf", draft2: "709a50c4", draft + 29: "ff00001d", draft + 34: "ff000022", draft + 27: "ff00001b", mvfst: "faceb002"} {
		x := newTalk(t, v, first)
		es := run(t, x.hello(), x.answer(), datagram{up, x.shortOne})
		expect(t, name, es, clientTold(name), serverTold(name))
		var names []event.Name
		for _, e := range es {
			if e, ok := e.(*Event); ok {
				e.EachName(func(n event.Name) { names = append(names, n) })
			}
		}
		if len(names) != 1 || names[0].Name != "example.com" || names[0].Addr.String() != "192.0.2.2" || names[0].From != event.NameSNI {
			t.Errorf("%s: names %+v", name, names)
		}
	}
}

// TestPieces: a hello in several frames and packets, in any order, some of it twice.
func TestPieces(t *testing.T) {
	x := newTalk(t, Version1, first)
	a, b, c := crypto(0, x.ch[:50]), crypto(50, x.ch[50:150]), crypto(150, x.ch[150:])
	over := crypto(20, append(slices.Clone(x.ch[20:60]), "something else than it was"...))
	for name, list := range map[string][]datagram{
		"one packet":         {x.says(b, []byte{framePing}, c, a)},
		"three":              {x.says(a), x.says(b), x.says(c)},
		"the last one first": {x.says(c), x.says(b, b, b), x.says(a)},
		"overlapping":        {x.says(a, crypto(30, x.ch[30:100])), x.says(crypto(90, x.ch[90:]))},
		"around":             {x.says(c), x.says(crypto(0, x.ch[:170]))},
		"what came first":    {x.says(a), x.says(b), x.says(over), x.says(crypto(40, x.ch[40:]))},
		"coalesced":          {{up, append(long(x.k, up, Version1, Initial, first, own, "t", append(bytes.Clone(a), b...)), x.says(c).b...)}},
	} {
		var want []string
		es := run(t, append(list, x.answers(crypto(30, x.sh[30:])), x.answers(crypto(0, x.sh[:30])))...)
		for range max(len(list)-1, strings.Count(name, "coalesced")) {
			want = append(want, only(up, "1"))
		}
		want = append(want, clientTold("1"), only(down, "1"), only(down, "1"), serverTold("1")) // with the packet of the handshake
		expect(t, name, es, want...)
	}
}

// TestBegins: a client that is sent away begins anew, with other keys.
func TestBegins(t *testing.T) {
	x, y, z := newTalk(t, Version1, first), newTalk(t, Version1, "retry-id"), newTalk(t, Version2, first)
	retry := datagram{down, long(nil, down, Version1, Retry, own, "retry-id", "token", make([]byte, 16))}
	versions := datagram{down, append([]byte{0x8a, 0, 0, 0, 0, 6}, "client\x088bytes-1\x6b\x33\x43\xcf\x1a\x2a\x3a\x4a"...)}
	strange := datagram{up, padded([]byte("\xca\x1a\x2a\x3a\x4a\x088bytes-1\x06client whatever follows"))}
	one := clientTold("1")
	for name, c := range map[string]struct {
		list []datagram
		want []string
	}{
		"Retry":                     {[]datagram{x.hello(), retry, retry, y.hello(), y.answer()}, []string{one, only(down, "1"), only(down, "1"), one, serverTold("1")}},
		"Retry, unseen":             {[]datagram{x.hello(), y.hello(), y.answer()}, []string{one, one, serverTold("1")}},
		"Retry, too late":           {[]datagram{x.hello(), x.answers(), retry, x.answer()}, []string{one, only(down, "1"), only(down, "1"), only(down, "1"), serverTold("1")}},
		"versions":                  {[]datagram{x.hello(), versions, z.hello(), z.answer()}, []string{one, only(down, "0"), clientTold("6b3343cf"), serverTold("6b3343cf")}},
		"a version that nobody has": {[]datagram{strange, versions, z.hello(), z.answer()}, []string{only(up, "1a2a3a4a"), only(down, "0"), clientTold("6b3343cf"), serverTold("6b3343cf")}},
		"a compatible version":      {[]datagram{x.hello(), z.answer()}, []string{one, serverTold("6b3343cf")}},
		"somebody else's packet":    {[]datagram{x.hello(), y.says(crypto(0, []byte("\x01\x00"))), x.answer()}, []string{one, only(up, "1"), serverTold("1")}},
		"another packet first":      {[]datagram{{up, long(nil, up, Version1, ZeroRTT, first, own, "", make([]byte, 100))}, x.hello(), x.answer()}, []string{only(up, "1"), one, serverTold("1")}},
		"the client was not seen":   {[]datagram{{up, x.answer().b}}, []string{"to_server odd quic.failed_decrypt", only(up, "1"), only(up, "1")}}, // who speaks first is taken for the client
		"the client took the server's ID": {[]datagram{x.hello(), x.answers(), {up, long(x.k, up, Version1, Initial, server, own, "", padded(x.ack))}, x.answer()},
			[]string{one, only(down, "1"), only(down, "1"), serverTold("1")}},
		"no server": {[]datagram{x.hello(), x.hello()}, []string{one}},
	} {
		expect(t, name, run(t, c.list...), c.want...)
	}
}

// TestOdd: what is odd is told once for a side, and not what a capture cut off.
func TestOdd(t *testing.T) {
	x := newTalk(t, Version1, first)
	broken := x.hello()
	broken.b[len(broken.b)-1] ^= 1
	badAnswer := x.answer()
	badAnswer.b[60] ^= 1
	headOnly := slices.Clone(x.ch[:40])
	headOnly[1], headOnly[2], headOnly[3] = 0, 0, 36 // says that it is whole
	huge := crypto(0, []byte("\x01\x01\x00\x00 more than is kept"))
	for name, c := range map[string]struct {
		list []datagram
		want []string
	}{
		"failed_decrypt":        {[]datagram{broken, broken, x.hello()}, []string{"to_server odd quic.failed_decrypt", only(up, "1"), only(up, "1"), clientTold("1")}},
		"the server's":          {[]datagram{x.hello(), badAnswer}, []string{clientTold("1"), "to_client odd quic.failed_decrypt", only(down, "1"), only(down, "1")}},
		"too short to open":     {[]datagram{{up, long(nil, up, Version1, Initial, first, own, "", nil)[:26]}}, nil},
		"a frame is cut off":    {[]datagram{x.says(crypto(0, x.ch[:10])[:12], nil)}, []string{only(up, "1")}}, // its length reaches into the padding
		"no hello":              {[]datagram{x.says(crypto(0, []byte("\x02\x00\x00\x01x")))}, []string{"to_server odd quic.error_on_data", only(up, "1")}},
		"a broken hello":        {[]datagram{x.says(crypto(0, headOnly))}, []string{"to_server odd quic.error_on_data", only(up, "1")}},
		"a frame without end":   {[]datagram{x.says(x.ack, append([]byte{frameCrypto, 0, 0x7f, 0xff}, x.ch...))}, []string{"to_server odd quic.error_on_data", only(up, "1")}},
		"ranges without end":    {[]datagram{x.says([]byte{frameACK, 1, 1, 0xbf, 0xff, 0xff, 0xff, 0})}, []string{"to_server odd quic.error_on_data", only(up, "1")}},
		"crypto_frag_too_long":  {[]datagram{x.says(crypto(65530, []byte("more than six bytes")))}, []string{"to_server odd quic.crypto_frag_too_long", only(up, "1")}},
		"a long message":        {[]datagram{x.says(huge)}, []string{"to_server odd quic.crypto_frag_too_long", only(up, "1")}},
		"the connection closes": {[]datagram{x.says([]byte("\x1c\x02\x06\x03why\x01")), x.hello()}, []string{only(up, "1"), clientTold("1")}},
		"an unknown frame":      {[]datagram{x.says([]byte{0x30}, crypto(0, x.ch)), x.hello()}, []string{only(up, "1"), clientTold("1")}},
	} {
		expect(t, name, run(t, c.list...), c.want...)
	}
}

// chlo is a hello of Google's versions.
func chlo(tags ...string) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("CHLO"), uint16(len(tags)))
	b = append(b, 0, 0)
	var values []byte
	for _, tag := range tags {
		name, v, _ := strings.Cut(tag, "=")
		values = append(values, v...)
		b = binary.LittleEndian.AppendUint32(append(b, (name + "\x00\x00\x00")[:4]...), uint32(len(values)))
	}
	return append(b, values...)
}

// TestGoogle: versions before the standard. The fingerprint's text and hash were published with it.
func TestGoogle(t *testing.T) {
	hello := chlo("PAD=--------", "SNI=www.example.org", "VER=Q043", "CCS=", "PDMD=X509", "ICSL=", "MIDS=", "CFCW=", "SFCW=x")
	stream := append([]byte{0xa0, 1}, binary.BigEndian.AppendUint16(nil, uint16(len(hello)))...)
	stream = append(stream, hello...)
	agent := append([]byte{0x84 | 1, 0, 1, 0, 0}, chlo("SNI=a", "UAID=Chrome/70")...) // a longer stream number, an offset, to the end
	hash := make([]byte, googleHash)
	public := func(frames []byte) datagram {
		return datagram{up, bytes.Join([][]byte{[]byte("\x09connectnQ043\x01"), hash, frames}, nil)}
	}
	headed := func(first byte, version string, frames []byte) datagram {
		return datagram{up, bytes.Join([][]byte{{first}, []byte(version), {0x50}, []byte("connectn\x00\x00\x00\x01"), hash, frames}, nil)}
	}
	k := initialKeys(q050, []byte(first))
	late := datagram{up, long(k, up, q050, Initial, first, "", "", padded(append([]byte{frameGoogle, 0, 0x40, byte(len(hello))}, hello...)))}
	cyu := func(v, hash, s string) string {
		return `"cyu":[{"hash":"` + hash + `","string":"` + v + `,PAD-SNI-VER-CCS-PDMD-ICSL-MIDS-CFCW-SFCW"}]` + s
	}
	for name, c := range map[string]struct {
		list []datagram
		want []string
	}{
		"Q043": {[]datagram{public(append(bytes.Clone(stream), make([]byte, 500)...)), {down, []byte("\x08connectn\x01 an answer without a version")}, {up, []byte("\x08connectn\x02 protected")}, public(stream)},
			[]string{`to_server "quic":{"version":"Q043","sni":"www.example.org",` + cyu("43", "e030dea1f2eea44ac7db5fe4de792acd", "}")}},
		"Q044":                  {[]datagram{headed(0xff, "Q044", stream)}, []string{`to_server "quic":{"version":"Q044","sni":"www.example.org",` + cyu("44", "97fc27484cbf1ec48be2f99d1f095f5d", "}")}},
		"Q046":                  {[]datagram{headed(0xc3, "Q046", agent)}, []string{`to_server "quic":{"version":"Q046","sni":"a","ua":"Chrome/70","cyu":[{"hash":"3ee85c355061ebe189ec4ca49623e324","string":"46,SNI-UAID"}]}`}},
		"Q050":                  {[]datagram{late}, []string{`to_server "quic":{"version":"51303530","sni":"www.example.org"}`}},
		"a frame is cut off":    {[]datagram{public(stream[:40]), public(stream)}, []string{"to_server odd quic.error_on_data", only(up, "Q043"), `to_server "quic":{"version":"Q043","sni":"www.example.org",` + cyu("43", "e030dea1f2eea44ac7db5fe4de792acd", "}")}},
		"another type":          {[]datagram{headed(0xfd, "Q044", stream)}, []string{only(up, "Q044")}},
		"acknowledgement first": {[]datagram{public(append([]byte{0x40, 1, 1, 1, 0}, stream...))}, []string{only(up, "Q043")}},
	} {
		expect(t, name, run(t, c.list...), c.want...)
	}
	for name, b := range map[string][]byte{"empty": nil, "REJ": append([]byte("REJ\x00"), hello[4:]...), "too many": append([]byte("CHLO\xff\xff\x00\x00"), make([]byte, 1<<20)...), "no values": hello[:80], "back": chlo("A=1", "B=2")[:8]} {
		if _, ok := ParseHello(b); ok {
			t.Errorf("%s: is a hello", name)
		}
	}
}

// TestParts: what rules see, of each packet once.
func TestParts(t *testing.T) {
	x := newTalk(t, Version1, first)
	got := analyzertest.Show(t, []analyzer.Def{Def}, framesOf(x.hello(), x.answer())...)
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []map[string]string{
		{"quic.version": "\x00\x00\x00\x01", "quic.sni": "example.com", "ja3.string": "771,4865-", "ja3.hash": "41bc9ae914d6cb3bd0bd0a5453ab7d7f", "ja4.hash": "q13d02"},
		{"quic.version": "\x00\x00\x00\x01", "ja3s.string": "771,4865,51-43", "ja3s.hash": "eb1d94daa7e0344597e756a1fb6e7054"},
	} {
		if len(got[i].Parts) != len(want) || int(got[i].Dir) != i || int(got[i].Tx) != i {
			t.Errorf("%+v", got[i])
		}
		for name, begin := range want {
			if p := got[i].Parts[name]; len(p) != 1 || !strings.HasPrefix(p[0], begin) {
				t.Errorf("%s: %q", name, p)
			}
		}
		checked = append(checked, got[i].Record)
	}
	stream := append([]byte{0x80, 1}, chlo("SNI=a", "UAID=b")...)
	old := analyzertest.Show(t, []analyzer.Def{Def}, framesOf(datagram{up, append([]byte("\x09connectnQ043\x01------------"), stream...)})...)
	if len(old) != 1 || old[0].Parts["quic.ua"][0] != "b" || old[0].Parts["quic.cyu.string"][0] != "43,SNI-UAID" || len(old[0].Parts["quic.cyu.hash"][0]) != 32 || old[0].Parts["quic.version"][0] != "Q043" {
		t.Errorf("%+v", old)
	}
	broken := x.hello()
	broken.b[len(broken.b)-1] ^= 1
	if odd := analyzertest.Show(t, []analyzer.Def{Def}, framesOf(broken)...); len(odd) != 1 || !slices.Equal(odd[0].Events, []string{"failed_decrypt"}) {
		t.Errorf("%+v", odd)
	}
}

// TestRecords holds all records of the tests before it against the schema.
func TestRecords(t *testing.T) {
	if len(checked) == 0 {
		t.Skip("no other test ran")
	}
	analyzertest.ValidEVE(t, slices.DeleteFunc(checked, func(e event.Event) bool {
		return e.Head().Kind != event.KindAlert && e.Head().Kind < event.FirstAnalyzerKind
	})...)
}

// rig is a shard with the protocol alone.
type rig struct {
	d     *analyzer.Dispatcher
	flows *flow.Table
	out   []event.Event
	n     uint64
}

func newRig(t testing.TB) *rig {
	r, err := analyzer.NewRegistry([]analyzer.Def{Def}, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &rig{flows: flow.New(flow.Options{})}
	if x.d, err = analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: x.flows.Head}); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *rig) give(list ...datagram) {
	for _, f := range framesOf(list...) {
		x.packet(packettest.At(f, 0, packet.Time(x.n+1)*1e6))
	}
}

func (x *rig) packet(p *packet.Packet) {
	x.n++
	if p.IPVersion == 0 {
		packet.Decode(p, nil)
	}
	p.Frame, p.Ordinal = x.n, x.n
	x.d.Packet(p, x.flows.Packet(p, &x.out), &x.out)
}

// TestOver: once both hellos were read, or after some datagrams, the rest of a flow is not looked at.
func TestOver(t *testing.T) {
	x := newTalk(t, Version1, first)
	r := newRig(t)
	r.give(x.hello(), x.answer())
	for range 10 {
		r.give(datagram{up, x.shortOne}, datagram{down, x.shortOne}, x.hello(), x.answer())
	}
	if s := r.d.Stats(); s.Messages != 2 || s.Held != 0 || s.Sessions != 0 || s.Bound != 1 {
		t.Errorf("%+v", s)
	}
	r = newRig(t)
	for range 3 * maxDatagrams {
		r.give(x.hello(), datagram{up, x.shortOne})
	}
	if s := r.d.Stats(); s.Messages != maxDatagrams || s.Held != 0 || s.Sessions != 0 {
		t.Errorf("%+v", s)
	}
	if app, _ := r.d.App(1); app != "quic" {
		t.Errorf("the flow speaks %q", app)
	}
}

// TestBounded: nobody can have more kept than was sent, nor more than the bounds.
func TestBounded(t *testing.T) {
	x := newTalk(t, Version1, first)
	r := newRig(t)
	sent := 0
	for i := range maxDatagrams - 1 {
		var frames [][]byte
		for k := range 60 {
			frames = append(frames, crypto(100+(i*60+k)*7, []byte("xyz")))
		}
		p := x.says(frames...)
		sent += len(p.b)
		r.give(p)
	}
	if held := r.d.Stats().Held; held > 32<<10 {
		t.Errorf("%d bytes are held of %d", held, sent)
	}
	var a assembly
	for i := range maxPieces {
		if !a.add(uint64(i*2+1), []byte("x")) {
			t.Fatalf("piece %d", i)
		}
	}
	if a.add(1000, []byte("x")) || a.add(1<<40, nil) || a.add(maxCrypto, []byte("x")) {
		t.Error("more is kept than may be")
	}
	a.reset()
	if len(a.kept) != 0 || !a.add(0, make([]byte, 60000)) || !a.add(2, make([]byte, 60001)) || len(a.data) != 60003 || len(a.kept) != 1 {
		t.Errorf("%d bytes are kept in %d pieces", len(a.data), len(a.kept))
	}
}

func TestProbe(t *testing.T) {
	x := newTalk(t, Version1, first)
	hello := x.hello().b
	edit := func(f func(b []byte)) []byte { b := bytes.Clone(hello); f(b); return b }
	list := func(v string) []byte { return []byte("\x80\x00\x00\x00\x00\x01a\x01b" + v) }
	for name, c := range map[string]struct {
		d    packet.Dir
		b    []byte
		want analyzer.Answer
	}{
		"hello": {up, hello, analyzer.Yes}, "answer": {down, x.answer().b, analyzer.Yes}, "nothing": {up, nil, analyzer.No}, "short": {up, x.shortOne, analyzer.No},
		"cut off":           {up, hello[:100], analyzer.No},
		"no fixed bit":      {up, edit(func(b []byte) { b[0] &^= 0x40 }), analyzer.No},
		"a long ID":         {up, edit(func(b []byte) { b[5] = 21 }), analyzer.No},
		"unknown version":   {up, edit(func(b []byte) { b[4] = 9 }), analyzer.No},
		"asks for versions": {up, edit(func(b []byte) { copy(b[1:], "\x0a\x1a\x2a\x3a") }), analyzer.Yes},
		"but is small":      {up, edit(func(b []byte) { copy(b[1:], "\x0a\x1a\x2a\x3a") })[:1000], analyzer.No},
		"versions":          {down, list("\x0a\x0a\x0a\x0a\x00\x00\x00\x01"), analyzer.Yes}, "of a client": {up, list("\x00\x00\x00\x01"), analyzer.No},
		"none known": {down, list("\x0a\x0a\x0a\x0a"), analyzer.No}, "half of one": {down, list("\x00\x00\x00\x01\x00"), analyzer.No}, "of none": {down, list(""), analyzer.No},
		"Google's": {up, []byte("\x09connectnQ043\x01------------rest"), analyzer.Yes}, "cut": {up, []byte("\x09connectnQ043\x01-----"), analyzer.No},
		"no such version": {up, []byte("\x09connectnQ999\x01------------rest"), analyzer.No},
		"no type":         {up, []byte("\x81Q044\x50connectn\x00\x00\x00\x01------------"), analyzer.No},
		"STUN":            {up, []byte("\x00\x01\x00\x00\x21\x12\xa4\x42"), analyzer.No}, "RTP": {up, append([]byte("\x80\x60"), make([]byte, 160)...), analyzer.No},
	} {
		if got := probe(c.d, c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// BenchmarkFlow is all that is read of a connection.
func BenchmarkFlow(b *testing.B) {
	x := newTalk(b, Version1, first)
	hello, answer := x.hello(), x.answer()
	r := newRig(b)
	list := framesOf(hello, answer)
	ps := []*packet.Packet{packettest.At(list[0], 1, 1), packettest.At(list[1], 2, 2)}
	b.ReportAllocs()
	b.SetBytes(int64(len(list[0]) + len(list[1])))
	for n := 0; b.Loop(); n++ {
		r.out = r.out[:0]
		for _, p := range ps {
			binary.BigEndian.PutUint16(p.Data[int(p.L4)+2*int(p.Frame-1):], uint16(n)) // another port of the client's
			q := packettest.At(p.Data, p.Frame, p.Time)
			r.d.Packet(q, r.flows.Packet(q, &r.out), &r.out)
		}
	}
}

// FuzzDatagrams: no input does harm, nor has more kept than was sent.
func FuzzDatagrams(f *testing.F) {
	x := newTalk(f, Version1, first)
	f.Add(x.hello().b, x.answer().b)
	f.Add([]byte("\x09connectnQ043\x01------------\x80\x01CHLO\x01\x00\x00\x00SNI\x00\x01\x00\x00\x00a"), []byte{})
	f.Add([]byte("\xffQ044\x50connectn\x00\x00\x00\x01------------\xa0\x01"), x.hello().b)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a)+len(b) > 3000 {
			return
		}
		records(t, run(t, x.hello(), datagram{up, a}, datagram{down, b}, datagram{up, b}, x.answer()))
	})
}

// FuzzFrames: frames that are sealed well, whatever they hold; and a stream reads the same however it is cut.
func FuzzFrames(f *testing.F) {
	x := newTalk(f, Version1, first)
	f.Add(crypto(0, x.ch), x.ch, uint8(50))
	f.Add(x.ack, x.sh, uint8(1))
	f.Fuzz(func(t *testing.T, plain, stream []byte, cut uint8) {
		if len(plain) > 1500 || len(stream) > 4000 {
			return
		}
		records(t, run(t, x.says(plain), x.answers(plain)))
		var whole, parts assembly
		whole.add(0, stream)
		n := max(int(cut), len(stream)/maxPieces+1)
		for at := (len(stream) - 1) / n * n; at >= 0 && at < len(stream); at -= n {
			parts.add(uint64(at), stream[at:min(at+n, len(stream))])
		}
		a, aWhole := whole.message()
		b, bWhole := parts.message()
		if aWhole != bWhole || !bytes.Equal(a, b) {
			t.Fatalf("%x %v, in pieces %x %v", a, aWhole, b, bWhole)
		}
	})
}
