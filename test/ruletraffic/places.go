package ruletraffic

import "strings"

// Dir is a direction of a conversation.
type Dir uint8

// Directions.
const (
	ToServer Dir = iota
	ToClient
)

func (d Dir) other() Dir { return 1 - d }

// place is a buffer of a protocol.
type place struct {
	name string
	app  string // protocol that has it
	dir  string // "c": of the client, "s": of the server, "": both have it
}

// places are the buffers by the option that names them.
var places = func() map[string]place {
	m := map[string]place{}
	for _, x := range []struct {
		dir, names string
	}{
		{"c", "method uri uri.raw host host.raw user_agent referer accept accept_enc accept_lang request_line request_body request_header"},
		{"s", "stat_code stat_msg location server response_line response_body response_header"},
		{"", "header header.raw header_names protocol start cookie connection content_type content_len"},
	} {
		for _, n := range words(x.names) {
			m["http."+n] = place{"http." + n, "http", x.dir}
		}
	}
	for old, now := range map[string]string{"http_request_line": "http.request_line", "http_header_names": "http.header_names", "http_start": "http.start",
		"http_protocol": "http.protocol", "http_accept": "http.accept", "http_accept_enc": "http.accept_enc", "http_accept_lang": "http.accept_lang",
		"http_connection": "http.connection", "http_content_type": "http.content_type", "http_content_len": "http.content_len", "http_referer": "http.referer",
		"http_response_line": "http.response_line"} {
		m[old] = m[now]
	}
	m["file.data"] = place{"file.data", "", ""}
	m["file_data"] = m["file.data"]
	for _, n := range []string{"dns.query", "dns_query"} {
		m[n] = place{"dns.query", "dns", "c"}
	}
	for _, n := range words("tls.sni tls_sni ja3.hash ja3_hash ja3.string ja3_string") {
		m[n] = place{dotted(n), "tls", "c"}
	}
	for _, n := range words("tls.certs tls_certs tls.cert_subject tls_cert_subject tls.cert_issuer tls_cert_issuer tls.cert_serial tls_cert_serial tls.cert_fingerprint tls_cert_fingerprint tls.subjectaltname ja3s.hash ja3s_hash ja3s.string") {
		m[n] = place{dotted(n), "tls", "s"}
	}
	for _, n := range words("ssh.proto ssh_proto ssh.software ssh_software") {
		m[n] = place{dotted(n), "ssh", ""}
	}
	for _, x := range []struct{ app, dir, names string }{
		{"dns", "c", "dns.queries.rrname"}, {"dns", "s", "dns.answers.rrname dns.response.rrname dns.authorities.rrname dns.additionals.rrname"},
		{"tls", "c", "tls.alpn tls.random tls.random_time tls.random_bytes ja4.hash"},
		{"smtp", "c", "smtp.helo smtp.mail_from smtp.rcpt_to email.from email.to email.cc email.subject email.date email.message_id email.x_mailer email.url email.received"},
		{"ftp", "c", "ftp.command ftp.command_data"}, {"ftp", "s", "ftp.reply ftp.completion_code"},
		{"ssh", "c", "ssh.hassh ssh.hassh.string"}, {"ssh", "s", "ssh.hassh.server ssh.hassh.server.string"}, {"", "", "file.name"},
		{"mqtt", "c", "mqtt.connect.clientid mqtt.connect.username mqtt.connect.password mqtt.connect.willtopic mqtt.connect.willmessage mqtt.connect.protocol_string " +
			"mqtt.publish.topic mqtt.publish.message mqtt.subscribe.topic mqtt.unsubscribe.topic"},
	} {
		for _, n := range words(x.names) {
			m[n] = place{n, x.app, x.dir}
		}
	}
	return m
}()

// olderPlaces are the modifiers that put the content before them into a buffer.
var olderPlaces = map[string]string{"http_method": "http.method", "http_uri": "http.uri", "http_raw_uri": "http.uri.raw", "http_host": "http.host",
	"http_raw_host": "http.host.raw", "http_user_agent": "http.user_agent", "http_stat_code": "http.stat_code", "http_stat_msg": "http.stat_msg",
	"http_header": "http.header", "http_raw_header": "http.header.raw", "http_cookie": "http.cookie", "http_client_body": "http.request_body",
	"http_server_body": "http.response_body"}

// exprPlaces are the flags of pcre that name a buffer.
var exprPlaces = map[rune]string{'U': "http.uri", 'I': "http.uri.raw", 'P': "http.request_body", 'Q': "http.response_body", 'H': "http.header",
	'D': "http.header.raw", 'M': "http.method", 'C': "http.cookie", 'S': "http.stat_code", 'Y': "http.stat_msg", 'V': "http.user_agent", 'W': "http.host",
	'Z': "http.host.raw"}

// transforms change what lies in a buffer before it is asked.
var transforms = map[string]bool{"dotprefix": true, "to_lowercase": true, "to_uppercase": true, "strip_whitespace": true, "compress_whitespace": true,
	"url_decode": true, "to_md5": true, "to_sha1": true, "to_sha256": true, "header_lowercase": true, "strip_pseudo_headers": true, "xor": true, "from_base64": true,
	"gunzip": true, "zlib_deflate": true, "tld": true, "domain": true, "pcrexform": true}

// textOptions are options with a text that a buffer must have in it.
var textOptions = map[string]string{"filename": "file.name", "fileext": "file.name", "tls.subject": "tls.cert_subject", "tls.issuerdn": "tls.cert_issuer",
	"tls.fingerprint": "tls.cert_fingerprint", "ssh.protoversion": "ssh.proto", "ssh.softwareversion": "ssh.software"}

// silent are options that ask nothing of the traffic.
var silent = map[string]bool{"sid": true, "rev": true, "gid": true, "msg": true, "reference": true, "classtype": true, "priority": true, "metadata": true,
	"target": true, "fast_pattern": true, "prefilter": true, "rawbytes": true, "noalert": true, "alert": true, "tag": true, "filestore": true}

// dotted is the newer spelling of a buffer's name: tls_sni is tls.sni.
func dotted(n string) string {
	for i := range n {
		switch n[i] {
		case '.':
			return n
		case '_':
			return n[:i] + "." + n[i+1:]
		}
	}
	return n
}

func words(s string) []string { return strings.Fields(s) }
