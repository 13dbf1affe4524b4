package arpconflict_test

import (
	"testing"

	"firestorm/internal/detect/arpconflict"
	"firestorm/internal/detect/detecttest"
)

func TestSplit(t *testing.T) {
	detecttest.Split(t, "arp-conflict/lan.pcap", 10, arpconflict.Code)
	detecttest.Split(t, "arp-conflict-flip/lan.pcap", 12, arpconflict.Code)
}
