package config

import (
	"net/netip"
	"time"
)

// Blocking says whether sources of attacks go into sets of the firewall.
type Blocking struct {
	Mode    string
	Timeout time.Duration
	Allow   []netip.Prefix
}

var blockingSection = section("blocking", "Sources of proven attacks go into sets of nftables (table inet firestorm). Nothing is dropped without a rule of yours that uses the sets.",
	func(c *Config) *Blocking { return &c.Blocking },
	key(Word, "mode", "off", "off; dry-run says who would be blocked; on does it (needs CAP_NET_ADMIN).", func(b *Blocking) *string { return &b.Mode }).of("off", "dry-run", "on"),
	key(Duration, "timeout", "1h", "How long a source stays in a set.", func(b *Blocking) *time.Duration { return &b.Timeout }).between(int64(time.Minute), int64(30*24*time.Hour)),
	key(Networks, "allow", "", "Who is never blocked, beside this machine, its gateways and its name servers.", func(b *Blocking) *[]netip.Prefix { return &b.Allow }),
)
