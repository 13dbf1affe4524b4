package tlsfaults

import (
	"time"

	"firestorm/internal/finding"
)

// Codes of the findings.
const (
	CodeExpired    = "tls-cert-expired"
	CodeName       = "tls-name-unknown"
	CodeVersion    = "tls-no-common-version"
	CodeCipher     = "tls-no-common-cipher"
	CodeClientCert = "tls-client-cert-missing"
	CodeToTLS      = "plaintext-to-tls-port"
	CodeToPlain    = "tls-to-plaintext-port"
)

const settle = 30 * time.Second

var codes = []*finding.Code{{
	ID:       CodeExpired,
	Title:    "a server shows a certificate that has expired",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "capture-clock", Name: "a wrong clock of the capture"},
		{ID: "client-clock", Name: "a wrong clock of the client"},
	},
	References: []string{"RFC 5280 4.1.2.5 (validity)", "RFC 8446 6.2 (certificate_expired)"},
	Settle:     settle,
	About: "Up to TLS 1.2 the certificate travels in clear: its end is compared with the time of the packets. In TLS 1.3 only the client's alert certificate_expired (45) can be seen, where the client sends it in " +
		"clear. Either may come from a wrong clock: that of the capture is compared with the Date of HTTP answers, that of a client with what other clients say.",
	Reproduce: "testbed: tls-expired, tls-expired-13, tls-expired-v6, tls-expired-smtp, tls-expired-remedied",
}, {
	ID:       CodeName,
	Title:    "a server does not have the name that clients ask it for",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "other-reason", Name: "another reason to refuse the certificate (who signed it, a key too weak)"},
	},
	References: []string{"RFC 6066 3 (server_name)", "RFC 9525 6.3 (names in certificates)", "RFC 8446 6.2 (unrecognized_name)"},
	Settle:     settle,
	About: "The client says in its hello which name it wants (SNI). Looked for: the alert unrecognized_name (112), or a certificate whose names do not cover it, after which the client leaves without sending " +
		"data. In TLS 1.3 the certificate cannot be seen: only the alert counts. A client that goes on has accepted it: nothing is said.",
	Reproduce: "testbed: tls-name-unknown, tls-name-san, tls-name-rejected, tls-name-imaps, tls-name-remedied",
}, {
	ID:       CodeVersion,
	Title:    "client and server have no TLS version in common",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "intolerance", Name: "a server, or a box before it, that takes a newer hello for an error"},
	},
	References: []string{"RFC 8446 4.2.1 (supported_versions)", "RFC 8446 6.2 (protocol_version)"},
	Settle:     settle,
	About:      "The alert protocol_version (70), from the server to the hello or from the client to the server's choice. What the client offered stands in its hello; what the server speaks is known from clients that got on.",
	Reproduce:  "testbed: tls-version, tls-version-old, tls-version-python, tls-version-remedied",
}, {
	ID:       CodeCipher,
	Title:    "client and server have no cipher suite or group in common",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "other-reason", Name: "another reason for the same alert (no certificate for the name, no signature algorithm in common, a policy)"},
	},
	References: []string{"RFC 8446 4.1.1 (negotiation)", "RFC 5246 7.2.2 (handshake_failure)"},
	Settle:     settle,
	About: "The alert handshake_failure (40) or insufficient_security (71) in answer to a hello, or after a HelloRetryRequest. 40 has other reasons too; what other clients agreed on with the same server decides: " +
		"none of it is in this client's offer, or it is and the reason is another one.",
	Reproduce: "testbed: tls-cipher, tls-cipher-13, tls-group, tls-cipher-remedied",
}, {
	ID:       CodeClientCert,
	Title:    "a server wants a client certificate, and the client has none",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "optional", Name: "a certificate that was optional, and another reason to end the handshake"},
		{ID: "unseen", Name: "another alert under protection (TLS 1.3 shows its length, not its number)"},
	},
	References: []string{"RFC 8446 4.4.2.4 (certificate_required)", "RFC 5246 7.4.6 (a client without a certificate)"},
	Settle:     settle,
	About: "Up to TLS 1.2: the server's CertificateRequest, the client's empty Certificate, the server's fatal alert. In TLS 1.3 all of that is protected; the length of the client's first protected record tells " +
		"an empty answer, and a protected alert as the server's first record after it fits: likely at most. A server that asks and goes on without a certificate is well.",
	Reproduce: "testbed: tls-client-cert, tls-client-cert-13, tls-client-cert-optional, tls-client-cert-remedied",
}, {
	ID:       CodeToTLS,
	Title:    "a client speaks plain HTTP where the server speaks TLS",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "request", Name: "a request that the server dislikes for itself"},
		{ID: "both", Name: "a server that speaks both on this port"},
	},
	References: []string{"RFC 9110 4.2.2 (https)", "RFC 9112 9.7 (TLS connection initiation)"},
	Settle:     settle,
	About: "An HTTP request in clear that is answered by a TLS record, by the 400 with which nginx, Apache and Go tell of it, or by a close, at a port where handshakes of others succeed. A port where requests in clear " +
		"are served as well is none.",
	Reproduce: "testbed: tls-plain-to-tls, tls-plain-to-tls-mute, tls-plain-to-tls-remedied",
}, {
	ID:       CodeToPlain,
	Title:    "a client begins TLS where the server speaks in clear",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "both", Name: "a TLS server that failed for a moment"},
	},
	References: []string{"RFC 8446 4.1.2", "RFC 3207 (STARTTLS: first in clear, then TLS)"},
	Settle:     settle,
	About: "A ClientHello that is answered in words: an HTTP 400, or the greeting of a mail or file server. Either the port is the wrong one, or the server has no TLS there, or it wants to be asked for it in clear first " +
		"(STARTTLS).",
	Reproduce: "testbed: tls-tls-to-plain, tls-to-plain-465, tls-to-plain-587, tls-to-plain-993, tls-tls-to-plain-remedied",
}}
