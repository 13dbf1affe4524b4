package ruletraffic

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/rules"
)

// tallied is a rule with the number of alerts that it has over one capture.
type tallied struct {
	file string // below testdata/captures, or the name of something handmade
	rule *Rule
	want int
}

// ofCaptures reads testdata/captures.rules.
func ofCaptures(t *testing.T) (list []tallied) {
	t.Helper()
	b, err := os.ReadFile("testdata/captures.rules")
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	s := bufio.NewScanner(strings.NewReader(string(b)))
	for s.Scan() {
		n, text, _ := strings.Cut(s.Text(), " ")
		if n == "#" {
			if f := strings.Fields(text); len(f) == 1 {
				file = f[0]
			}
			continue
		}
		want, err := strconv.Atoi(n)
		if err != nil {
			t.Fatalf("%q is no number of alerts", s.Text())
		}
		r, err := Read(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tallied{file, r, want})
	}
	return list
}

// alertsOver runs rules over the traffic of a file and counts the alerts of each.
func alertsOver(t *testing.T, file string, texts ...string) map[int]int {
	t.Helper()
	set, refused := loaded(t, strings.Join(texts, "\n"))
	for sid, why := range refused {
		t.Errorf("%d is not loaded: %s", sid, why)
	}
	var s *shown
	if made := handmade[file]; made != nil {
		s = watch(t, set, made())
	} else {
		src, err := capture.OpenFile(filepath.Join("..", "..", "testdata", "captures", file), capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s = watchSource(t, set, src)
	}
	n := map[int]int{}
	for sid, of := range s.of {
		n[sid] = len(of)
	}
	return n
}

// TestKeywordsOfCaptures: options of protocols that the generator does not speak, over captures of real programs and a few
// frames made by hand. Each of these options changes how often its rule alerts: if the engine overlooked one, a number would
// be another.
func TestKeywordsOfCaptures(t *testing.T) {
	list := ofCaptures(t)
	files := map[string][]string{}
	for _, c := range list {
		files[c.file] = append(files[c.file], c.rule.Text)
	}
	got := map[int]int{}
	for file, texts := range files {
		for sid, n := range alertsOver(t, file, texts...) {
			got[sid] = n
		}
	}
	covered := map[string]bool{}
	for _, c := range list {
		if got[c.rule.SID] != c.want {
			t.Errorf("%d alerts in %s, not %d: %s", got[c.rule.SID], c.file, c.want, c.rule.Text)
		}
		for _, o := range c.rule.Options {
			if !slices.Contains(rules.Keywords(), o.Name) || !madeElsewhere(o.Name) {
				continue
			}
			if n := alertsOver(t, c.file, c.rule.Without(o.Name))[c.rule.SID]; n == c.want {
				t.Errorf("nobody would notice if %s did nothing: %s", o.Name, c.rule.Text)
			}
			covered[o.Name] = true
		}
	}
	for _, k := range rules.Keywords() {
		if madeElsewhere(k) && !covered[k] && heldBy[k] == "" {
			t.Errorf("no rule of captures.rules has %s, and no test is named that holds it", k)
		}
	}
	for k, test := range heldBy {
		if covered[k] {
			t.Errorf("%s is held here, not by %s alone", k, test)
		}
	}
}

// heldBy are the options of elsewhere that other tests hold: each was switched off once, and a test of these went red (2026-11-30).
var heldBy = by("internal/rules",
	"app-layer-event", "burst", "datarep", "dataset", "dce_iface", "dcerpc.iface", "dcerpc.opnum", "dcerpc.stub_data", "dhcp.leasetime", "file.magic",
	"filemagic", "flow.pkts", "flow.pkts_toclient", "flowint", "flowvar", "frame", "ftpbounce", "hostbits", "http2.errorcode",
	"http2.frametype", "http2.header", "http2.header_name", "http2.priority", "http2.settings", "http2.size_update", "http2.window",
	"ike.chosen_sa_attribute", "ike.init_spi", "ip.dst", "ldap.request.attribute_type", "ldap.request.dn", "ldap.request.operation",
	"ldap.responses.attribute_type", "ldap.responses.count", "ldap.responses.dn", "ldap.responses.message", "ldap.responses.operation",
	"ldap.responses.result_code", "modbus", "mqtt.connect.flags", "mqtt.flags", "mqtt.qos", "mqtt.type", "pgsql.query", "pktvar",
	"quic.cyu.hash", "quic.cyu.string", "quic.sni", "quic.ua", "quic.version", "rate", "sip_header", "sip_method", "sip_stat_code",
	"smb.share", "smb.version", "snmp.pdu_type", "snmp.usm", "snmp.version", "stream_size", "xbits").
	and("test/cli", "config", "iprep").and("TestRefusedValues", "ike.key_exchange_payload", "ike.nonce_payload")

type holders map[string]string

func by(test string, options ...string) holders { return holders{}.and(test, options...) }

func (h holders) and(test string, options ...string) holders {
	for _, o := range options {
		h[o] = test
	}
	return h
}

// TestRefusedValues: options that change nothing that traffic shows are read all the same, and refuse what they do not know.
func TestRefusedValues(t *testing.T) {
	for _, option := range []string{"target:both", "bypass:yes", "tls_store", "tls.store",
		"ike.key_exchange_payload", "ike.nonce_payload"} {
		text := fmt.Sprintf(`alert tcp any any -> any any (msg:"x"; content:"abc"; %s; sid:1;)`, option)
		if _, refused := loaded(t, text); refused[1] == "" {
			t.Errorf("%s is not refused", option)
		}
	}
}
