package tls

import "strconv"

// Alert descriptions that detectors ask for (RFC 8446 6).
const (
	AlertHandshakeFailure       = 40
	AlertBadCertificate         = 42
	AlertUnsupportedCertificate = 43
	AlertCertificateExpired     = 45
	AlertCertificateUnknown     = 46
	AlertUnknownCA              = 48
	AlertProtocolVersion        = 70
	AlertInsufficientSecurity   = 71
	AlertUnrecognizedName       = 112
	AlertCertificateRequired    = 116
)

var alerts = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow", 30: "decompression_failure",
	40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
	46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error", 60: "export_restriction",
	70: "protocol_version", 71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol",
}

// AlertName returns the name of an alert description with its number: "protocol_version (70)".
func AlertName(d uint8) string {
	n, ok := alerts[d]
	if !ok {
		n = "alert"
	}
	return n + " (" + strconv.Itoa(int(d)) + ")"
}

var suites = map[uint16]string{
	0x0004: "RSA_WITH_RC4_128_MD5", 0x0005: "RSA_WITH_RC4_128_SHA", 0x000a: "RSA_WITH_3DES_EDE_CBC_SHA", 0x0016: "DHE_RSA_WITH_3DES_EDE_CBC_SHA",
	0x002f: "RSA_WITH_AES_128_CBC_SHA", 0x0033: "DHE_RSA_WITH_AES_128_CBC_SHA", 0x0035: "RSA_WITH_AES_256_CBC_SHA", 0x0039: "DHE_RSA_WITH_AES_256_CBC_SHA",
	0x003c: "RSA_WITH_AES_128_CBC_SHA256", 0x003d: "RSA_WITH_AES_256_CBC_SHA256", 0x0067: "DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006b: "DHE_RSA_WITH_AES_256_CBC_SHA256",
	0x009c: "RSA_WITH_AES_128_GCM_SHA256", 0x009d: "RSA_WITH_AES_256_GCM_SHA384", 0x009e: "DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009f: "DHE_RSA_WITH_AES_256_GCM_SHA384",
	0x1301: "AES_128_GCM_SHA256", 0x1302: "AES_256_GCM_SHA384", 0x1303: "CHACHA20_POLY1305_SHA256", 0x1304: "AES_128_CCM_SHA256", 0x1305: "AES_128_CCM_8_SHA256",
	0xc009: "ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc00a: "ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc011: "ECDHE_RSA_WITH_RC4_128_SHA", 0xc012: "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
	0xc013: "ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc014: "ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc023: "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc024: "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
	0xc027: "ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc028: "ECDHE_RSA_WITH_AES_256_CBC_SHA384", 0xc02b: "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02c: "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	0xc02f: "ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc030: "ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xcca8: "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
	0xcca9: "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xccaa: "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0x00ff: "EMPTY_RENEGOTIATION_INFO_SCSV", 0x5600: "FALLBACK_SCSV",
}

// CipherName returns the name of a cipher suite without "TLS_", or its number.
func CipherName(v uint16) string {
	if n, ok := suites[v]; ok {
		return n
	}
	return "0x" + string(appendHexes(nil, []uint16{v}))
}

var groups = map[uint16]string{23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448", 256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096",
	4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 25497: "X25519Kyber768Draft00"}

// GroupName returns the name of a named group, or its number.
func GroupName(v uint16) string {
	if n, ok := groups[v]; ok {
		return n
	}
	return "group " + strconv.Itoa(int(v))
}
