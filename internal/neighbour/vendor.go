package neighbour

import (
	"bufio"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"firestorm/internal/packet"
)

//go:embed vendors.txt
var builtIn string

// Vendors tells makers of network cards by the first three bytes of a MAC address (IEEE's list of MA-L assignments).
type Vendors struct {
	names map[[3]byte]string
}

// BuiltIn returns the few makers that the program knows by itself. It is shared: do not change it.
var BuiltIn = sync.OnceValue(func() *Vendors {
	v := &Vendors{names: map[[3]byte]string{}}
	for _, line := range strings.Split(builtIn, "\n") {
		name, list, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for _, f := range strings.Fields(list) {
			if p, ok := prefixOf(f); ok {
				v.names[p] = name
			}
		}
	}
	return v
})

// SystemFiles are where Debian's packages ieee-data and arp-scan put the IEEE's list.
var SystemFiles = []string{"/usr/share/ieee-data/oui.txt", "/usr/share/arp-scan/ieee-oui.txt"}

// LoadVendors reads the IEEE's list from a file in the form of oui.txt ("AABBCC     (base 16)  Name") or of arp-scan
// ("AABBCC<tab>Name"), over what is built in.
func LoadVendors(file string) (*Vendors, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v, err := readVendors(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

// maxVendors bounds what a file may hold: the IEEE's list has 40 000 entries.
const maxVendors = 1 << 17

func readVendors(r io.Reader) (*Vendors, error) {
	v := &Vendors{names: map[[3]byte]string{}}
	for p, n := range BuiltIn().names {
		v.names[p] = n
	}
	s := bufio.NewScanner(r)
	found := 0
	for s.Scan() && found < maxVendors {
		line := s.Text()
		if len(line) < 7 {
			continue
		}
		p, ok := prefixOf(line[:6])
		if !ok || line[6] != ' ' && line[6] != '\t' {
			continue
		}
		name := strings.TrimSpace(line[6:])
		if rest, ok := strings.CutPrefix(name, "(base 16)"); ok {
			name = strings.TrimSpace(rest)
		}
		if name != "" {
			v.names[p] = name
			found++
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if found == 0 {
		return nil, fmt.Errorf("no line of it names a maker: it is no oui.txt")
	}
	return v, nil
}

func prefixOf(s string) (p [3]byte, ok bool) {
	n, err := hex.Decode(p[:], []byte(s))
	return p, err == nil && n == 3 && len(s) == 6
}

// Of names the maker of a card, empty when it is not known.
func (v *Vendors) Of(m packet.MAC) string { return v.names[[3]byte(m[:3])] }

// Describe writes a MAC address with what it tells of its owner: "00:0c:29:12:34:56 (VMware)".
func (v *Vendors) Describe(m packet.MAC) string {
	switch shared := Shared(m); {
	case shared != "":
		return m.String() + " (virtual, " + shared + ")"
	case v.Of(m) != "":
		return m.String() + " (" + v.Of(m) + ")"
	case Random(m):
		return m.String() + " (self-chosen)"
	}
	return m.String()
}
