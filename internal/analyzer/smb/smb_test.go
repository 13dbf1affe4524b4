package smb

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func u16(v ...uint16) (b []byte) {
	for _, x := range v {
		b = le.AppendUint16(b, x)
	}
	return b
}

func utf(s string) (b []byte) { return u16(utf16.Encode([]rune(s))...) }

// session puts a message into a NetBIOS session packet.
func session(m []byte) []byte {
	return cat([]byte{0, byte(len(m) >> 16), byte(len(m) >> 8), byte(len(m))}, m)
}

// two builds a message of version 2; next is the offset of the one behind it.
func two(cmd uint16, reply bool, id uint64, status, next uint32, body []byte) []byte {
	b := make([]byte, header2)
	copy(b, "\xfeSMB")
	le.PutUint16(b[4:], header2)
	le.PutUint32(b[8:], status)
	le.PutUint16(b[12:], cmd)
	if reply {
		b[16] = 1
	}
	le.PutUint32(b[20:], next)
	le.PutUint64(b[24:], id)
	le.PutUint32(b[36:], 5)
	le.PutUint64(b[40:], 77)
	return append(b, body...)
}

// one builds a message of version 1.
func one(cmd byte, reply bool, mid uint16, status uint32, words, data []byte) []byte {
	b := make([]byte, header1)
	copy(b, "\xffSMB")
	b[4] = cmd
	le.PutUint32(b[5:], status)
	if reply {
		b[9] = 0x80
	}
	le.PutUint16(b[10:], 0x8000)
	le.PutUint16(b[30:], mid)
	return cat(b, []byte{byte(len(words) / 2)}, words, u16(uint16(len(data))), data)
}

// authenticate builds an NTLM AUTHENTICATE message with responses that nobody may read.
func authenticate(domain, user, host string) []byte {
	m := make([]byte, 64)
	copy(m, signature)
	le.PutUint32(m[8:], 3)
	le.PutUint32(m[60:], 1)
	for _, f := range []struct {
		at int
		v  []byte
	}{{12, []byte("LMRESPONSE-SECRET")}, {20, []byte("NTRESPONSE-SECRET")}, {28, utf(domain)}, {36, utf(user)}, {44, utf(host)}} {
		le.PutUint16(m[f.at:], uint16(len(f.v)))
		le.PutUint32(m[f.at+4:], uint32(len(m)))
		m = append(m, f.v...)
	}
	return m
}

func setup(blob []byte) []byte {
	b := make([]byte, 24)
	le.PutUint16(b, 25)
	le.PutUint16(b[12:], header2+24)
	le.PutUint16(b[14:], uint16(len(blob)))
	return append(b, blob...)
}

func tree(path string) []byte {
	p := utf(path)
	return cat(u16(9, 0, header2+8, uint16(len(p))), p)
}

func negotiateBody(dialects ...uint16) []byte {
	b := make([]byte, 36)
	le.PutUint16(b, 36)
	le.PutUint16(b[2:], uint16(len(dialects)))
	b[4] = 1
	return append(b, u16(dialects...)...)
}

func negotiatedBody(d uint16) []byte {
	b := make([]byte, 64)
	copy(b, u16(65, 3, d))
	return b
}

// conversation is a negotiation, a logon that fails, one that succeeds, and a compound of a tree connect with another
// command; then bulk.
func conversation() [2][]byte {
	first := two(5, false, 5, 0, uint32(header2+57), make([]byte, 57))
	c := cat(session(two(0, false, 1, 0, 0, negotiateBody(0x0202, 0x0311))),
		session(two(1, false, 2, 0, 0, setup(cat([]byte("\x60\x48SPNEGO"), authenticate("CORP", "Ann", "PC7"))))),
		session(two(1, false, 3, 0, 0, setup(authenticate("CORP", "backup", "PC7")))),
		session(cat(first, two(3, false, 4, 0, 0, tree(`\\files\share`)))),
		session(two(9, false, 6, 0, 0, make([]byte, 9000))))
	s := cat(session(two(0, true, 1, 0, 0, negotiatedBody(0x0311))), session(two(1, true, 2, StatusLogonFailure, 0, u16(9, 0, 0, 0))), session(two(1, true, 3, 0, 0, u16(9, 0, 0, 0))),
		session(two(3, true, 4, StatusBadNetworkName, 0, u16(16))))
	return [2][]byte{c, s}
}

