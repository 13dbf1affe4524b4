package http2

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// list decodes a block into lines; the error is the last one.
func (t *table) list(b []byte) (lines []string) {
	err := t.decode(b, func(x field) {
		if x.resized {
			lines = append(lines, fmt.Sprintf("size %d", x.size))
			return
		}
		lines = append(lines, string(x.name)+": "+string(x.value))
	})
	if err != nil {
		lines = append(lines, err.Error())
	}
	return lines
}

// TestFiguresOfTheRFC: RFC 7541 C.2 to C.6, each with the table that it leaves.
func TestFiguresOfTheRFC(t *testing.T) {
	type step struct{ block, fields, table string }
	requests := [3]string{":method: GET|:scheme: http|:path: /|:authority: www.example.com",
		":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache",
		":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value"}
	requestTables := [3]string{"57 :authority: www.example.com", "110 cache-control: no-cache|:authority: www.example.com",
		"164 custom-key: custom-value|cache-control: no-cache|:authority: www.example.com"}
	const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
	responses := [3]string{":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com",
		":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com",
		":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|content-encoding: gzip|set-cookie: " + cookie}
	responseTables := [3]string{"222 location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private|:status: 302",
		"222 :status: 307|location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private",
		"215 set-cookie: " + cookie + "|content-encoding: gzip|date: Mon, 21 Oct 2013 20:13:22 GMT"}
	for _, tc := range []struct {
		name  string
		most  int
		steps []step
	}{
		{"C.2.1", 4096, []step{{"400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header", "55 custom-key: custom-header"}}},
		{"C.2.2", 4096, []step{{"040c2f73616d706c652f70617468", ":path: /sample/path", "0 "}}},
		{"C.2.3", 4096, []step{{"100870617373776f726406736563726574", "password: secret", "0 "}}},
		{"C.2.4", 4096, []step{{"82", ":method: GET", "0 "}}},
		{"C.3", 4096, []step{{"828684410f7777772e6578616d706c652e636f6d", requests[0], requestTables[0]}, {"828684be58086e6f2d6361636865", requests[1], requestTables[1]},
			{"828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", requests[2], requestTables[2]}}},
		{"C.4", 4096, []step{{"828684418cf1e3c2e5f23a6ba0ab90f4ff", requests[0], requestTables[0]}, {"828684be5886a8eb10649cbf", requests[1], requestTables[1]},
			{"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", requests[2], requestTables[2]}}},
		{"C.5", 256, []step{{"4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d", responses[0], responseTables[0]},
			{"4803333037c1c0bf", responses[1], responseTables[1]},
			{"88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31", responses[2], responseTables[2]}}},
		{"C.6", 256, []step{{"488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3", responses[0], responseTables[0]},
			{"4883640effc1c0bf", responses[1], responseTables[1]},
			{"88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007", responses[2], responseTables[2]}}},
	} {
		tab := &table{most: tc.most}
		for i, s := range tc.steps {
			if got := strings.Join(tab.list(unhex(t, s.block)), "|"); got != s.fields {
				t.Errorf("%s.%d:\n got %s\nwant %s", tc.name, i+1, got, s.fields)
			}
			var rows []string
			for k := len(tab.entries) - 1; k >= tab.first; k-- {
				rows = append(rows, string(tab.entries[k].name)+": "+string(tab.entries[k].value))
			}
			if got := fmt.Sprintf("%d %s", tab.size, strings.Join(rows, "|")); got != s.table {
				t.Errorf("%s.%d: the table\n got %s\nwant %s", tc.name, i+1, got, s.table)
			}
		}
	}
}

// TestIntegers: RFC 7541 C.1, and numbers that go on too long.
func TestIntegers(t *testing.T) {
	for _, tc := range []struct {
		b    string
		bits int
		n    uint64
		err  error
	}{{"0a", 5, 10, nil}, {"1f9a0a", 5, 1337, nil}, {"2a", 8, 42, nil}, {"1f", 5, 0, errShort}, {"1f80", 5, 0, errShort}, {"", 5, 0, errShort},
		{"1fffffffff0f", 5, 31 + 1<<32 - 1, nil}, {"1fffffffffffff", 5, 0, errInteger}} {
		n, _, err := integer(unhex(t, tc.b), tc.bits)
		if n != tc.n || err != tc.err {
			t.Errorf("%s: %d %v", tc.b, n, err)
		}
	}
}

