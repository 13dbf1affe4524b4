package rules

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// givenParts are parts of a transaction: "name=value", in order.
type givenParts []string

func (g givenParts) EachBuffer(f func(name string, b []byte)) {
	for _, p := range g {
		name, v, _ := strings.Cut(p, "=")
		f(name, []byte(v))
	}
}

// matches reports whether a rule alerts on parts that travel d in a connection of the protocol app.
func matches(t *testing.T, rule, app string, d packet.Dir, parts ...string) bool {
	t.Helper()
	if !strings.HasPrefix(rule, "alert") {
		header := app
		if !slices.Contains(appProtocols[app], packet.ProtoTCP) {
			header = "ip" // the connection of the test is TCP
		}
		rule = "alert " + header + " any any -> any any (" + rule + " sid:1;)"
	}
	set := load(t, rule)
	r := newRig(t, set)
	r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return app, true }, 1<<20)
	r.dial()
	r.send(d, packet.PSH|packet.ACK, "x")
	var index uint32 = 1
	h := flow.Handle{Index: index, Dir: d}
	head := r.flows.Last(index, event.KindAlert)
	r.out = r.out[:0]
	r.e.Inspect(app, h, &head, nil, event.Inspection{Dir: d, Parts: givenParts(parts)})
	r.e.Flush(&r.out)
	return len(r.alerts()[1]) > 0
}