func tell(es []event.Event) (out []string) {
	for _, e := range es {
		x := e.(*Exchange)
		out = append(out, fmt.Sprintf("%d %s answered %v %s dialect %q offered %q signing %s/%s who %q %q %q share %q", x.ID, commandName(x.Version, x.Code), !x.Answered.IsZero(), StatusName(x.Status), x.Dialect,
			x.Offered, x.Client, x.Server, x.Domain, x.User, x.Host, x.Share))
	}
	return out
}

func TestAnyCut(t *testing.T) {
	want := []string{
		`1 SMB2_COMMAND_NEGOTIATE_PROTOCOL answered true STATUS_SUCCESS dialect "3.11" offered ["2.02" "3.11"] signing enabled/required who "" "" "" share ""`,
		`2 SMB2_COMMAND_SESSION_SETUP answered true STATUS_LOGON_FAILURE dialect "3.11" offered [] signing unknown/unknown who "CORP" "Ann" "PC7" share ""`,
		`3 SMB2_COMMAND_SESSION_SETUP answered true STATUS_SUCCESS dialect "3.11" offered [] signing unknown/unknown who "CORP" "backup" "PC7" share ""`,
		`5 SMB2_COMMAND_TREE_CONNECT answered true STATUS_BAD_NETWORK_NAME dialect "3.11" offered [] signing unknown/unknown who "" "" "" share "\\\\files\\share"`,
		`4 SMB2_COMMAND_CREATE answered false STATUS_SUCCESS dialect "3.11" offered [] signing unknown/unknown who "" "" "" share ""`,
	}
	for _, size := range []int{1 << 15, 1, 5, 64, 1000} {
		if got := tell(play(t, conversation(), size)); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d:\n%s", size, strings.Join(got, "\n"))
		}
	}
}

