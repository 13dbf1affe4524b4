package packet

// EtherTypes that Decode dispatches on (IEEE 802 numbers).
const (
	EtherIPv4           = 0x0800
	EtherARP            = 0x0806
	EtherTEB            = 0x6558 // transparent Ethernet bridging, in GRE and Geneve
	EtherRARP           = 0x8035
	EtherVLAN           = 0x8100
	EtherIPv6           = 0x86dd
	EtherPPP            = 0x880b
	EtherMPLS           = 0x8847
	EtherMPLSMulticast  = 0x8848
	EtherPPPoEDiscovery = 0x8863
	EtherPPPoE          = 0x8864
	EtherEAPOL          = 0x888e
	EtherQinQ           = 0x88a8
	EtherERSPAN2        = 0x88be
	EtherLLDP           = 0x88cc
	EtherMACsec         = 0x88e5
	EtherPBB            = 0x88e7
	EtherERSPAN3        = 0x22eb
	EtherFabricPath     = 0x8903
	EtherVNTag          = 0x8926
	EtherETag           = 0x893f
	EtherNSH            = 0x894f
	EtherQinQOld        = 0x9100
	EtherQinQOld2       = 0x9200
)
