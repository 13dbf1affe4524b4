package rules

// quicBuffers are what is read of the packets in which a connection begins.
var quicBuffers = buffersOf([]string{"quic"}, named{"quic.version", eitherWay}, named{"quic.sni", toServer}, named{"quic.ua", toServer},
	named{"quic.cyu.hash", toServer}, named{"quic.cyu.string", toServer})

// helloBuffers are fingerprints of the hellos of TLS, whoever carries them.
var helloBuffers = buffersOf([]string{"tls", "quic"}, named{"ja3.hash ja3_hash", toServer}, named{"ja3.string ja3_string", toServer},
	named{"ja3s.hash", toClient}, named{"ja3s.string", toClient}, named{"ja4.hash", toServer})

// fingerprint is the kind of fingerprint that a buffer holds, as the settings switch it on and off; empty: it holds none.
func fingerprint(buffer string) string {
	if b, ok := helloBuffers[buffer]; ok {
		return b.name[:len("ja3")]
	}
	return ""
}