func TestVersion1(t *testing.T) {
	ext := make([]byte, 24)
	blob := authenticate("CORP", "ann", "PC7")
	le.PutUint16(ext[14:], uint16(len(blob)))
	old := make([]byte, 26)
	le.PutUint16(old[14:], 3)
	le.PutUint16(old[16:], 4)
	oldData := cat([]byte("pw1hash"), utf("bob"), u16(0), utf("HOME"), u16(0)) // the account lies at an even offset of the message
	treeWords := make([]byte, 8)
	le.PutUint16(treeWords[6:], 1)
	c := cat(session(one(0x72, false, 1, 0, nil, []byte("\x02NT LM 0.12\x00\x02SMB 2.???\x00"))), session(one(0x73, false, 2, 0, ext, blob)),
		session(one(0x73, false, 3, 0, old, oldData)), session(one(0x75, false, 4, 0, treeWords, cat([]byte{0}, utf(`\\s\d`), u16(0)))))
	words := make([]byte, 34)
	words[2] = 12
	s := cat(session(one(0x72, true, 1, 0, words, nil)), session(one(0x73, true, 2, StatusWrongPassword, nil, nil)), session(one(0x73, true, 3, 0, nil, nil)), session(one(0x75, true, 4, 0, nil, nil)))
	got := tell(play(t, [2][]byte{c, s}, 1000))
	want := []string{
		`1 SMB1_COMMAND_NEGOTIATE_PROTOCOL answered true STATUS_SUCCESS dialect "NT LM 0.12" offered ["NT LM 0.12" "SMB 2.???"] signing unknown/required who "" "" "" share ""`,
		`2 SMB1_COMMAND_SESSION_SETUP_ANDX answered true STATUS_WRONG_PASSWORD dialect "NT LM 0.12" offered [] signing unknown/unknown who "CORP" "ann" "PC7" share ""`,
		`3 SMB1_COMMAND_SESSION_SETUP_ANDX answered true STATUS_SUCCESS dialect "NT LM 0.12" offered [] signing unknown/unknown who "HOME" "bob" "" share ""`,
		`4 SMB1_COMMAND_TREE_CONNECT_ANDX answered true STATUS_SUCCESS dialect "NT LM 0.12" offered [] signing unknown/unknown who "" "" "" share "\\\\s\\d"`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// TestOddOffset: names in UTF-16 begin at an even offset of the message ([MS-CIFS] 2.2.1.1.1).
func TestOddOffset(t *testing.T) {
	words := make([]byte, 26)
	le.PutUint16(words[14:], 3)
	le.PutUint16(words[16:], 3)
	m := one(0x73, false, 3, 0, words, cat([]byte("pwhash\x00"), utf("bob"), u16(0), utf("HOME"), u16(0)))
	h, body, _ := ParseHeader(m)
	if id, _ := setup1(&h, body); id.user != "bob" || id.domain != "HOME" {
		t.Errorf("%+v", id)
	}
}

// TestNoSecrets: nothing of what proves a logon reaches an event or a record.
func TestNoSecrets(t *testing.T) {
	for _, e := range play(t, conversation(), 1000) {
		if text := fmt.Sprintf("%+v", e) + string(e.AppendEVE(nil, &event.EVE{Version: 8})); strings.Contains(text, "SECRET") {
			t.Error(text)
		}
	}
}

// TestVersion: the version stands behind the fields, where the flag says so.
func TestVersion(t *testing.T) {
	m := append(authenticate("", "", ""), make([]byte, 8)...)
	copy(m[64:], []byte{6, 0, 0x71, 0x17, 0, 0, 0, 15})
	if id, _ := ntlmssp(m); id.version != "" {
		t.Errorf("%q without the flag", id.version)
	}
	le.PutUint32(m[60:], 1|negotiateVersion)
	if id, _ := ntlmssp(m); id.version != "6.0 build 6001 rev 15" {
		t.Errorf("%q", id.version)
	}
	if id, ok := ntlmssp(m[:64]); !ok || id.version != "" {
		t.Errorf("%+v of a cut message", id)
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
	for _, part := range []string{`"smb":{"id":2,"dialect":"3.11","command":"SMB2_COMMAND_SESSION_SETUP","status":"STATUS_LOGON_FAILURE","status_code":"0xc000006d","session_id":77,"tree_id":5,"ntlmssp":{"domain":"CORP","user":"Ann","host":"PC7"}}`,
		`"client_dialects":["2.02","3.11"]`, `"share":"\\\\files\\share"`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
}

// TestEncrypted: single encrypted messages are passed over; after many in a row of both sides the analyzer reads nothing
// more, however the bytes are cut, and what waits is told.
func TestEncrypted(t *testing.T) {
	sealed := session(append([]byte("\xfdSMB"), make([]byte, 60)...))
	many := bytes.Repeat(sealed, allSealed)
	ask := func(id uint64, path string) []byte { return session(two(3, false, id, 0, 0, tree(path))) }
	ans := func(id uint64) []byte { return session(two(3, true, id, 0, 0, u16(16, 2))) }
	both := conversation()
	both[0] = cat(both[0], sealed, ask(20, `a`), ask(21, `b`), many)
	both[1] = cat(both[1], sealed, ans(20), many, ans(21))
	want := tell(play(t, both, 1<<15))
	if n := len(want); n != 7 || !strings.Contains(want[4], `answered true`) || !strings.Contains(want[6], `answered false`) || !strings.Contains(want[6], `share "b"`) {
		t.Errorf("%s", strings.Join(want, "\n"))
	}
	for _, size := range []int{1, 50} {
		if got := tell(play(t, both, size)); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d: %s", size, strings.Join(got, "\n"))
		}
	}
	few := conversation() // one fewer: the answer is still read
	few[0] = cat(few[0], ask(21, `b`), many)
	few[1] = cat(few[1], many[len(sealed):], ans(21))
	got := play(t, few, 1000)
	x := got[len(got)-2].(*Exchange) // before the create that nobody answered
	if x.Answered.IsZero() || !x.Pipe || !strings.Contains(string(x.AppendEVE(nil, &event.EVE{})), `"named_pipe":"b"`) {
		t.Errorf("%+v", x)
	}
}

func TestProbe(t *testing.T) {
	for name, tc := range map[string]struct {
		d    packet.Dir
		b    []byte
		want analyzer.Answer
	}{
		"two":              {packet.ToServer, session(two(0, false, 1, 0, 0, nil)), analyzer.Yes},
		"one":              {packet.ToServer, session(one(0x72, false, 1, 0, nil, nil)), analyzer.Yes},
		"session request":  {packet.ToServer, append([]byte{0x81, 0, 0, 0x44, 0x20}, "CKFD"...), analyzer.Yes},
		"positive":         {packet.ToClient, []byte{0x82, 0, 0, 0}, analyzer.Yes},
		"request, reverse": {packet.ToClient, []byte{0x81, 0, 0, 0x44, 0x20}, analyzer.No},
		"zeros":            {packet.ToServer, make([]byte, 20), analyzer.No},
		"text":             {packet.ToServer, []byte("GET /"), analyzer.No},
		"begin":            {packet.ToServer, []byte{0, 0, 0, 68, 0xfe}, analyzer.More},
		"nothing":          {packet.ToServer, nil, analyzer.More},
	} {
		if got := probe(tc.d, tc.b); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
		said := analyzer.More
		for n := range len(tc.b) + 1 {
			got := probe(tc.d, tc.b[:n])
			if said != analyzer.More && got != said {
				t.Errorf("%s: %v after %v at %d bytes", name, got, said, n)
			}
			said = got
		}
	}
}

func TestBounded(t *testing.T) {
	var c []byte
	for i := range 4 * maxOpen {
		c = append(c, session(two(1, false, uint64(i), 0, 0, setup(nil)))...)
	}
	got := play(t, [2][]byte{c, nil}, 500)
	last, early := got[len(got)-1].Head().Seen.Frame, 0
	for _, e := range got {
		if e.Head().Seen.Frame < last {
			early++
		}
	}
	if len(got) != 4*maxOpen || early < 3*maxOpen-8 {
		t.Errorf("%d exchanges, %d before the end", len(got), early)
	}
}

func TestNothingUnwanted(t *testing.T) {
	if got := packets(t, func(string) bool { return false }, frames(conversation(), 1000)...); len(got) != 0 {
		t.Error("events that nobody wants")
	}
}

func TestWide(t *testing.T) {
	for _, s := range []string{"", "Ann", "Grün", "日本", "a😀b"} {
		if got := wide(utf(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := wide(u16(0xd83d, 'x', 0xde00)); got != "\ufffdx\ufffd" {
		t.Errorf("halves of pairs: %q", got)
	}
	long := utf(strings.Repeat("日", maxName))
	if n := testing.AllocsPerRun(100, func() { _ = wide(long) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(two(1, false, 2, 0, 0, setup(authenticate("CORP", "Ann", "PC7"))))
	f.Add(one(0x73, false, 2, 0, make([]byte, 26), []byte("xxxx")))
	f.Add(one(0x72, false, 1, 0, nil, []byte("\x02NT LM 0.12\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, ok := ParseHeader(b)
		if !ok {
			return
		}
		if d, _, _ := negotiate2(body); len(d) > maxDialects {
			t.Error("too many dialects")
		}
		negotiated2(body)
		negotiate1(body)
		negotiated1(body)
		id, blob := setup1(&h, body)
		if found, ok := ntlmssp(blob); ok {
			id = found
		}
		if found, ok := ntlmssp(setup2(b, body)); ok {
			id = found
		}
		if n := len(id.user); n > 3*maxName {
			t.Errorf("a name of %d bytes", n)
		}
		tree1(&h, body)
		tree2(b, body)
		create1(&h, body)
		f := create2(b, body)
		f.created1(body)
		f.created2(body)
		carried(&h, b, body)
	})
}

func FuzzConnection(f *testing.F) {
	c := conversation()
	f.Add(c[0][:700], c[1], 5)
	var calls [2][]byte
	for i, x := range service() {
		if i < 6 || i > 8 {
			calls[x.Dir] = append(calls[x.Dir], x.Data...)
		}
	}
	f.Add(calls[0], calls[1], 7)
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
