package doctor

import (
	"errors"
	"io/fs"
	"time"
)

// System is the machine as the checks see it. Methods that could not look return an error: fs.ErrPermission when the
// process may not, ErrNoSuch when there is nothing to look at (no such device, the kernel has no such part).
type System interface {
	Now() time.Time
	// ReadFile returns a file of moderate length whole.
	ReadFile(name string) ([]byte, error)
	// ReadDir returns the names in a folder.
	ReadDir(name string) ([]string, error)
	Stat(name string) (File, error)
	// Writable says whether this process may write to a file or make files in a folder.
	Writable(name string) error
	// Space is the room of the file system that holds name.
	Space(name string) (Space, error)
	// CanCapture opens and closes a socket that sees all packets.
	CanCapture() error
	// FileCapabilities are those that a program's file carries, as "cap_net_raw"; empty: none.
	FileCapabilities(name string) (string, error)
	// Features are the offloads of an interface by the kernel's names, such as "rx-gro".
	Features(iface string) (map[string]Feature, error)
	// CardRing is how many frames the card's receive ring has and may have.
	CardRing(iface string) (now, most int, err error)
	Links() ([]Link, error)
	// TrafficFilters counts the filters at the ingress of an interface (tc), and those that the card runs alone.
	TrafficFilters(iface string) (all, inCard int, err error)
	Flowtables() ([]Flowtable, error)
	Clock() (Clock, error)
	// TellsSizes reports that the kernel says of what sizes it joined packets.
	TellsSizes() bool
	// Kept is what a store holds.
	Kept(dir string) (Kept, error)
}

// ErrNoSuch says that there is nothing to look at.
var ErrNoSuch = errors.New("there is no such thing")

// File is what is known of a file without opening it.
type File struct {
	Mode     fs.FileMode
	Owner    string // name of the user, or its number
	Group    string
	Size     int64
	Modified time.Time
}

// Space is the room of a file system, in bytes and files. Filesystems without a number of files have Files 0.
type Space struct {
	Total, Free      uint64 // Free: to this user
	Files, FilesFree uint64
	ID               uint64 // of the file system
}

// Feature is one offload.
type Feature struct {
	On    bool
	Fixed bool // cannot be changed
}

// Link is a network interface.
type Link struct {
	Index, Master, Parent int // 0: none
	Name                  string
	Kind                  string // "bridge", "macvlan", "veth"; empty: a card, or loopback
	Mode                  string // of a macvlan: "bridge", "private", …
	Alias                 string // what an administrator wrote; hostile text
	Up, Running           bool
	Promiscuous           bool
	Loopback              bool
	Cooked                bool      // its frames have no Ethernet header
	Counters              *Counters // nil: the kernel told none
	XDP                   string    // how a program is attached that sees packets first: "driver", "generic", "card"; empty: none
}

// Counters are frames since the interface is there.
type Counters struct {
	Received uint64
	Missed   uint64 // the card had no room for them
	FIFO     uint64
	Over     uint64
	CRC      uint64 // damaged on the wire
}

// Flowtable is a fast path of nftables.
type Flowtable struct {
	Family, Table, Name string
	Devices             []string
	Hardware            bool // flags offload: the card forwards
}

// Clock is how good the machine's clock is.
type Clock struct {
	Synchronised bool
	MaxError     time.Duration
}

// Kept is what a store holds.
type Kept struct {
	Bytes, MaxBytes int64
	Findings        int64
	Oldest          time.Time // zero: it is empty
}
