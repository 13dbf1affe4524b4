// Package testdata carries the captures that "firestorm demo" tells about, so that the program is still one file.
package testdata

import "embed"

// Captures holds the demonstration's captures by their path below this folder.
//
//go:embed captures/founding-timewait/founding.pcap
//go:embed captures/ftp-tls-hidden/inside.pcap
//go:embed captures/syn-silent-port/inside.pcap
//go:embed captures/closed-port/inside.pcap
//go:embed captures/refused-by-middlebox/inside.pcap
//go:embed captures/icmp-admin-prohibited/inside.pcap
//go:embed captures/idle-timeout/inside.pcap
//go:embed captures/half-open-reset/inside.pcap
//go:embed captures/pmtud-black-hole/inside.pcap
//go:embed captures/zero-window/inside.pcap
//go:embed captures/server-slow/inside.pcap
//go:embed captures/accept-queue-full/inside.pcap
//go:embed captures/routing-loop/inside.pcap
//go:embed captures/ike-psk-v1/inside.pcap
//go:embed captures/ike-pfs-v1-initiator/inside.pcap
//go:embed captures/ike-pfs-v2-rekey/inside.pcap
//go:embed captures/arp-conflict/lan.pcap
//go:embed captures/arp-spoof-both/lan.pcap
//go:embed captures/maintenance-200/inside.pcap
//go:embed captures/nfs-mountd-dropped/inside.pcap
//go:embed captures/founding-messenger/founding.pcap
//go:embed captures/scan-syn/outside.pcap
//go:embed captures/rst-middlebox/inside.pcap
var Captures embed.FS
