package ruletraffic

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/rules"
)

// piece is a rule of ours with all that was made for it.
type piece struct {
	rule  *Rule
	good  *Traffic
	twins []*Traffic
}

// own makes traffic for the rules of testdata/own.rules.
func own(t *testing.T, whole bool) []piece {
	t.Helper()
	all := readFile(t, "testdata/own.rules")
	g := NewGenerator(Variables(), 7, all)
	g.Whole = whole
	var out []piece
	for _, r := range all {
		if k := notKnown(r); k != "" {
			t.Errorf("the engine does not know %s", k)
			continue
		}
		good, err := g.Make(r)
		if err != nil {
			t.Errorf("%v: %s", err, r.Text)
			continue
		}
		out = append(out, piece{r, good, g.Twins(r)})
	}
	return out
}

// notKnown is an option of a rule that the engine does not know; empty: it knows all.
func notKnown(r *Rule) string {
	known := rules.Keywords()
	for _, o := range r.Options {
		if !slices.Contains(known, o.Name) {
			return o.Name
		}
	}
	return ""
}

// judge runs rules, with text in the place of those that it has, over the traffic of pieces. It returns what went wrong.
func judge(t *testing.T, pieces []piece, text map[int]string) (wrong []string) {
	t.Helper()
	var b strings.Builder
	var frames [][][]byte
	written := map[int]bool{}
	write := func(r *Rule) {
		if written[r.SID] {
			return
		}
		written[r.SID] = true
		if s, ok := text[r.SID]; ok {
			fmt.Fprintln(&b, s)
		} else {
			fmt.Fprintln(&b, r.Text)
		}
	}
	for i, p := range pieces {
		write(p.rule)
		for _, x := range append([]*Traffic{p.good}, p.twins...) {
			frames = append(frames, x.Frames)
			for _, s := range x.Setters {
				write(s)
			}
		}
		if p.good.Probe != "" {
			fmt.Fprintln(&b, probe(p.good.Probe, i))
		}
	}
	set, refused := loaded(t, b.String())
	s := watch(t, set, frames...)
	for i, p := range pieces {
		sid := p.rule.SID
		if why := refused[sid]; why != "" {
			wrong = append(wrong, fmt.Sprintf("not loaded: %s: %s", why, p.rule.Text))
			continue
		}
		seen := sid
		if p.good.Probe != "" {
			seen = probeSID + i
			if s.has(sid, p.good.Ends) {
				wrong = append(wrong, "it was not to alert: "+dump(p.good))
			}
		}
		if !s.has(seen, p.good.Ends) {
			wrong = append(wrong, "did not fire: "+dump(p.good))
		} else if p.good.Probe == "" {
			wrong = append(wrong, told(s, p.rule)...)
		}
		for _, x := range p.twins {
			if s.has(seen, x.Ends) {
				wrong = append(wrong, "its twin fired: "+dump(x))
			}
		}
	}
	return wrong
}

// told checks what an alert says of its rule.
func told(s *shown, r *Rule) (wrong []string) {
	value := func(name, otherwise string) string {
		if o := r.first(name); o != nil {
			return o.Value
		}
		return otherwise
	}
	a := s.info[r.SID].Rule
	category, severity := "", "3"
	if value("classtype", "") == "bad-unknown" {
		category, severity = "Potentially Bad Traffic", "2"
	}
	var meta []string
	for _, m := range a.Metadata {
		for _, v := range m.Values {
			meta = append(meta, m.Key+" "+v)
		}
	}
	for _, x := range []struct{ what, got, want string }{
		{"msg", a.Msg, value("msg", "")}, {"rev", fmt.Sprint(a.Rev), value("rev", "0")}, {"gid", fmt.Sprint(a.GID), value("gid", "1")},
		{"priority", fmt.Sprint(a.Severity), value("priority", severity)}, {"classtype", a.Category, category},
		{"metadata", strings.Join(meta, ", "), value("metadata", "")},
	} {
		if x.got != x.want {
			wrong = append(wrong, fmt.Sprintf("%s is %q, not %q: %s", x.what, x.got, x.want, r.Text))
		}
	}
	return wrong
}

