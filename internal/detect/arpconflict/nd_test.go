package arpconflict_test

import (
	"testing"

	"firestorm/internal/detect/arpconflict"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

func TestNeighbourDiscovery(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nd-dad-conflict/lan.pcap"), arpconflict.DAD, finding.Certain)
	detecttest.Says(t, f, "02:fd:00:00:00:0c (self-chosen) may not use fd00:1::11", "3 times", "used the address before")
	for _, dir := range []string{"nd-dad-free", "nd-spoof", "ra-normal", "ra-rogue", "vrrp-failover", "vrrp-split"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"), arpconflict.Code, arpconflict.DAD)
	}
}