// TestTableIsBounded: whatever a sender says, the table stays within its bytes, and what is broken is told.
func TestTableIsBounded(t *testing.T) {
	tab := &table{most: startTable}
	for _, tc := range []struct{ b, want string }{
		{"3fe11f 82", "size 4096|:method: GET"}, {"20 be", "size 0|" + errIndex.Error()}, {"3fe1ff07", "size 131072|" + errUpdate.Error()}, {"80", errIndex.Error()},
		{"40", errShort.Error()}, {"4085", errShort.Error()}, {"400161", errShort.Error()}, {"40016101", errShort.Error()},
		{"4081ff00", errHuffman.Error()}, {"4081ffff", errHuffman.Error()}, {"4084fffffffc00", errHuffman.Error()}, {"408100 00", errHuffman.Error()}, {"ff", errShort.Error()},
	} {
		if got := strings.Join(tab.list(unhex(t, tc.b)), "|"); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.b, got, tc.want)
		}
	}
	tab = &table{most: startTable}
	for i := range 5000 {
		name := fmt.Sprint("n", i)
		b := append([]byte{0x40, byte(len(name))}, name...)
		b = append(append(b, 10), "0123456789"...)
		tab.list(b)
		if tab.size > startTable || len(tab.entries) > 512 {
			t.Fatalf("%d bytes, %d entries", tab.size, len(tab.entries))
		}
		if p, _ := tab.at(62); string(p.name) != name {
			t.Fatalf("%s is not the youngest: %s", name, p.name)
		}
	}
	if tab.held() > 64<<10 {
		t.Errorf("%d bytes held", tab.held())
	}
	tab.add(pair{bytes.Repeat([]byte("x"), 5000), nil})
	if tab.size != 0 {
		t.Errorf("an entry beyond all room leaves %d bytes", tab.size)
	}
}

// TestBombIsGivenUp: a byte each that refers to much ends after so many bytes.
func TestBombIsGivenUp(t *testing.T) {
	tab := &table{most: startTable}
	b := append([]byte{0x40, 1, 'n', 0x7f, 0x81, 0x1e}, bytes.Repeat([]byte("v"), 127+3841-0)...)
	if got := tab.list(b); len(got) != 1 || len(got[0]) != 3+3968 {
		t.Fatal(len(got), len(got[0]))
	}
	n := 0
	err := tab.decode(bytes.Repeat([]byte{0xbe}, 100_000), func(field) { n++ })
	if err != errMuch || n > maxWalk/3968+1 {
		t.Errorf("%d fields, %v", n, err)
	}
}

// TestHuffman: all bytes, coded one after the other by the rule that codeLengths has.
func TestHuffman(t *testing.T) {
	var all, plain []byte
	acc, have := uint64(0), 0
	for _, b := range []byte("\x00\x01\x7f\x80\xff\t\n www.example.com{}~^") {
		l := int(codeLengths[b])
		code := uint64(0)
		for i := range codes.n[l] {
			if codes.bytes[codes.from[l]+i] == b {
				code = uint64(codes.first[l] + i)
			}
		}
		acc, have = acc<<l|code, have+l
		for have >= 8 {
			all = append(all, byte(acc>>(have-8)))
			have -= 8
			acc &= 1<<have - 1
		}
		plain = append(plain, b)
	}
	all = append(all, byte(acc<<(8-have)|1<<(8-have)-1))
	got, ok := unHuffman(nil, all)
	if !ok || !bytes.Equal(got, plain) {
		t.Errorf("%q %v", got, ok)
	}
	if codes.first[30]+codes.n[30] != 1<<30-1 {
		t.Errorf("the codes of 30 bits end at %x: only that of the end of a string is left", codes.first[30]+codes.n[30])
	}
}

// FuzzHPACK: no block breaks anything, and the table keeps its bounds.
func FuzzHPACK(f *testing.F) {
	f.Add([]byte("\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), []byte("\x82\x87\x85\xbf"))
	f.Add([]byte("\x3f\xe1\x1f\x40\x0acustom-key\x0dcustom-header"), []byte("\xbe\x20"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		tab := &table{most: startTable}
		for _, x := range [][]byte{a, b, a} {
			_ = tab.decode(x, func(x field) { _ = string(x.name) + string(x.value) })
			n := 0
			for _, e := range tab.entries[tab.first:] {
				n += e.size()
			}
			if n != tab.size || n > max(tab.most, 0) || tab.most > maxTable {
				t.Fatalf("%d bytes, counted as %d of %d", n, tab.size, tab.most)
			}
		}
	})
}
