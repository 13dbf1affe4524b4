package nftset

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"github.com/google/nftables"

	"firestorm/internal/packet"
)

// Names of what is ours in the kernel. Nothing else is touched.
const (
	Table    = "firestorm"
	Set4     = "blocked4"
	Set6     = "blocked6"
	SetCards = "blocked-cards"
)

// Example is a rule that uses the sets. It is shown and never applied: what is dropped, and where, is for who runs the firewall.
const Example = `  nft 'add chain inet firestorm drops { type filter hook prerouting priority -150; policy accept; }'
  nft add rule inet firestorm drops ip saddr @blocked4 counter drop
  nft add rule inet firestorm drops ip6 saddr @blocked6 counter drop
  nft add rule inet firestorm drops ether saddr @blocked-cards counter drop
who is blocked: nft list set inet firestorm blocked4; let all go: nft flush set inet firestorm blocked4`

// kernel is nftables of this machine.
type kernel struct {
	sets map[string]*nftables.Set
}

// Open implements Firewall.
func (k *kernel) Open() (old []Entry, err error) {
	c, err := nftables.New()
	if err != nil {
		return nil, permitted(err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: Table})
	k.sets = map[string]*nftables.Set{}
	for _, d := range []struct {
		name string
		typ  nftables.SetDatatype
	}{{Set4, nftables.TypeIPAddr}, {Set6, nftables.TypeIP6Addr}, {SetCards, nftables.TypeEtherAddr}} {
		s := &nftables.Set{Table: t, Name: d.name, KeyType: d.typ, HasTimeout: true, Size: mostBlocked, Comment: "sources of attacks, by firestorm"}
		if err := c.AddSet(s, nil); err != nil {
			return nil, err
		}
		k.sets[d.name] = s
	}
	if err := c.Flush(); err != nil {
		return nil, permitted(err)
	}
	for _, name := range []string{Set4, Set6, SetCards} {
		list, err := c.GetSetElements(k.sets[name])
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			x := Entry{Finding: e.Comment, Timeout: e.Expires}
			if name == SetCards && len(e.Key) >= 6 {
				x.Card = packet.MAC(e.Key[:6])
			} else if a, ok := netip.AddrFromSlice(e.Key); ok && name != SetCards {
				x.Addr = a
			} else {
				continue
			}
			old = append(old, x)
		}
	}
	return old, nil
}

// of returns the set that a source belongs into, and its key there.
func (k *kernel) of(s Source) (*nftables.Set, []byte) {
	switch {
	case !s.Addr.IsValid():
		return k.sets[SetCards], s.Card[:]
	case s.Addr.Is4():
		return k.sets[Set4], s.Addr.AsSlice()
	}
	return k.sets[Set6], s.Addr.AsSlice()
}

// Add implements Firewall. What is there already begins its time anew.
func (k *kernel) Add(e Entry) error {
	set, key := k.of(e.Source)
	if err := k.Remove(e.Source); err != nil {
		return err
	}
	c, err := nftables.New()
	if err != nil {
		return permitted(err)
	}
	if err := c.SetAddElements(set, []nftables.SetElement{{Key: key, Timeout: e.Timeout.Truncate(time.Millisecond), Comment: e.Finding}}); err != nil {
		return err
	}
	return permitted(c.Flush())
}

// Remove implements Firewall.
func (k *kernel) Remove(s Source) error {
	set, key := k.of(s)
	c, err := nftables.New()
	if err != nil {
		return permitted(err)
	}
	if err := c.SetDeleteElements(set, []nftables.SetElement{{Key: key}}); err != nil {
		return err
	}
	if err := c.Flush(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return permitted(err)
	}
	return nil
}

func permitted(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (%v)", ErrNotPermitted, err)
	}
	return err
}
