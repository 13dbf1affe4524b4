package event

import "firestorm/internal/packet"

// NameSource is where a name was seen. A smaller one is believed before a greater one.
type NameSource uint8

// Sources of names, the most trustworthy first: what a network's own administration said of a host, what the host says
// of itself, what somebody asked for.
const (
	NameDHCP NameSource = iota + 1 // host name of a lease (RFC 2132 3.14)
	NameDNS                        // answer of a name server (RFC 1035)
	NameMDNS                       // the host's own announcement (RFC 6762), or LLMNR (RFC 4795)
	NameNBNS                       // NetBIOS name service (RFC 1002)
	NameSNI                        // TLS server_name (RFC 6066 3)
	NameHTTP                       // Host of a request (RFC 9110 7.2)
)

var nameSources = [...]string{"", "DHCP", "DNS", "mDNS", "NetBIOS", "TLS", "HTTP"}

// String returns the word that reports print.
func (s NameSource) String() string { return nameSources[s] }

// Name says that an address was called by a name. The name is text from packets: hostile, and at most MaxName bytes.
type Name struct {
	Addr packet.Addr
	Name string
	From NameSource
}

// MaxName bounds a name in bytes: what DNS allows (RFC 1035 2.3.4).
const MaxName = 255

// Namer is an event that names addresses.
type Namer interface {
	Event
	// EachName calls f for each of them.
	EachName(f func(Name))
}