// TestOwnRules: each rule of ours fires on traffic made for it, and on no twin that differs in one option.
func TestOwnRules(t *testing.T) {
	pieces := own(t, false)
	for _, w := range judge(t, pieces, nil) {
		t.Error(w)
	}
	n := 0
	for _, p := range pieces {
		n += len(p.twins)
	}
	t.Logf("%d rules, %d twins", len(pieces), n)
}

// asksNothing are options that change nothing that traffic could show.
var asksNothing = map[string]string{
	"fast_pattern": "says by which content to search", "prefilter": "says what to ask first", "rawbytes": "all bytes are raw here",
	"reference": "is text for a reader", "target": "says which side is attacked", "alert": "what an alert rule does anyway",
	"filestore": "says what to keep", "tag": "says what to write after the alert (TestRuleSights of sensor)", "bypass": "saves work that is done all the same", "tls.store": "is refused: certificates are not kept", "tls_store": "is refused: certificates are not kept",
}

// elsewhere are options of protocols that no traffic is made for here, by how their names begin. TestKeywordsOfCaptures holds
// them, or says who does.
var elsewhere = map[string]string{
	"dce": "DCE/RPC", "dhcp.": "DHCP", "krb5": "Kerberos", "snmp.": "SNMP", "filemd5": "lists of digests", "filesha": "lists of digests",
	"ftpdata_command": "FTP's second connection", "smb": "SMB", "nfs": "NFS", "file.magic": "what files are (internal/file)", "filemagic": "what files are (internal/file)",
	"data": "lists of values", "flow.": "counts of a connection", "flowint": "counts of rules", "hostbits": "bits of hosts", "xbits": "bits of pairs",
	"icmpv4": "whole headers and sums", "icmpv6-": "whole headers and sums", "icmpv6.hdr": "whole headers and sums", "ip.": "addresses as bytes",
	"ipv4": "whole headers and sums", "ipv6": "whole headers and sums", "tcp.hdr": "whole headers and sums", "tcpv": "whole headers and sums",
	"udp": "whole headers and sums", "mdns.": "mDNS", "stream_size": "bytes of a stream", "vlan.": "tags",
	"mqtt.type": "messages of MQTT", "mqtt.flags": "messages of MQTT", "mqtt.qos": "messages of MQTT", "mqtt.connect.flags": "messages of MQTT", "modbus": "Modbus",
	"sip_": "SIP", "ftpbounce": "addresses in FTP", "ike.": "IKE", "rfb.": "RFB", "sip.": "SIP",
	"quic.": "QUIC",
	"ldap.": "LDAP", "pgsql.": "PostgreSQL",
	"frame":           "frames (TestFrames of sensor)",
	"http2.":          "HTTP/2 (TestHTTP2Keywords of rules)",
	"app-layer-event": "what is odd in a protocol", "flowvar": "texts that expressions catch", "pktvar": "texts that expressions catch",
	"config": "records (test/cli/rules.txtar)", "rate": "token buckets", "burst": "token buckets", "iprep": "lists of addresses (test/cli/settings.txtar)", "requires": "which engine a rule is for",
}

func madeElsewhere(k string) bool {
	for prefix := range elsewhere {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// TestEveryKeywordCounts: each option that the engine knows is in a rule of ours, and without it something goes wrong. What a
// rule without the option does is what the engine would do if it overlooked it.
func TestEveryKeywordCounts(t *testing.T) {
	pieces := own(t, true)
	var covered []string
	for _, k := range rules.Keywords() {
		var with []piece
		for _, p := range pieces {
			if p.rule.Has(k) {
				with = append(with, p)
			}
		}
		if asksNothing[k] != "" {
			continue
		}
		if len(with) == 0 && madeElsewhere(k) {
			continue
		}
		if len(with) == 0 {
			t.Errorf("no rule of ours has %s", k)
			continue
		}
		text := map[int]string{}
		for _, p := range pieces {
			if p.rule.Has(k) {
				text[p.rule.SID] = p.rule.Without(k)
			}
		}
		if len(judge(t, with, text)) == 0 {
			t.Errorf("nobody would notice if %s did nothing", k)
		}
		covered = append(covered, k)
	}
	slices.Sort(covered)
	t.Logf("%d options: %s", len(covered), strings.Join(covered, " "))
}