// TestProtocolKeywords: one rule, the parts of one side, does it match?
func TestProtocolKeywords(t *testing.T) {
	at := func(from, to, now int64) string {
		var b []byte
		for _, s := range []int64{from, to, now} {
			b = binary.BigEndian.AppendUint64(b, uint64(s))
		}
		return "tls.validity=" + string(b)
	}
	svcctl := "dcerpc.iface=\x36\x7a\xbb\x81\x98\x44\x35\xf1\xad\x32\x98\xf0\x38\x00\x10\x03\x00\x02"
	for _, c := range []struct {
		app, rule string
		d         packet.Dir
		parts     []string
		want      bool
	}{
		{"tls", `tls.version:1.2;`, 0, []string{"tls.version=\x03\x03"}, true},
		{"http", `filemagic:"pe32 executable";`, 1, []string{"file.magic=PE32 executable (GUI) Intel 80386, for MS Windows"}, true},
		{"http", `filemagic:!"pe32 executable";`, 1, []string{"file.magic=PE32 executable (GUI) Intel 80386, for MS Windows"}, false},
		{"http", `filemagic:"PDF document";`, 1, []string{"file.magic=data"}, false},
		{"http", `file.magic; content:"PDF document"; startswith;`, 1, []string{"file.magic=PDF document, version 1.7"}, true},
		{"sip", `sip_method:invite;`, 0, []string{"sip.method=INVITE"}, true},
		{"sip", `sip_method:invite,options;`, 0, []string{"sip.method=OPTIONS"}, true},
		{"sip", `sip_method:invite;`, 0, []string{"sip.method=OPTIONS"}, false},
		{"sip", `sip_method:!invite;`, 0, []string{"sip.method=OPTIONS"}, true},
		{"sip", `sip_stat_code:4;`, 1, []string{"sip.stat_code=404"}, true},
		{"sip", `sip_stat_code:4;`, 1, []string{"sip.stat_code=200"}, false},
		{"sip", `sip_stat_code:180,200;`, 1, []string{"sip.stat_code=200"}, true},
		{"sip", `sip_header; content:"() {";`, 0, []string{"sip_header=contact: () {\r\n"}, true},
		{"ftp", `ftpbounce;`, 0, []string{"ftp.command=PORT", "ftp.command_data=10,9,8,7,4,1"}, true},
		{"ftp", `ftpbounce;`, 0, []string{"ftp.command=port", "ftp.command_data=10,9,8,7,4,1"}, true},
		{"ftp", `ftpbounce;`, 0, []string{"ftp.command=PORT", "ftp.command_data=192,168,1,2,4,1"}, false},
		{"ftp", `ftpbounce;`, 0, []string{"ftp.command=STOR", "ftp.command_data=10,9,8,7,4,1"}, false},
		{"ftp", `ftpbounce;`, 0, []string{"ftp.command=PORT", "ftp.command_data=10,9,x,7,4,1"}, false},
		{"tls", `tls.version:1.2;`, 0, []string{"tls.version=\x03\x04"}, false},
		{"tls", `tls.version:!1.2;`, 0, []string{"tls.version=\x03\x04"}, true},
		{"tls", `tls.version:1.3;`, 0, []string{"tls.version=\x7f\x12"}, true},
		{"tls", `tls.version:0x7f12;`, 0, []string{"tls.version=\x7f\x12"}, true},
		{"tls", `ssl_version:tls1.0,tls1.1;`, 0, []string{"tls.version=\x03\x02"}, true},
		{"tls", `ssl_version:tls1.0,tls1.1;`, 0, []string{"tls.version=\x03\x03"}, false},
		{"tls", `ssl_version:!sslv2,!sslv3;`, 0, []string{"tls.version=\x03\x00"}, false},
		{"tls", `ssl_version:!sslv2,!sslv3;`, 0, []string{"tls.version=\x03\x03"}, true},
		{"tls", `ssl_state:server_hello|client_hello;`, 0, []string{"tls.state=\x01"}, true},
		{"tls", `ssl_state:server_hello;`, 0, []string{"tls.state=\x01"}, false},
		{"tls", `ssl_state:!server_hello;`, 0, []string{"tls.state=\x01"}, true},
		{"tls", `ssl_state:!server_hello;`, 0, []string{"tls.state=\x03"}, false},
		{"tls", `tls.cert_chain_len:>1;`, 1, []string{"tls.cert_chain_len=\x00\x00\x00\x02"}, true},
		{"tls", `tls.cert_chain_len:>2;`, 1, []string{"tls.cert_chain_len=\x00\x00\x00\x02"}, false},
		{"tls", `tls.subject:"CN=a";`, 1, []string{"tls.cert_subject=C=DE, CN=abc"}, true},
		{"tls", `tls.subject:!"CN=a";`, 1, []string{"tls.cert_subject=C=DE, CN=abc"}, false},
		{"tls", `tls.issuerdn:"CN=b";`, 1, []string{"tls.cert_subject=CN=b"}, false},
		{"tls", `tls.fingerprint:"0A:1b";`, 1, []string{"tls.cert_fingerprint=0a:1b"}, true},
		{"tls", `tls.fingerprint:"0a:1b";`, 1, []string{"tls.cert_fingerprint=0a:1b:2c"}, false},
		{"tls", `tls_cert_expired;`, 1, []string{at(0, 10, 11)}, true},
		{"tls", `tls_cert_expired;`, 1, []string{at(0, 10, 10)}, false},
		{"tls", `tls_cert_valid;`, 1, []string{at(0, 10, 10)}, true},
		{"tls", `tls_cert_valid;`, 1, []string{at(11, 20, 10)}, false},
		{"tls", `tls_cert_notafter:<1970-01-02;`, 1, []string{at(0, 86399, 0)}, true},
		{"tls", `tls_cert_notafter:<1970-01-02;`, 1, []string{at(0, 86400, 0)}, false},
		{"tls", `tls_cert_notbefore:1970<>1971;`, 1, []string{at(1, 2, 0)}, true},
		{"tls", `tls_cert_notbefore:>1970-01-01T00:01;`, 1, []string{at(60, 99, 0)}, false},
		// each name of a buffer that may come several times asks for one of them
		{"tls", `tls.subjectaltname; content:"a."; startswith; tls.subjectaltname; content:"b."; startswith;`, 1, []string{"tls.subjectaltname=a.x", "tls.subjectaltname=b.x"}, true},
		{"tls", `tls.subjectaltname; content:"a."; startswith; content:".b";`, 1, []string{"tls.subjectaltname=a.x", "tls.subjectaltname=x.b"}, false},
		{"tls", `tls.cert_subject; content:"a"; tls.cert_issuer; content:"b";`, 1, []string{"tls.cert_subject=a", "tls.cert_issuer=b"}, true},
		{"tls", `tls_cert_subject; content:"a"; tls_cert_serial; content:"b";`, 1, []string{"tls.cert_subject=a"}, false},
		{"tls", `ja3_hash; content:"0123";`, 0, []string{"ja3.hash=0123"}, true},
		{"dns", `dns.opcode:4;`, 0, []string{"dns.opcode=\x04"}, true},
		{"dns", `dns.opcode:!0;`, 0, []string{"dns.opcode=\x00"}, false},
		{"dns", `dns.rcode:3;`, 1, []string{"dns.rcode=\x00\x03"}, true},
		{"dns", `dns.rcode:nxdomain;`, 1, []string{"dns.rcode=\x00\x03"}, true},
		{"dns", `dns.rcode:!nxdomain;`, 1, []string{"dns.rcode=\x00\x03"}, false},
		{"dns", `dns.rcode:16-22;`, 1, []string{"dns.rcode=\x00\x11"}, true},
		{"dns", `dns.rrtype:HTTPS;`, 0, []string{"dns.rrtype=\x00\x41"}, true},
		{"dns", `dns.rrtype:>64;`, 0, []string{"dns.rrtype=\x00\x40"}, false},
		{"dns", `dns.query; content:"one"; dns.query; content:"two";`, 0, []string{"dns.query=one", "dns.query=two"}, true},
		{"dns", `dns.answers.rrname; content:"one"; dns.rcode:0;`, 1, []string{"dns.answers.rrname=one", "dns.rcode=\x00\x00"}, true},
		{"ssh", `ssh.software; content:"OpenSSH"; startswith;`, 1, []string{"ssh.software=OpenSSH_9"}, true},
		{"ssh", `ssh.protoversion:"2.0";`, 0, []string{"ssh.proto=2.0"}, true},
		{"ssh", `ssh.protoversion:"2";`, 0, []string{"ssh.proto=2.0"}, false},
		{"dcerpc", `dcerpc.iface:367abb81-9844-35f1-ad32-98f038001003;`, 0, []string{svcctl}, true},
		{"smb", `dce_iface:367abb81-9844-35f1-ad32-98f038001003,=2,any_frag;`, 0, []string{svcctl}, true},
		{"dcerpc", `dcerpc.iface:367abb81-9844-35f1-ad32-98f038001003,>2;`, 0, []string{svcctl}, false},
		{"dcerpc", `dcerpc.iface:367abb81-9844-35f1-ad32-98f038001004;`, 0, []string{svcctl}, false},
		{"dcerpc", `dcerpc.opnum:15;`, 0, []string{"dcerpc.opnum=\x00\x0f"}, true},
		{"dcerpc", `dcerpc.opnum:1,12-15;`, 0, []string{"dcerpc.opnum=\x00\x0f"}, true},
		{"dcerpc", `dcerpc.opnum:1,12-14;`, 0, []string{"dcerpc.opnum=\x00\x0f"}, false},
		{"dcerpc", `dcerpc.stub_data; byte_test:2,=,258,0,dce;`, 0, []string{"dcerpc.order=\x00", "dcerpc.stub_data=\x01\x02"}, true},
		{"dcerpc", `dcerpc.stub_data; byte_test:2,=,258,0,dce;`, 0, []string{"dcerpc.order=\x01", "dcerpc.stub_data=\x01\x02"}, false},
		{"dcerpc", `dcerpc.stub_data; byte_test:2,=,513,0,dce;`, 0, []string{"dcerpc.order=\x01", "dcerpc.stub_data=\x01\x02"}, true},
		{"snmp", `snmp.version:3; snmp.usm; content:"admin";`, 0, []string{"snmp.version=\x00\x00\x00\x03", "snmp.usm=admin"}, true},
		{"snmp", `snmp.version:>2;`, 0, []string{"snmp.version=\x00\x00\x00\x02"}, false},
		{"snmp", `snmp.pdu_type:get_request;`, 0, []string{"snmp.pdu_type=\x00\x00\x00\x00"}, true},
		{"snmp", `snmp.pdu_type:1;`, 0, []string{"snmp.pdu_type=\x00\x00\x00\x00"}, false},
		{"krb5", `krb5_msg_type:10; krb5_sname; content:"krbtgt";`, 0, []string{"krb5.msg_type=\x00\x00\x00\x0a", "krb5.sname=krbtgt", "krb5.sname=X"}, true},
		{"krb5", `krb5_err_code:25;`, 1, []string{"krb5.err_code=\x00\x00\x00\x19"}, true},
		{"krb5", `krb5.weak_encryption;`, 1, []string{"krb5.weak_encryption=\x00"}, false},
		{"krb5", `krb5.ticket_encryption:weak;`, 1, []string{"krb5.ticket_encryption=\x00\x00\x00\x17"}, true},
		{"krb5", `krb5.ticket_encryption:17,aes256-cts-hmac-sha1-96;`, 1, []string{"krb5.ticket_encryption=\x00\x00\x00\x12"}, true},
		{"krb5", `krb5.ticket_encryption:!rc4-hmac;`, 1, []string{"krb5.ticket_encryption=\x00\x00\x00\x17"}, false},
		{"nfs", `nfs_version:3; nfs_procedure:2<>4;`, 0, []string{"nfs.version=\x00\x00\x00\x03", "nfs.procedure=\x00\x00\x00\x03"}, true},
		{"nfs", `nfs_version:<3;`, 0, []string{"nfs.version=\x00\x00\x00\x03"}, false},
		{"ike", `ike.init_spi; content:"61d3"; startswith; ike.exchtype:34;`, 0, []string{"ike.init_spi=61d3693ce12af528", "ike.exchtype=\x22"}, true},
		{"ike", `ike.chosen_sa_attribute:alg_hash=2;`, 1, []string{"ike.chosen_sa_attribute=alg_enc=\x00\x00\x00\x02", "ike.chosen_sa_attribute=alg_hash=\x00\x00\x00\x02"}, true},
		{"ike", `ike.chosen_sa_attribute:alg_hash=1;`, 1, []string{"ike.chosen_sa_attribute=alg_hash=\x00\x00\x00\x02"}, false},
		{"ike", `ike.key_exchange_payload_length:>100;`, 1, []string{"ike.key_exchange_payload_length=\x00\x00\x00\x64"}, false},
		{"quic", `quic.version; content:"|6b 33 43 cf|"; startswith; endswith;`, 0, []string{"quic.version=\x6b\x33\x43\xcf"}, true},
		{"quic", `quic.version; content:"|00 00 00 01|";`, 1, []string{"quic.version=\x6b\x33\x43\xcf"}, false},
		{"quic", `quic.sni; content:"example"; nocase; endswith;`, 0, []string{"quic.version=\x00\x00\x00\x01", "quic.sni=www.EXAMPLE"}, true},
		{"quic", `quic.sni; content:"example";`, 0, []string{"quic.ua=example"}, false},
		{"quic", `quic.ua; content:"Chrome"; startswith;`, 0, []string{"quic.ua=Chrome/70"}, true},
		{"quic", `quic.ua; content:"Chrome";`, 0, []string{"quic.sni=Chrome"}, false},
		{"quic", `quic.cyu.hash; content:"cc"; quic.cyu.hash; content:"aa"; startswith;`, 0, []string{"quic.cyu.hash=aab", "quic.cyu.hash=bcc"}, true},
		{"quic", `quic.cyu.hash; content:"cc"; content:"aa";`, 0, []string{"quic.cyu.hash=aab", "quic.cyu.hash=bcc"}, false},
		{"quic", `quic.cyu.string; content:"46,PAD-SNI"; startswith;`, 0, []string{"quic.cyu.string=43,PAD", "quic.cyu.string=46,PAD-SNI-VER"}, true},
		{"quic", `quic.cyu.string; content:"46";`, 0, []string{"quic.cyu.hash=46"}, false},
		{"quic", `ja3.hash; content:"0123"; ja3.string; content:"771,";`, 0, []string{"ja3.hash=0123", "ja3.string=771,1"}, true},
		{"quic", `ja3.hash; content:"0123";`, 0, []string{"ja3.string=0123"}, false},
		{"quic", `ja3_string; content:"771";`, 0, []string{"ja3.hash=771"}, false},
		{"quic", `ja3s.hash; content:"0123"; ja3s.string; content:"771,";`, 1, []string{"ja3s.hash=0123", "ja3s.string=771,1"}, true},
		{"quic", `ja3s.string; content:"771";`, 1, []string{"ja3s.hash=771"}, false},
		{"quic", `ja4.hash; content:"q13d"; startswith;`, 0, []string{"ja4.hash=q13d0211an"}, true},
		{"quic", `ja4.hash; content:"q13d";`, 0, []string{"ja4.hash=t13d0211an"}, false},
		{"tls", `ja4.hash; content:"t13d";`, 0, []string{"ja4.hash=t13d0211an"}, true},
		{"smb", `smb.version:2; smb.share; content:"C$"; endswith;`, 0, []string{"smb.version=\x02", "smb.share=\\\\x\\C$"}, true},
		{"dhcp", `dhcp.leasetime:<7200;`, 1, []string{"dhcp.leasetime=\x00\x00\x0e\x10"}, true},
		{"dhcp", `dhcp.renewal_time:1000<>2000;`, 1, []string{"dhcp.renewal_time=\x00\x00\x07\xd0"}, false},
	} {
		if got := matches(t, c.rule, c.app, c.d, c.parts...); got != c.want {
			t.Errorf("%s with %q: %v", c.rule, c.parts, got)
		}
	}
}

