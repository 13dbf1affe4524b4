package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"firestorm/internal/capture"
	"firestorm/internal/store"
)

// Machine is the machine that the program runs on, in the network namespace of the calling thread.
type Machine struct{}

// maxRead bounds the files that are read whole.
const maxRead = 4 << 20

// Now implements System.
func (Machine) Now() time.Time { return time.Now() }

// ReadFile implements System.
func (Machine) ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if len(b) > maxRead {
		return nil, fmt.Errorf("it is longer than %d MiB", maxRead>>20)
	}
	return b, err
}

// ReadDir implements System.
func (Machine) ReadDir(name string) ([]string, error) {
	es, err := os.ReadDir(name)
	var names []string
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names, err
}

// Stat implements System.
func (Machine) Stat(name string) (File, error) {
	i, err := os.Stat(name)
	if err != nil {
		return File{}, err
	}
	f := File{Mode: i.Mode(), Size: i.Size(), Modified: i.ModTime()}
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		f.Owner, f.Group = strconv.FormatUint(uint64(s.Uid), 10), strconv.FormatUint(uint64(s.Gid), 10)
		if u, err := user.LookupId(f.Owner); err == nil {
			f.Owner = u.Username
		}
		if g, err := user.LookupGroupId(f.Group); err == nil {
			f.Group = g.Name
		}
	}
	return f, nil
}

