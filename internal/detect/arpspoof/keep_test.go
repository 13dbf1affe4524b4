package arpspoof_test

import (
	"testing"

	"firestorm/internal/detect/arpspoof"
	"firestorm/internal/detect/detecttest"
)

func TestSplit(t *testing.T) {
	detecttest.Split(t, "arp-spoof-both/lan.pcap", 20, arpspoof.Code)
	detecttest.Split(t, "arp-spoof-one-way/lan.pcap", 20, arpspoof.Code)
}