func TestProtocolKeywordsRefused(t *testing.T) {
	for _, rule := range []string{`tls.version:1.4;`, `tls.version:772;`, `ssl_version:tls9;`, `ssl_state:hello;`, `tls.cert_chain_len:many;`, `tls_cert_notafter:soon;`,
		`tls.store;`, `quic.sni; content:"x"; tls.sni; content:"x";`, `app-layer-event:quic.no_such;`, `dns.rcode:-1;`, `dns.opcode:300;`, `dns.rrtype:NOTYPE;`, `tls.subject:"|0|";`, `tls.certs;`,
		`dcerpc.iface:367abb81;`, `dcerpc.opnum:9-1;`, `dcerpc.opnum:x;`, `snmp.version:x;`, `ike.chosen_sa_attribute:alg_hash;`, `ike.nonce_payload; content:"x";`, `smb.version:1; smb.version:2;`, `krb5.ticket_encryption:rot13;`, `dhcp.leasetime:x;`, `content:"x"; byte_test:2,=,1,0,dce;`} {
		if set, bad := tryLoad(t, `alert ip any any -> any any (`+rule+` sid:1;)`); len(bad) != 1 || set.Len() != 0 {
			t.Errorf("%s is not refused", rule)
		}
	}
}

// TestFingerprintsOff: what the settings switch off is in no rule.
func TestFingerprintsOff(t *testing.T) {
	for _, rule := range []string{`ja4.hash; content:"x";`, `ja3.hash; content:"x";`, `ja3_string; content:"x";`, `ja3s.hash; content:"x";`} {
		for _, proto := range []string{"quic", "tls"} {
			list, _, err := lang.Parse("x", strings.NewReader("alert "+proto+" any any -> any any ("+rule+" sid:1;)"))
			if err != nil {
				t.Fatal(err)
			}
			for _, off := range []map[string]bool{nil, {"ja3": true}, {"ja4": true}} {
				want := off[rule[:3]]
				if set, bad := Compile(list, Options{Vars: DefaultVars(), Off: off}); (len(bad) == 1) != want || (set.Len() == 0) != want {
					t.Errorf("%s without %v: %v", rule, off, bad)
				}
			}
		}
	}
	list, _, _ := lang.Parse("x", strings.NewReader(`alert tls any any -> any any (requires:feature ja4; sid:1;)`))
	if set, bad := Compile(list, Options{Vars: DefaultVars(), Off: map[string]bool{"ja4": true}}); set.Len() != 0 || len(bad) != 0 {
		t.Errorf("a rule that requires what is switched off: %d, %v", set.Len(), bad)
	}
}
