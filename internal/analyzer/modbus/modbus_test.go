package modbus

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	client = "10.0.0.1:40000"
	server = "10.0.0.2:502"
	up     = packet.ToServer
	down   = packet.ToClient
)

var defs = []analyzer.Def{Def}

// adu is a message of unit 1 with its header.
func adu(transaction byte, pdu string) string {
	return string([]byte{0, transaction, 0, 0, byte((len(pdu) + 1) >> 8), byte(len(pdu) + 1), 1}) + pdu
}

func turn(d packet.Dir, s string) analyzertest.Turn { return analyzertest.Turn{Dir: d, Data: s} }

// records are the modbus objects that are told, and what is odd, with direction and number.
func records(t *testing.T, cut int, turns ...analyzertest.Turn) (out []string) {
	t.Helper()
	es := analyzertest.Run(t, analyzertest.Options{Defs: defs}, analyzertest.Frames(cut, client, server, true, turns...)...)
	var valid []event.Event
	for _, e := range es {
		switch e := e.(type) {
		case *Event:
			valid = append(valid, e)
			out = append(out, fmt.Sprintf("%d %s", e.Tx, e.AppendAppObject(nil)))
		case *event.AppLayer:
			valid = append(valid, e)
			out = append(out, fmt.Sprintf("%d %d %s", e.Dir, e.Tx, e.Name))
		}
	}
	analyzertest.ValidEVE(t, valid...)
	return out
}

// object is what every message's object begins with.
func object(transaction, raw int, code, access, category, flags string) string {
	return fmt.Sprintf(`{"transaction_id":%d,"protocol_id":0,"unit_id":1,"function_raw":%d,"function_code":"%s","access_type":"%s","category":"%s","error_flags":"%s"`, transaction, raw, code, access, category, flags)
}

// TestFunctions: one request and its answer for each form.
func TestFunctions(t *testing.T) {
	const assigned = "PUBLIC_ASSIGNED"
	for name, c := range map[string]struct{ request, response, want, answer string }{
		"coils": {"\x01\x00\x02\x00\x0a", "\x01\x02\xcd\x01", object(1, 1, "RdCoils", "READ | COILS", assigned, "NONE") + `,"read":{"address":2,"quantity":10}}`,
			object(1, 1, "RdCoils", "READ | COILS", assigned, "NONE") + `,"read":{"data":"\\xcd\u0001"}}`},
		"exception": {"\x03\x13\x88\x00\x01", "\x83\x02", object(1, 3, "RdHoldRegs", "READ | HOLDING", assigned, "NONE") + `,"read":{"address":5000,"quantity":1}}`,
			object(1, 131, "RdHoldRegs", "READ | HOLDING", assigned, "NONE") + `,"exception":{"raw":2,"code":"IllegalDataAddr"}}`},
		"one coil": {"\x05\x00\x07\xff\x00", "\x05\x00\x07\xff\x00", object(1, 5, "WrSingleCoil", "WRITE | COILS | SINGLE", assigned, "NONE") + `,"write":{"address":7,"data":65280}}`,
			object(1, 5, "WrSingleCoil", "WRITE | COILS | SINGLE", assigned, "NONE") + `,"write":{"address":7,"data":65280}}`},
		"registers": {"\x10\x00\x01\x00\x02\x04ABCD", "\x10\x00\x01\x00\x02", object(1, 16, "WrMultRegs", "WRITE | HOLDING | MULTIPLE", assigned, "NONE") + `,"write":{"address":1,"quantity":2,"data":"ABCD"}}`,
			object(1, 16, "WrMultRegs", "WRITE | HOLDING | MULTIPLE", assigned, "NONE") + `,"write":{"address":1,"data":2}}`},
		"mask": {"\x16\x00\x04\x00\xf2\x00\x25", "\x16\x00\x04\x00\xf2\x00\x25", object(1, 22, "MaskWrReg", "WRITE | HOLDING", assigned, "NONE") + `,"write":{"address":4,"and_mask":242,"or_mask":37}}`,
			object(1, 22, "MaskWrReg", "WRITE | HOLDING", assigned, "NONE") + `,"write":{"address":4,"and_mask":242,"or_mask":37}}`},
		"both": {"\x17\x00\x03\x00\x01\x00\x0e\x00\x01\x02hi", "\x17\x02yo", object(1, 23, "RdWrMultRegs", "READ | WRITE | HOLDING | MULTIPLE", assigned, "NONE") +
			`,"read":{"address":3,"quantity":1},"write":{"address":14,"quantity":1,"data":"hi"}}`, object(1, 23, "RdWrMultRegs", "READ | WRITE | HOLDING | MULTIPLE", assigned, "NONE") + `,"read":{"data":"yo"}}`},
		"diagnostic": {"\x08\x00\x04\x00\x00", "\x88\x0b", object(1, 8, "Diagnostic", "NONE", assigned, "NONE") + `,"diagnostic":{"raw":4,"code":"ForceListenOnlyMode","data":"\u0000\u0000"}}`,
			object(1, 136, "Diagnostic", "NONE", assigned, "NONE") + `,"exception":{"raw":11,"code":"GatewayTargetFailToResp"}}`},
		"identity": {"\x2b\x0e\x01\x00", "\x2b\x0e\x01\x01\x00\x00\x01\x00\x02ab", object(1, 43, "MEI", "NONE", assigned, "NONE") + `,"mei":{"raw":14,"code":"RdDevId","data":"\u0001\u0000"}}`,
			object(1, 43, "MEI", "NONE", assigned, "NONE") + `,"mei":{"raw":14,"code":"RdDevId","data":"\u0001\u0001\u0000\u0000\u0001\u0000\u0002ab"}}`},
		"server id": {"\x11", "\x11\x01x", object(1, 17, "ReportServerID", "NONE", assigned, "NONE") + `}`, object(1, 17, "ReportServerID", "NONE", assigned, "NONE") + `,"data":"\u0001x"}`},
	} {
		for _, cut := range []int{1, 5, 4000} {
			got := records(t, cut, turn(up, adu(1, c.request)), turn(down, adu(1, c.response)))
			want := []string{`0 "modbus":{"id":1,"request":` + c.want + `,"response":` + c.answer + `}`}
			if !slices.Equal(got, want) {
				t.Errorf("%s, cut by %d:\n got %s\nwant %s", name, cut, got, want)
			}
		}
	}
}

