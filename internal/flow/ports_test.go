package flow

import "testing"

// TestServerPort: whose the server is where the begin of a connection was not seen.
func TestServerPort(t *testing.T) {
	for _, c := range []struct {
		server, client uint16
		either         bool // whoever is heard first
	}{
		{80, 40000, true}, {8080, 40000, true}, {443, 2049, true}, {27017, 32769, true}, {993, 1023, false}, {2049, 939, true}, {111, 700, true}, {995, 5000, true},
		{2049, 50000, true}, {939, 20000, true}, {3000, 4000, true}, {25, 587, false}, {587, 25, false},
	} {
		if serverPort(c.client, c.server) {
			t.Errorf("%d is heard first and the server of %d", c.client, c.server)
		}
		if c.either && !serverPort(c.server, c.client) {
			t.Errorf("%d is heard first and not the server of %d", c.server, c.client)
		}
	}
}