// Writable implements System: it asks, and writes nothing.
func (Machine) Writable(name string) error {
	mode := uint32(unix.W_OK)
	if i, err := os.Stat(name); err == nil && i.IsDir() {
		mode |= unix.X_OK
	}
	if err := unix.Faccessat(unix.AT_FDCWD, name, mode, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

// Space implements System.
func (Machine) Space(name string) (Space, error) {
	var s unix.Statfs_t
	var st unix.Stat_t
	if err := unix.Statfs(name, &s); err != nil {
		return Space{}, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	if err := unix.Stat(name, &st); err != nil {
		return Space{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	block := uint64(max(s.Bsize, 1))
	return Space{Total: s.Blocks * block, Free: s.Bavail * block, Files: s.Files, FilesFree: s.Ffree, ID: uint64(st.Dev)}, nil
}

// CanCapture implements System.
func (Machine) CanCapture() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	return unix.Close(fd)
}

// Bits of capabilities that the program may carry (include/uapi/linux/capability.h).
var capabilityNames = map[uint]string{12: "cap_net_admin", 13: "cap_net_raw"}

// FileCapabilities implements System. The attribute is struct vfs_cap_data: magic and flags, then permitted and inheritable
// sets, little-endian.
func (Machine) FileCapabilities(name string) (string, error) {
	var b [64]byte
	n, err := unix.Getxattr(name, "security.capability", b[:])
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return "", nil
	}
	if err != nil || n < 8 {
		return "", err
	}
	permitted := uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24
	out := ""
	for bit := uint(0); bit < 32; bit++ {
		if c, ok := capabilityNames[bit]; ok && permitted>>bit&1 != 0 {
			if out != "" {
				out += ","
			}
			out += c
		}
	}
	return out, nil
}

// Features implements System.
func (Machine) Features(iface string) (map[string]Feature, error) { return features(iface) }

// CardRing implements System.
func (Machine) CardRing(iface string) (now, most int, err error) { return cardRing(iface) }

// TellsSizes implements System.
func (Machine) TellsSizes() bool { return capture.TellsJoined() }

// Links implements System.
func (Machine) Links() ([]Link, error) {
	ls, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	var out []Link
	for _, l := range ls {
		a := l.Attrs()
		x := Link{Index: a.Index, Master: a.MasterIndex, Parent: a.ParentIndex, Name: a.Name, Alias: a.Alias, Up: a.Flags&net.FlagUp != 0,
			Running: a.RawFlags&unix.IFF_RUNNING != 0, Promiscuous: a.Promisc > 0, Loopback: a.Flags&net.FlagLoopback != 0,
			Cooked: a.EncapType != "ether" && a.EncapType != "loopback"}
		if s := a.Statistics; s != nil {
			x.Counters = &Counters{s.RxPackets, s.RxMissedErrors, s.RxFifoErrors, s.RxOverErrors, s.RxCrcErrors}
		}
		if k := l.Type(); k != "device" {
			x.Kind = k
		}
		switch v := l.(type) {
		case *netlink.Macvlan:
			x.Mode = macvlanMode(v.Mode)
		case *netlink.Macvtap:
			x.Mode = macvlanMode(v.Mode)
		}
		if a.Xdp != nil && a.Xdp.Attached {
			x.XDP = xdpModes[a.Xdp.AttachMode]
			if x.XDP == "" {
				x.XDP = "attached"
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// xdpModes are the words for IFLA_XDP_ATTACHED.
var xdpModes = map[uint32]string{1: "in the driver", 2: "generic", 3: "in the card", 4: "several"}

func macvlanMode(m netlink.MacvlanMode) string {
	switch m {
	case netlink.MACVLAN_MODE_PRIVATE:
		return "private"
	case netlink.MACVLAN_MODE_VEPA:
		return "vepa"
	case netlink.MACVLAN_MODE_PASSTHRU:
		return "passthru"
	}
	return "bridge"
}

// Where each kind of filter has its flags, and what they say (include/uapi/linux/pkt_cls.h).
var filterFlags = map[string]uint16{"u32": 11, "bpf": 9, "flower": 22, "matchall": 3}

const (
	filterSkipSW = 1 << 1
	filterInHW   = 1 << 2
)

// TrafficFilters implements System.
func (Machine) TrafficFilters(iface string) (all, inCard int, err error) {
	l, err := net.InterfaceByName(iface)
	if err != nil {
		return 0, 0, ErrNoSuch
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETTFILTER, unix.NLM_F_DUMP)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(l.Index), Parent: netlink.HANDLE_MIN_INGRESS})
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWTFILTER)
	if err != nil {
		return 0, 0, err
	}
	for _, m := range msgs {
		if len(m) < nl.SizeofTcMsg {
			continue
		}
		attrs, err := nl.ParseRouteAttr(m[nl.SizeofTcMsg:])
		if err != nil {
			return all, inCard, err
		}
		kind := ""
		var flags uint32
		for _, a := range attrs {
			switch a.Attr.Type {
			case nl.TCA_KIND:
				kind = unix.ByteSliceToString(a.Value)
			case nl.TCA_OPTIONS:
				opts, err := nl.ParseRouteAttr(a.Value)
				if err != nil {
					continue
				}
				all++ // a message without options stands for a chain
				for _, o := range opts {
					if at, ok := filterFlags[kind]; ok && o.Attr.Type&^uint16(unix.NLA_F_NESTED) == at && len(o.Value) >= 4 {
						flags = word(o.Value, 0)
					}
				}
			}
		}
		if flags&(filterSkipSW|filterInHW) != 0 {
			inCard++
		}
	}
	return all, inCard, nil
}

// Flowtables implements System.
func (Machine) Flowtables() ([]Flowtable, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	ts, err := c.ListTables()
	if err != nil {
		return nil, noPart(err)
	}
	var out []Flowtable
	for _, t := range ts {
		fts, err := c.ListFlowtables(t)
		if err != nil {
			return out, noPart(err)
		}
		for _, f := range fts {
			out = append(out, Flowtable{Family: familyNames[t.Family], Table: t.Name, Name: f.Name, Devices: f.Devices, Hardware: f.Flags&nftables.FlowtableFlagsHWOffload != 0})
		}
	}
	return out, nil
}

// noPart is the error for a kernel without the part that was asked.
func noPart(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w: %v", ErrNoSuch, err)
	}
	return err
}

var familyNames = map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
	nftables.TableFamilyARP: "arp", nftables.TableFamilyBridge: "bridge", nftables.TableFamilyNetdev: "netdev"}

// Clock implements System: it asks the kernel and changes nothing.
func (Machine) Clock() (Clock, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return Clock{}, os.NewSyscallError("adjtimex", err)
	}
	return Clock{Synchronised: state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, MaxError: time.Duration(t.Maxerror) * time.Microsecond}, nil
}

// Kept implements System.
func (Machine) Kept(dir string) (Kept, error) {
	if _, err := os.Stat(filepath.Join(dir, store.File)); err != nil {
		return Kept{}, err
	}
	s, err := store.Open(dir, store.Options{ReadOnly: true})
	if err != nil {
		return Kept{}, err
	}
	defer s.Close()
	z, err := s.Size()
	if err != nil {
		return Kept{}, err
	}
	k := Kept{Bytes: z.Bytes, MaxBytes: z.MaxBytes, Findings: z.Findings}
	if z.Oldest != 0 {
		k.Oldest = z.Oldest.Std()
	}
	return k, nil
}