// TestCategories: who defines a function.
func TestCategories(t *testing.T) {
	for f, want := range map[string]Category{"\x01": PublicAssigned, "\x2b\x0e": PublicAssigned, "\x2b\x01": Reserved, "\x08\x00\x09\x00\x00": Reserved, "\x09": Reserved, "\x19": PublicUnassigned, "\x40": PublicUnassigned,
		"\x41": UserDefined, "\x48": UserDefined, "\x49": PublicUnassigned, "\x64": UserDefined, "\x6e": UserDefined, "\x5a": Reserved, "\x7d": Reserved, "\x7f": Reserved} {
		if m := parse([]byte(adu(1, f)), false); m.Category() != want {
			t.Errorf("%x: %d, not %d", f, m.Category(), want)
		}
	}
}

// TestOddities: flaws of messages, answers that fit nothing, requests without an answer.
func TestOddities(t *testing.T) {
	begin := []analyzertest.Turn{turn(up, adu(1, "\x01\x00\x00\x00\x01")), turn(down, adu(1, "\x01\x01\x00"))}
	const first = `0 "modbus":{"id":1,`
	for name, c := range map[string]struct {
		turns []analyzertest.Turn
		want  []string
	}{
		"too many coils":       {[]analyzertest.Turn{turn(up, adu(2, "\x01\x00\x00\xff\xff")), turn(down, adu(2, "\x81\x03"))}, []string{"0 1 invalid_value", `1 "modbus":{"id":2,`}},
		"too short":            {[]analyzertest.Turn{turn(up, adu(2, "\x01\x00"))}, []string{"0 1 invalid_length", `1 "modbus":{"id":2,`}},
		"function 0":           {[]analyzertest.Turn{turn(up, adu(2, "\x00\x00"))}, []string{"0 1 invalid_function_code", `1 "modbus":{"id":2,`}},
		"other protocol":       {[]analyzertest.Turn{turn(up, "\x00\x02\x00\x10\x00\x06\x01\x01\x00\x00\x00\x01")}, []string{"0 1 invalid_protocol_id", `1 "modbus":{"id":2,`}},
		"exception 99":         {[]analyzertest.Turn{turn(up, adu(2, "\x01\x00\x00\x00\x01")), turn(down, adu(2, "\x81\x63"))}, []string{"1 1 invalid_exception_code", `1 "modbus":{"id":2,`}},
		"unasked":              {[]analyzertest.Turn{turn(down, adu(7, "\x01\x01\x00"))}, []string{"1 1 unsolicited_response", `1 "modbus":{"id":2,"response":{"transaction_id":7`}},
		"another function":     {[]analyzertest.Turn{turn(up, adu(2, "\x01\x00\x00\x00\x01")), turn(down, adu(2, "\x02\x01\x00"))}, []string{"1 1 value_mismatch", `1 "modbus":{"id":2,`}},
		"another value":        {[]analyzertest.Turn{turn(up, adu(2, "\x06\x00\x01\x00\x05")), turn(down, adu(2, "\x06\x00\x01\x00\x06"))}, []string{"1 1 value_mismatch", `1 "modbus":{"id":2,`}},
		"fewer registers":      {[]analyzertest.Turn{turn(up, adu(2, "\x03\x00\x00\x00\x02")), turn(down, adu(2, "\x03\x02\x00\x01"))}, []string{"1 1 value_mismatch", `1 "modbus":{"id":2,`}},
		"no answer":            {[]analyzertest.Turn{turn(up, adu(2, "\x08\x00\x04\x00\x00"))}, []string{`1 "modbus":{"id":2,"request":`}},
		"a header of nonsense": {[]analyzertest.Turn{turn(up, "\x00\x02\x00\x00\xff\xff\x01\x01")}, []string{"0 1 invalid_length"}},
	} {
		got := records(t, 3, append(slices.Clone(begin), c.turns...)...)
		want := append([]string{first}, c.want...)
		if len(got) != len(want) {
			t.Errorf("%s: told %q", name, got)
			continue
		}
		for i, w := range want {
			if !strings.HasPrefix(got[i], w) {
				t.Errorf("%s: %s does not begin with %s", name, got[i], w)
			}
		}
	}
	flood := slices.Clone(begin)
	for i := range mostOpen + 3 {
		flood = append(flood, turn(up, "\x01"+adu(byte(i), "\x01\x00\x00\x00\x01")[1:]))
	}
	n := 0
	for _, s := range records(t, 4000, flood...) {
		if strings.HasSuffix(s, "flooded") {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d requests were too many", n)
	}
}

// TestParts: rules see a request with its answer, and one without an answer once another follows.
func TestParts(t *testing.T) {
	got := analyzertest.Show(t, defs, analyzertest.Frames(4000, client, server, true, turn(up, adu(1, "\x10\x00\x01\x00\x02\x04ABCD")), turn(down, adu(1, "\x10\x00\x01\x00\x03")),
		turn(up, adu(2, "\x08\x00\x04\x00\x00")), turn(up, adu(3, "\x01\x00\x02\x00\x0a")), turn(down, adu(3, "\x81\x02")))...)
	for i, want := range []struct {
		d      packet.Dir
		tx     uint64
		part   []string
		events []string
	}{
		{up, 0, []string{"\x01\xa2\x02\x10\xff\xff\x02\x00\x01\x00\x02\x00\x02ABCD"}, nil}, {down, 0, nil, []string{"value_mismatch"}},
		{up, 1, []string{"\x01\x00\x02\x08\x00\x04"}, nil}, {up, 2, []string{"\x01\x09\x02\x01\xff\xff\x01\x00\x02\x00\x0a\x00\x00"}, nil}, {down, 2, nil, nil},
	} {
		if i >= len(got) {
			t.Fatalf("shown %d times", len(got))
		}
		if g := got[i]; g.Dir != want.d || g.Tx != want.tx || !slices.Equal(g.Parts["modbus"], want.part) || !slices.Equal(g.Events, want.events) {
			t.Errorf("%d: %d %d %q %q", i, g.Dir, g.Tx, g.Parts, g.Events)
		}
		analyzertest.ValidEVE(t, got[i].Record)
	}
	if len(got) != 5 {
		t.Errorf("shown %d times", len(got))
	}
}

// TestProbe: what is taken for Modbus, and what is not.
func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    packet.Dir
		b    string
		want analyzer.Answer
	}{
		{up, "", analyzer.More}, {up, adu(1, "\x03\x00\x00\x00\x01")[:11], analyzer.More}, {up, adu(1, "\x03\x00\x00\x00\x01"), analyzer.Yes}, {up, adu(1, "\x03\x00\x00\x00\x00"), analyzer.No},
		{up, adu(1, "\x03\x00\x00\x00\x01\x00"), analyzer.No}, {down, adu(1, "\x03\x02\x00\x01"), analyzer.Yes}, {down, adu(1, "\x83\x02"), analyzer.Yes}, {up, adu(1, "\x83\x02"), analyzer.No}, {down, adu(1, "\x83\x63"), analyzer.No},
		{up, adu(1, "\x41xyz"), analyzer.More}, {up, adu(1, "\x41xyz") + adu(2, "\x41")[:6], analyzer.Yes}, {up, adu(1, "\x41xyz") + "\x00\x02\x01\x00", analyzer.No}, {up, adu(1, "\x11"), analyzer.Yes},
		{up, "\x00\x00\x00\x85\xffSMB", analyzer.No}, {up, "\x00\x00\x00\x08\x04\xd2\x16\x2f", analyzer.No}, {up, "\x10\x00\x00\x00\x01\x00\x00\x00", analyzer.No}, {up, "GET / HTTP", analyzer.No},
		{up, "\x00\x1d\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", analyzer.No}, // DNS over TCP
	} {
		if got := probe(c.d, []byte(c.b)); got != c.want {
			t.Errorf("%d %q: %v, want %v", c.d, c.b, got, c.want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, []byte(adu(1, "\x10\x00\x01\x00\x02\x04ABCD")), func(b []byte) bool { m := parse(b, false); return m.Flaws == 0 })
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(adu(1, "\x01\x00\x02\x00\x0a")+adu(1, "\x01\x02\xcd\x01")+adu(2, "\x17\x00\x03\x00\x01\x00\x0e\x00\x01\x02hi")), []byte{12, 200, 3})
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		for _, d := range []packet.Dir{up, down} {
			whole := probe(d, b)
			for n := range min(len(b), 300) {
				if a := probe(d, b[:n]); a != analyzer.More && a != whole {
					t.Fatalf("%v of the first %d bytes, %v of all", a, n, whole)
				}
			}
		}
		for _, e := range analyzertest.Feed(t, Def, server, b, cuts) {
			if line := e.AppendEVE(nil, &event.EVE{Version: 8}); !json.Valid(line) {
				t.Fatalf("%s", line)
			}
		}
	})
}
