package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/health"
)

var today = time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)

// fake is a machine on which all is well, until a test changes it.
type fake struct {
	now       time.Time
	files     map[string]string // contents
	stat      map[string]File
	dirs      map[string][]string
	denied    map[string]bool // reading and looking at
	unwritten map[string]error
	space     Space
	spaceErr  error
	capture   error
	caps      string
	features  map[string]Feature
	featErr   error
	ringNow   int
	ringMost  int
	links     []Link
	linksErr  error
	filters   [2]int
	filterErr error
	tables    []Flowtable
	tableErr  error
	clock     Clock
	clockErr  error
	tells     bool
	kept      Kept
	keptErr   error
}

func healthy() *fake {
	return &fake{now: today, tells: true, clock: Clock{true, 5 * time.Millisecond}, space: Space{Total: 100 << 30, Free: 60 << 30, Files: 1e6, FilesFree: 9e5},
		kept:     Kept{Bytes: 1 << 20, MaxBytes: 256 << 20, Findings: 3, Oldest: today.Add(-24 * time.Hour)},
		links:    []Link{{Index: 1, Name: "lo", Up: true, Running: true, Loopback: true}, {Index: 2, Name: "eth0", Up: true, Running: true, Promiscuous: true, Counters: &Counters{Received: 1000}}},
		features: map[string]Feature{"rx-gro": {}, "rx-lro": {Fixed: true}, "tx-tcp-segmentation": {}, "rx-vlan-hw-parse": {On: true}},
		files: map[string]string{"/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n", "/proc/net/softnet_stat": "0000ffff 00000000 00000001 0 0\n", "/sys/class/net/eth0/speed": "1000\n",
			"/proc/net/packet": "sk RefCnt Type Proto Iface R Rmem User Inode\n0 3 3 0003 2 1 0 0 77\n",
			"/run/s.json":      `{"version":1,"time":"2026-11-29T09:59:58Z","packets":5000,"undecoded":1,"interfaces":[{"name":"eth0","packets":5000,"last":"2026-11-29T09:59:57Z"}],"one_sided":[{"place":"eth0","tcp":200,"one_sided":2}],"clock_jumps":0,"every":5,"rules":{"active":20,"loaded":"2026-11-29T03:10:00Z"},"sandbox":"landlock, seccomp"}`,
		},
		stat: map[string]File{"/run/s.json": {Mode: 0o644, Owner: "firestorm", Modified: today.Add(-3 * time.Second)}, "/var/lib/firestorm": {Mode: fs.ModeDir | 0o750, Owner: "firestorm", Group: "firestorm"},
			"/var/lib/firestorm/findings.db": {Size: 1 << 20}, "/etc/firestorm/firestorm.yaml": {Mode: 0o644}, "/etc/firestorm/webhook.env": {Mode: 0o640},
			"/rules": {Mode: fs.ModeDir | 0o755}, "/rules/a.rules": {Modified: today.Add(-7 * time.Hour)}, "/var/log/eve.json": {Mode: 0o640, Size: 10 << 20}, "/run": {Mode: fs.ModeDir | 0o755}, "/var/log": {Mode: fs.ModeDir | 0o755}},
		dirs: map[string][]string{"/etc/firestorm": {"firestorm.yaml", "webhook.env"}, "/rules": {"a.rules", "update.json"}, "/var/lib/firestorm": {"findings.db"}},
	}
}

func path(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func (f *fake) Now() time.Time { return f.now }
func (f *fake) ReadFile(name string) ([]byte, error) {
	if f.denied[name] {
		return nil, path("open", name, fs.ErrPermission)
	}
	if s, ok := f.files[name]; ok {
		return []byte(s), nil
	}
	return nil, path("open", name, fs.ErrNotExist)
}
func (f *fake) ReadDir(name string) ([]string, error) {
	if f.denied[name] {
		return nil, path("open", name, fs.ErrPermission)
	}
	if d, ok := f.dirs[name]; ok {
		return d, nil
	}
	return nil, path("open", name, fs.ErrNotExist)
}
func (f *fake) Stat(name string) (File, error) {
	if f.denied[name] {
		return File{}, path("stat", name, fs.ErrPermission)
	}
	if s, ok := f.stat[name]; ok {
		return s, nil
	}
	return File{}, path("stat", name, fs.ErrNotExist)
}
func (f *fake) Writable(name string) error                  { return f.unwritten[name] }
func (f *fake) Space(string) (Space, error)                 { return f.space, f.spaceErr }
func (f *fake) CanCapture() error                           { return f.capture }
func (f *fake) FileCapabilities(string) (string, error)     { return f.caps, nil }
func (f *fake) Features(string) (map[string]Feature, error) { return f.features, f.featErr }
func (f *fake) CardRing(string) (int, int, error)           { return f.ringNow, f.ringMost, nil }
func (f *fake) Links() ([]Link, error)                      { return f.links, f.linksErr }
func (f *fake) TrafficFilters(string) (all, inCard int, e error) {
	return f.filters[0], f.filters[1], f.filterErr
}
func (f *fake) Flowtables() ([]Flowtable, error) { return f.tables, f.tableErr }
func (f *fake) Clock() (Clock, error)            { return f.clock, f.clockErr }
func (f *fake) TellsSizes() bool                 { return f.tells }
func (f *fake) Kept(string) (Kept, error)        { return f.kept, f.keptErr }

// status changes the status of the running watch.
func (f *fake) status(old, new string) {
	s := strings.Replace(f.files["/run/s.json"], old, new, 1)
	if s == f.files["/run/s.json"] {
		panic("nothing replaced: " + old)
	}
	f.files["/run/s.json"] = s
}

// confined is a watch as the kernel tells of it.
const confined = "Name: firestorm\nState: S (sleeping)\nUid: 998 998 998 998\nVmRSS: 51200 kB\nNoNewPrivs: 1\nSeccomp: 2\nCapEff: 0000000000000000\n"

// process lets the status name a process, and the kernel tell of it.
func (f *fake) process(text string) {
	f.status(`,"sandbox":"landlock, seccomp"`, `,"pid":77`)
	f.files["/proc/77/status"] = text
}

// code makes a detector with one code that needs gates.
func code(id string, needs ...finding.Gate) detect.Def {
	return detect.Def{Name: id, Codes: []*finding.Code{{ID: id, Needs: needs}}}
}

func options() Options {
	return Options{Interfaces: []string{"eth0"}, StateDir: "/var/lib/firestorm", StoreDir: "/var/lib/firestorm", StatusFile: "/run/s.json", LogFiles: []string{"/var/log/eve.json"},
		Config: "/etc/firestorm/firestorm.yaml", Rules: []string{"/rules"}, Checksums: "auto", MaxMemory: 400 << 20, Ring: 64 << 20, Program: "/usr/bin/firestorm", User: "me",
		Detectors: []detect.Def{code("sizes", finding.GateOffload), code("silence", finding.GateTwoWay, finding.GateLoss), code("times", finding.GateClock), code("plain")}}
}

func find(cs []Check, name, subject string) *Check {
	for i := range cs {
		if cs[i].Name == name && (subject == "" || cs[i].Subject == subject) {
			return &cs[i]
		}
	}
	return nil
}

// On a machine where all is well, every check says so: nothing is good by not being looked at.
func TestHealthy(t *testing.T) {
	cs := Run(healthy(), options())
	var names []string
	for _, c := range cs {
		names = append(names, c.Name)
		if c.Level != OK || c.What == "" || c.Why == "" || c.Fix != nil {
			t.Errorf("%+v", c)
		}
	}
	for _, want := range []string{"permission", "watch", "blind", "sandbox", "interface", "offloads", "checksums", "vlan tags", "flowtables", "fast paths", "drops", "card drops", "listening", "backlog",
		"both directions", "undecoded", "clock", "clock steps", "rules", "rules in use", "memory", "ring", "state", "store", "status", "log", "disk", "secrets", "kept findings", "kept memory", "kept records"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s was not looked at", want)
		}
	}
}

// Each thing that can be wrong is said, with its level, what to do, and which findings suffer.
func TestEachProblem(t *testing.T) {
	gone := errors.New("broken")
	for _, tc := range []struct {
		name    string
		change  func(f *fake, o *Options)
		check   string
		level   Level
		says    string // in What
		do      string // in one of Fix
		suffers string // code in Off or Weaker; "-": none may
		denied  bool
	}{
		{"not permitted", func(f *fake, o *Options) { f.capture = fs.ErrPermission; o.StatusFile = "" }, "permission", Problem, "CAP_NET_RAW is missing", "sudo setcap cap_net_raw=ep /usr/bin/firestorm", "", true},
		{"not permitted, but a watch runs", func(f *fake, o *Options) { f.capture = fs.ErrPermission }, "permission", Warning, "the watch that runs has it", "usermod -aG firestorm me", "", true},
		{"no sockets", func(f *fake, o *Options) { f.capture = gone }, "permission", Problem, "broken", "modprobe", "", false},
		{"no status named", func(f *fake, o *Options) { o.StatusFile = "" }, "watch", Unknown, "no status file was named", "firestorm doctor --status FILE", "", false},
		{"no status there", func(f *fake, o *Options) { delete(f.files, "/run/s.json") }, "watch", Problem, "no watch writes it", "firestorm watch eth0 --status /run/s.json", "", false},
		{"status closed", func(f *fake, o *Options) { f.denied = map[string]bool{"/run/s.json": true} }, "watch", Unknown, "permission denied", "sudo firestorm doctor", "", true},
		{"status of another form", func(f *fake, o *Options) { f.status(`"version":1`, `"version":9`) }, "watch", Problem, "form 9", "firestorm watch", "", false},
		{"status is garbage", func(f *fake, o *Options) { f.files["/run/s.json"] = "{{{" }, "watch", Problem, "no status of a watch", "firestorm watch", "", false},
		{"status is old", func(f *fake, o *Options) { f.now = today.Add(time.Hour) }, "watch", Problem, "60 minutes ago: the watch has ended, or hangs", "systemctl restart firestorm", "", false},
		{"status just not too old", func(f *fake, o *Options) { f.now = today.Add(20 * time.Second) }, "watch", OK, "it runs", "", "", false},
		{"status just too old", func(f *fake, o *Options) { f.now = today.Add(23 * time.Second) }, "watch", Problem, "has ended", "systemctl restart", "", false},
		{"status from the future", func(f *fake, o *Options) { f.now = today.Add(-time.Hour) }, "watch", Warning, "the clock was set back", "again in a minute", "", false},
		{"blind", func(f *fake, o *Options) {
			f.status(`"last":`, `"blind_since":"2026-11-29T08:00:00Z","why":"down","last":`)
		}, "blind", Problem, "blind since 2026-11-29T08:00:00Z: the interface is down", "ip link set dev eth0 up", "", false},
		{"never a packet", func(f *fake, o *Options) { f.status(`"packets":5000,"last":"2026-11-29T09:59:57Z"`, `"packets":0`) }, "blind", Warning, "not seen a single packet", "tcpdump -c 10 -ni eth0", "", false},
		{"quiet for minutes", func(f *fake, o *Options) { f.status("09:59:57", "09:57:00") }, "blind", Warning, "no packet for 3 minutes", "tcpdump", "", false},
		{"quiet for an hour", func(f *fake, o *Options) { f.status("09:59:57", "09:00:00") }, "blind", Problem, "no packet for 60 minutes", "tcpdump", "", false},
		{"last packet not told", func(f *fake, o *Options) { f.status("2026-11-29T09:59:57Z", "soon") }, "blind", Unknown, "does not say when", "tcpdump", "", false},
		{"behind", func(f *fake, o *Options) { f.status(`"undecoded":1`, `"rounds_behind":6`) }, "keeping up", Warning, "6 rounds", "firestorm rules profile", "", false},
		{"no sandbox", func(f *fake, o *Options) { f.status("landlock, seccomp", "off: --no-sandbox") }, "sandbox", Warning, "not confined: off: --no-sandbox", "without --no-sandbox", "", false},
		{"sandbox not told", func(f *fake, o *Options) { f.status(`,"sandbox":"landlock, seccomp"`, "") }, "sandbox", Unknown, "neither the status nor the kernel says", "Seccomp", "", false},
		{"hangs", func(f *fake, o *Options) { f.process(confined); f.now = today.Add(time.Hour) }, "watch", Problem, "the watch (process 77) is there, but hangs", "sudo kill -QUIT 77", "", false},
		{"ended", func(f *fake, o *Options) {
			f.process(confined)
			f.now = today.Add(time.Hour)
			delete(f.files, "/proc/77/status")
		}, "watch", Problem, "has ended (process 77 is gone)", "systemctl restart", "", false},
		{"ended, and another has its number", func(f *fake, o *Options) {
			f.process(strings.Replace(confined, "firestorm", "bash", 1))
			f.now = today.Add(time.Hour)
		}, "watch", Problem, "is gone", "systemctl restart", "", false},
		{"confined, as the kernel says", func(f *fake, o *Options) { f.process(confined) }, "sandbox", OK, "is confined: user 998, system calls filtered, no capabilities", "", "", false},
		{"confined, but root", func(f *fake, o *Options) {
			f.process(strings.NewReplacer("998", "0", "CapEff: 0000000000000000", "CapEff: 0000000000003000").Replace(confined))
		}, "sandbox", Warning, "user 0, system calls filtered, capabilities 3000", "--no-sandbox", "", false},
		{"not confined, as the kernel says", func(f *fake, o *Options) { f.process(strings.Replace(confined, "Seccomp: 2", "Seccomp: 0", 1)) }, "sandbox", Warning, "not confined: user 998, no filter of system calls", "--no-sandbox", "", false},
		{"how much memory it has", func(f *fake, o *Options) { f.process(confined) }, "memory", OK, "the watch has 50.0 MiB now", "", "", false},
		{"much undecoded", func(f *fake, o *Options) {
			f.status(`"undecoded":1`, `"undecoded":2000,"not_used":{"EtherType 0x8847 is not decoded":1900,"EtherType 0x1 is not decoded":100,"copies":9999}`)
		}, "undecoded", Problem, "40.0 %); most often: EtherType 0x8847", "tcpdump", "", false},
		{"some undecoded", func(f *fake, o *Options) { f.status(`"undecoded":1`, `"undecoded":100`) }, "undecoded", Warning, "2.0 %", "tcpdump", "", false},
		{"undecoded of nothing", func(f *fake, o *Options) { f.status(`"packets":5000,"und`, `"packets":0,"und`) }, "undecoded", Unknown, "no packet came yet", "--listen", "", false},
		{"one direction", func(f *fake, o *Options) { f.status(`"one_sided":2}`, `"one_sided":190}`) }, "both directions", Problem, "190 of 200", "mirror both directions", "silence", false},
		{"one direction for some", func(f *fake, o *Options) { f.status(`"one_sided":2}`, `"one_sided":100}`) }, "both directions", Warning, "50.0 %", "--tap IF0+IF1", "silence", false},
		{"few connections", func(f *fake, o *Options) { f.status(`"tcp":200`, `"tcp":2`) }, "both directions", Unknown, "too few to judge", "--listen 60s", "-", false},
		{"directions not told", func(f *fake, o *Options) { f.status(`"one_sided":[{"place":"eth0","tcp":200,"one_sided":2}]`, `"x":1`) }, "both directions", Unknown, "not known", "--listen", "", false},
		{"listening not permitted", func(f *fake, o *Options) {
			o.StatusFile = ""
			o.Heard = map[string]Heard{"eth0": {Err: gone, NotPermitted: true}}
		}, "both directions", Unknown, "could not be listened to: broken", "sudo firestorm doctor eth0 --listen 5s", "", true},
		{"listened to one direction", func(f *fake, o *Options) {
			o.StatusFile = ""
			o.Heard = map[string]Heard{"eth0": {For: 5 * time.Second, Packets: 9, TCP: 20, OneSided: 20}}
		}, "both directions", Problem, "20 of 20 TCP connections show one direction only (100.0 %; listened for 5 s)", "mirror", "silence", false},
		{"listened and lost", func(f *fake, o *Options) {
			o.StatusFile = ""
			o.Heard = map[string]Heard{"eth0": {Packets: 90, Lost: 10}}
		}, "drops", Problem, "dropped 10 of 100", "--ring", "silence", false},
		{"one ring lost", func(f *fake, o *Options) {
			f.status(`"name":"eth0",`, `"name":"eth0","lost":250,"rings":[{"packets":2000,"lost":0},{"packets":3000,"lost":250}],`)
		}, "drops", Problem, "its ring was full; ring 1 of 2 lost 250 of 3250", "--ring", "silence", false},
		{"no such interface", func(f *fake, o *Options) { o.Interfaces = []string{"eth7"} }, "interface", Problem, "no such interface", "ip -br link", "", false},
		{"interface down", func(f *fake, o *Options) { f.links[1].Up = false }, "interface", Problem, "it is down", "ip link set dev eth0 up", "", false},
		{"no carrier", func(f *fake, o *Options) { f.links[1].Running = false }, "interface", Problem, "no carrier", "ethtool eth0", "", false},
		{"interfaces not listed", func(f *fake, o *Options) { f.linksErr = gone }, "interface", Unknown, "broken", "ip -br link", "", false},
		{"no interface named", func(f *fake, o *Options) { o.Interfaces, o.StatusFile = nil, "" }, "interface", Unknown, "no interface was named", "firestorm doctor eth0", "", false},
		{"gro, sizes told", func(f *fake, o *Options) { f.features["rx-gro"] = Feature{On: true} }, "offloads", OK, "gro on; this kernel says of what sizes", "", "-", false},
		{"gro and tso, sizes not told", func(f *fake, o *Options) {
			f.tells = false
			f.features["rx-gro"] = Feature{On: true}
			f.features["tx-tcp-segmentation"] = Feature{On: true}
		}, "offloads", Warning, "gro, tso on", "sudo ethtool -K eth0 gro off tso off", "sizes", false},
		{"lro", func(f *fake, o *Options) { f.features["rx-lro"] = Feature{On: true} }, "offloads", Problem, "lro is on", "sudo ethtool -K eth0 lro off", "sizes", false},
		{"gro without Ethernet", func(f *fake, o *Options) { f.links[1].Cooked = true; f.features["rx-gro"] = Feature{On: true} }, "offloads", Warning, "without Ethernet", "sudo ethtool -K eth0 gro off", "sizes", false},
		{"gro fixed", func(f *fake, o *Options) { f.tells = false; f.features["rx-gro"] = Feature{On: true, Fixed: true} }, "offloads", Warning, "gro on", "cannot be changed", "sizes", false},
		{"offloads not told", func(f *fake, o *Options) { f.featErr = gone }, "offloads", Unknown, "broken", "sudo ethtool -k eth0", "", false},
		{"checksums all", func(f *fake, o *Options) {
			o.Checksums = "all"
			f.features["tx-checksum-ip-generic"] = Feature{On: true}
		}, "checksums", Warning, "checksums: all", "-k auto", "", false},
		{"flowtables not told", func(f *fake, o *Options) { f.tableErr = path("x", "y", fs.ErrPermission) }, "flowtables", Unknown, "only root", "sudo nft list flowtables", "", true},
		{"flowtables broken", func(f *fake, o *Options) { f.tableErr = gone }, "flowtables", Unknown, "broken", "nft list flowtables", "", false},
		{"no nftables", func(f *fake, o *Options) { f.tableErr = ErrNoSuch }, "flowtables", OK, "none", "", "", false},
		{"flowtable in software", func(f *fake, o *Options) { f.tables = []Flowtable{{"inet", "t", "f", []string{"eth0"}, false}} }, "flowtables", OK, "conntrack do not", "", "", false},
		{"flowtable in the card", func(f *fake, o *Options) { f.tables = []Flowtable{{"inet", "t", "f", []string{"eth0", "eth1"}, true}} }, "flowtables", Problem, "the card forwards connections over eth0, eth1", "sudo ethtool -K eth1 hw-tc-offload off", "silence", false},
		{"flowtable in a card elsewhere", func(f *fake, o *Options) { f.tables = []Flowtable{{"inet", "t", "f", []string{"eth5"}, true}} }, "flowtables", OK, "none of which is watched", "", "", false},
		{"card filters", func(f *fake, o *Options) { f.features["hw-tc-offload"] = Feature{On: true}; f.filters = [2]int{3, 2} }, "card", Problem, "2 filters", "hw-tc-offload off", "silence", false},
		{"card could filter", func(f *fake, o *Options) { f.features["hw-tc-offload"] = Feature{On: true} }, "card", OK, "no filter of the card's own", "", "", false},
		{"card filters not told", func(f *fake, o *Options) { f.features["hw-tc-offload"] = Feature{On: true}; f.filterErr = gone }, "card", Warning, "cannot be listed", "tc -s filter show dev eth0", "", false},
		{"switch chip", func(f *fake, o *Options) { f.files["/sys/class/net/eth0/phys_switch_id"] = "00ff\n" }, "switch chip", Warning, "port of a switch chip", "ethtool -i eth0", "", false},
		{"xdp", func(f *fake, o *Options) { f.links[1].XDP = "in the driver" }, "xdp", Warning, "XDP program (in the driver)", "sudo ip link set dev eth0 xdp off", "", false},
		{"bridge not promiscuous", func(f *fake, o *Options) {
			f.links[1].Kind, f.links[1].Promiscuous = "bridge", false
			f.links = append(f.links, Link{Index: 3, Master: 2, Name: "p0"}, Link{Index: 4, Master: 2, Name: "p1"})
		}, "bridge", Problem, "not in promiscuous mode", "watch its ports instead: firestorm watch p0 p1", "silence", false},
		{"bridge and its port", func(f *fake, o *Options) {
			o.Interfaces = []string{"eth0", "br0"}
			f.links[1].Master = 9
			f.links = append(f.links, Link{Index: 9, Name: "br0", Kind: "bridge", Up: true, Running: true, Promiscuous: true})
		}, "bridge", Warning, "comes twice", "firestorm watch br0", "", false},
		{"bridge firewall", func(f *fake, o *Options) {
			f.links[1].Kind = "bridge"
			f.files["/proc/sys/net/bridge/bridge-nf-call-iptables"] = "1\n"
		}, "bridge firewall", Warning, "br_netfilter", "sysctl -w net.bridge.bridge-nf-call-iptables=0", "", false},
		{"macvlan", func(f *fake, o *Options) {
			f.links[1].Kind, f.links[1].Parent = "macvlan", 3
			f.links = append(f.links, Link{Index: 3, Name: "eth1"})
		}, "macvlan", Warning, "only frames to its own address", "firestorm watch eth1", "", false},
		{"macvlans behind it", func(f *fake, o *Options) {
			f.links = append(f.links, Link{Index: 3, Name: "m0", Kind: "macvlan", Parent: 2, Mode: "bridge"}, Link{Index: 4, Name: "m1", Kind: "macvlan", Parent: 2, Mode: "bridge"})
		}, "macvlan", Warning, "what m0, m1 send each other does not pass eth0", "mode vepa", "", false},
		{"drops", func(f *fake, o *Options) { f.status(`"packets":5000,"last"`, `"packets":5000,"lost":20,"last"`) }, "drops", Warning, "dropped 20 of 5020 packets (0.4 %)", "firestorm watch eth0 --ring 256M", "-", false},
		{"many drops", func(f *fake, o *Options) { f.status(`"packets":5000,"last"`, `"packets":5000,"lost":2000,"last"`) }, "drops", Problem, "28.6 %", "--ring", "silence", false},
		{"card drops", func(f *fake, o *Options) { f.links[1].Counters.Missed, f.ringNow, f.ringMost = 1, 256, 4096 }, "card drops", Warning, "1 missed", "sudo ethtool -G eth0 rx 4096", "", false},
		{"many card drops", func(f *fake, o *Options) { f.links[1].Counters.FIFO = 500 }, "card drops", Problem, "500 fifo", "ethtool -S eth0", "silence", false},
		{"card does not count", func(f *fake, o *Options) { f.links[1].Counters = nil }, "card drops", Unknown, "does not tell", "ip -s -s link", "", false},
		{"nobody listens", func(f *fake, o *Options) {
			f.files["/proc/net/packet"] = "sk RefCnt Type Proto Iface\n0 3 3 0003 7 1 0 0 77\n"
		}, "listening", Problem, "no socket captures here", "systemctl restart firestorm", "", false},
		{"backlog", func(f *fake, o *Options) {
			f.files["/proc/net/softnet_stat"] = "00000064 0000000a 0\n00000064 00000000 0\n"
		}, "backlog", Problem, "threw away 10 of 210", "netdev_max_backlog", "silence", false},
		{"backlog not told", func(f *fake, o *Options) { f.denied = map[string]bool{"/proc/net/softnet_stat": true} }, "backlog", Unknown, "permission denied", "softnet_stat", "", true},
		{"clock not kept", func(f *fake, o *Options) { f.clock.Synchronised = false }, "clock", Warning, "does not count it as synchronised", "timedatectl set-ntp true", "", false},
		{"clock off", func(f *fake, o *Options) { f.clock.MaxError = 3 * time.Second }, "clock", Warning, "as much as 3 s", "chronyc tracking", "", false},
		{"clock not told", func(f *fake, o *Options) { f.clockErr = gone }, "clock", Unknown, "broken", "timedatectl", "", false},
		{"clock of 1970", func(f *fake, o *Options) { f.now = time.Unix(5000, 0) }, "clock", Problem, "1970-01-01T01:23:20Z, which is before", "sudo date -s", "times", false},
		{"clock stepped", func(f *fake, o *Options) { f.status(`"clock_jumps":0`, `"clock_jumps":2`) }, "clock steps", Warning, "set 2 times", "chronyc makestep", "times", false},
		{"clock steps not told", func(f *fake, o *Options) { f.status(`"clock_jumps":0,`, "") }, "clock steps", Unknown, "not known", "journalctl", "", false},
		{"rules a week old", func(f *fake, o *Options) { f.stat["/rules/a.rules"] = File{Modified: today.Add(-8 * 24 * time.Hour)} }, "rules", Warning, "8 days ago", "sudo firestorm rules update /rules --source et/open", "", false},
		{"rules ancient", func(f *fake, o *Options) {
			f.files["/rules/update.json"] = `{"checked":"2026-09-01T00:00:00Z","changed":"2026-08-30T00:00:00Z","sources":[{"name":"my/set"}]}`
		}, "rules", Problem, "last updated 89 days ago", "--source my/set", "", false},
		{"rules updated, not changed", func(f *fake, o *Options) {
			f.files["/rules/update.json"] = `{"checked":"2026-11-29T03:00:00Z","changed":"2026-08-30T00:00:00Z"}`
		}, "rules", OK, "last updated 7 hours ago", "", "", false},
		{"rules missing", func(f *fake, o *Options) { o.Rules = []string{"/none"} }, "rules", Problem, "cannot be read", "firestorm rules update /none", "", false},
		{"rules closed", func(f *fake, o *Options) { f.denied = map[string]bool{"/rules": true} }, "rules", Problem, "permission denied", "ls -la /rules", "", true},
		{"no rule files", func(f *fake, o *Options) { f.dirs["/rules"] = []string{"readme"} }, "rules", Problem, "no rule file", "firestorm rules update", "", false},
		{"rules from the future", func(f *fake, o *Options) { f.stat["/rules/a.rules"] = File{Modified: today.Add(9 * time.Hour)} }, "rules", Warning, "from the future", "rules update", "", false},
		{"no rules", func(f *fake, o *Options) { o.Rules = nil }, "rules", OK, "no rules are configured", "", "", false},
		{"rules not reloaded", func(f *fake, o *Options) { f.status("T03:10:00Z", "T01:00:00Z") }, "rules in use", Warning, "newer than those of the watch", "systemctl reload firestorm", "", false},
		{"no rules in use", func(f *fake, o *Options) { f.status(`"active":20`, `"active":0`) }, "rules in use", Problem, "runs none", "firestorm rules check /rules", "", false},
		{"rules in use not told", func(f *fake, o *Options) { f.status("2026-11-29T03:10:00Z", "") }, "rules in use", Unknown, "does not say when", "journalctl", "", false},
		{"too little memory", func(f *fake, o *Options) { f.files["/proc/meminfo"] = "MemTotal: 400000 kB\nMemAvailable: 300000 kB\n" }, "memory", Problem, "464.0 MiB", "--max-memory 131M", "", false},
		{"container", func(f *fake, o *Options) { f.files["/sys/fs/cgroup/memory.max"] = "268435456\n" }, "memory", Problem, "this process may use 256.0 MiB", "--max-memory 64M", "", false},
		{"unbounded container", func(f *fake, o *Options) { f.files["/sys/fs/cgroup/memory.max"] = "max\n" }, "memory", OK, "464.0 MiB", "", "", false},
		{"memory in use", func(f *fake, o *Options) {
			o.StatusFile = ""
			f.files["/proc/meminfo"] = "MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n"
		}, "memory", Warning, "97.7 MiB of it free", "--max-memory", "", false},
		{"memory not told", func(f *fake, o *Options) { delete(f.files, "/proc/meminfo") }, "memory", Unknown, "does not say", "/proc/meminfo", "", false},
		{"fast line", func(f *fake, o *Options) { f.files["/sys/class/net/eth0/speed"] = "40000" }, "ring", Warning, "13 ms", "firestorm watch eth0 --ring 953M", "", false},
		{"state missing", func(f *fake, o *Options) { o.StateDir = "/none" }, "state", Problem, "not there", "sudo install -d -m 0750 -o me /none", "", false},
		{"state closed", func(f *fake, o *Options) { f.denied = map[string]bool{"/var/lib/firestorm": true} }, "state", Unknown, "permission denied", "sudo firestorm doctor", "", true},
		{"state not ours", func(f *fake, o *Options) {
			f.unwritten = map[string]error{"/var/lib/firestorm": path("w", "x", fs.ErrPermission)}
		}, "state", Warning, "not by this user (owner firestorm:firestorm, mode 0750)", "run the watch as firestorm", "", true},
		{"state read-only", func(f *fake, o *Options) {
			f.unwritten = map[string]error{"/var/lib/firestorm": path("w", "x", errors.New("read-only file system"))}
		}, "state", Problem, "read-only file system", "findmnt -T /var/lib/firestorm", "", false},
		{"state of everybody", func(f *fake, o *Options) { f.stat["/var/lib/firestorm"] = File{Mode: fs.ModeDir | 0o777} }, "state", Problem, "everybody on this machine may change it", "sudo chmod o-rwx", "", false},
		{"log's folder missing", func(f *fake, o *Options) { o.LogFiles = []string{"/none/eve.json"} }, "log", Problem, "its folder is not there", "sudo install -d -m 0750 -o me /none", "", false},
		{"disk low", func(f *fake, o *Options) { f.space.Free = 500 << 20 }, "disk", Warning, "500.0 MiB of 100.0 GiB free", "firestorm findings prune --store /var/lib/firestorm", "", false},
		{"disk full", func(f *fake, o *Options) { f.space.Free = 5 << 20 }, "disk", Problem, "5.0 MiB", "du -xh", "", false},
		{"no inodes", func(f *fake, o *Options) { f.space.FilesFree = 12 }, "disk", Problem, "room for 12 more files", "df -i", "", false},
		{"disk not told", func(f *fake, o *Options) { f.spaceErr = gone }, "disk", Unknown, "broken", "df -h", "", false},
		{"retention does not fit", func(f *fake, o *Options) { f.space.Free = 200 << 20; f.space.Total = 1 << 30 }, "kept findings", Warning, "the store may grow by 255.0 MiB", "firestorm findings prune", "", false},
		{"no store yet", func(f *fake, o *Options) { f.keptErr = fs.ErrNotExist }, "kept findings", Warning, "no store yet", "firestorm watch IFACE --store", "", false},
		{"store damaged", func(f *fake, o *Options) { f.keptErr = gone }, "kept findings", Unknown, "broken", "sudo firestorm findings list", "", false},
		{"records open", func(f *fake, o *Options) { f.stat["/var/log/eve.json"] = File{Mode: 0o644, Size: 5} }, "kept records", Warning, "everybody on this machine may read it", "sudo chmod o-rwx /var/log/eve.json", "", false},
		{"nothing kept", func(f *fake, o *Options) { o.StateDir, o.StoreDir, o.StatusFile, o.LogFiles = "", "", "", nil }, "kept", OK, "nothing", "", "", false},
		{"secret open", func(f *fake, o *Options) { f.stat["/etc/firestorm/webhook.env"] = File{Mode: 0o644} }, "secrets", Problem, "everybody on this machine may read it (mode 0644)", "sudo chmod 0640 /etc/firestorm/webhook.env", "", false},
		{"webhook in an open configuration", func(f *fake, o *Options) { o.Webhooks = 1 }, "secrets", Warning, "names the address of a webhook", "sudo chmod 0640 /etc/firestorm/firestorm.yaml", "", false},
		{"secrets closed", func(f *fake, o *Options) { f.denied = map[string]bool{"/etc/firestorm": true} }, "secrets", Unknown, "permission denied", "sudo firestorm doctor", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, o := healthy(), options()
			tc.change(f, &o)
			cs := Run(f, o)
			c := find(cs, tc.check, "")
			if c == nil {
				t.Fatalf("no check %q", tc.check)
			}
			if c.Level != tc.level || !strings.Contains(c.What, tc.says) || c.NotPermitted != tc.denied || c.Why == "" {
				t.Errorf("%+v\nwant %s, %q", *c, tc.level, tc.says)
			}
			if do := strings.Join(c.Fix, "\n"); !strings.Contains(do, tc.do) || (c.Level == OK) != (len(c.Fix) == 0) {
				t.Errorf("do %q, want %q", do, tc.do)
			}
			all := append(slices.Clone(c.Off), c.Weaker...)
			if tc.suffers != "" && (tc.suffers == "-" && len(all) > 0 || tc.suffers != "-" && !slices.Contains(all, tc.suffers)) || slices.Contains(all, "plain") {
				t.Errorf("findings off %v, weaker %v, want %q", c.Off, c.Weaker, tc.suffers)
			}
		})
	}
}

// What stands first is the worst.
func TestOrder(t *testing.T) {
	f, o := healthy(), options()
	f.capture, f.clock.Synchronised, f.tableErr = fs.ErrPermission, false, fs.ErrPermission
	o.StatusFile = ""
	cs := Run(f, o)
	if !slices.IsSortedFunc(cs, func(a, b Check) int { return int(b.Level) - int(a.Level) }) || cs[0].Name != "permission" {
		t.Errorf("%v", cs)
	}
	if n := Count(cs); n.Problems != 1 || n.Warnings != 1 || n.Unknown < 2 || n.NotPermitted != 2 || n.OK+n.Unknown+n.Warnings+n.Problems != len(cs) {
		t.Errorf("%+v", n)
	}
}

// Names from outside reach the terminal and the shell without power.
func TestHostile(t *testing.T) {
	f, o := healthy(), options()
	evil := "eth0; rm -rf /\x1b[2J\nok       all: fine"
	o.Interfaces = []string{evil}
	f.links[1].Name, f.links[1].Alias, f.links[1].Up = evil, "\x1b]0;x\x07", true
	f.features["rx-lro"] = Feature{On: true}
	f.status(`"last":`, `"blind_since":"then\nok       all: fine","why":"x\u001b[1m","last":`)
	cs := Run(f, o)
	var b bytes.Buffer
	clean := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' && r != '\n' {
				return '?'
			}
			return r
		}, s)
	}
	if err := Write(&b, cs, true, clean); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.ContainsAny(line, "\x1b\x07") || strings.HasPrefix(line, "ok       all: fine") {
			t.Errorf("%q", line)
		}
	}
	if c := find(cs, "offloads", ""); c == nil || !strings.HasPrefix(c.Fix[0], "sudo ethtool -K 'eth0; rm -rf /") {
		t.Errorf("%+v", c)
	}
}

func TestText(t *testing.T) {
	cs := []Check{{Name: "offloads", Subject: "eth0", Level: Problem, What: "lro is on", Why: "sizes", Fix: []string{"first", "second"}, Off: []string{"a", "b", "c", "d", "e", "f", "g", "h"}, Weaker: []string{"w"}}, {Name: "clock", What: "right", Why: "times"}}
	want := `problem  offloads eth0: lro is on
         why     sizes
         off     a, b, c, d, e, f and 2 more cannot be told
         weaker  w are told with less confidence, or not at all
         do      first
         or      second
ok       clock: right
1 problem, 0 warnings, 0 unknown, 1 ok
`
	var b bytes.Buffer
	if err := Write(&b, cs, false, func(s string) string { return s }); err != nil || b.String() != want {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	if err := Write(&b, cs[1:], true, func(s string) string { return s }); err != nil || !strings.Contains(b.String(), "why     times") {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	if err := WriteJSON(&b, cs); err != nil {
		t.Fatal(err)
	}
	var v struct {
		Version int
		Counts  Counts
		Checks  []struct {
			Check, Subject, Level, What, Why string
			Fix                              []string
			Off                              []string `json:"findings_off"`
		}
	}
	if err := json.Unmarshal(b.Bytes(), &v); err != nil || v.Version != 1 || v.Counts.Problems != 1 || len(v.Checks) != 2 || v.Checks[0].Level != "problem" || v.Checks[0].Check != "offloads" || len(v.Checks[0].Off) != 8 || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%v %+v", err, v)
	}
	b.Reset()
	if err := WriteJSON(&b, nil); err != nil || !strings.Contains(b.String(), `"checks":[]`) {
		t.Errorf("%s", b.String())
	}
}

func TestWords(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{size(int64(12)), "12 bytes"}, {size(int64(4 << 10)), "4 KiB"}, {size(uint64(3 << 29)), "1.5 GiB"}, {span(-3 * time.Second), "-3 s"}, {span(90 * time.Minute), "90 minutes"}, {span(100 * time.Hour), "4 days"},
		{percent(1, 0), "0 %"}, {percent(1, 100000), "0.001 %"}, {percent(1, 4), "25.0 %"}, {shell("a b"), "'a b'"}, {shell("it's"), `'it'\''s'`}, {shell(""), "''"}, {shell("eth0.5"), "eth0.5"}, {plural(1, "one", "more"), "1 one"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}

// Whatever a status file holds, the checks end, and nothing that it does not say is called good.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(healthy().files["/run/s.json"]))
	for _, s := range []string{"", "{}", `{"version":1}`, `{"version":1,"interfaces":[{}],"one_sided":[{}],"every":-1,"rules":{}}`, `{"version":1,"every":1e300,"ring":-5,"max_memory":9e18}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, o := healthy(), options()
		m.files["/run/s.json"] = string(b)
		cs := Run(m, o)
		s, err := parseStatus(b)
		c := find(cs, "watch", "")
		if c == nil || err != nil && c.Level == OK {
			t.Fatalf("%v: %+v", err, c)
		}
		if err == nil {
			for _, l := range s.Links {
				if c := find(cs, "blind", l.Name); l.BlindSince != "" && (c == nil || c.Level != Problem) {
					t.Fatalf("%+v", c)
				}
			}
		}
		var w bytes.Buffer
		if err := Write(&w, cs, true, func(s string) string { return s }); err != nil {
			t.Fatal(err)
		}
		_ = fmt.Sprint(Count(cs))
	})
}

// TestReadsWhatAWatchWrites: each key that doctor reads is one that internal/health writes.
func TestReadsWhatAWatchWrites(t *testing.T) {
	at, jumps := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC), uint64(3)
	name := filepath.Join(t.TempDir(), "status.json")
	if err := health.Write(name, &health.File{Version: health.Version, Time: at, Every: 7, Packets: 1, Lost: 2, Undecoded: 4, NotUsed: map[string]uint64{"copies": 5}, Behind: 6,
		Interfaces: []health.Interface{{Name: "eth0", Packets: 8, Lost: 9, Last: at, BlindSince: at, Why: "down", Rings: []health.RingOf{{Packets: 3, Lost: 4}}}}, Rules: &health.Rules{Active: 10, Loaded: at},
		OneSided: []health.Sides{{Place: "eth0", TCP: 11, OneSided: 12}}, ClockJumps: &jumps, PID: 13, MaxMemory: 14, Ring: 15, Sandbox: "on"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseStatus(b)
	if err != nil {
		t.Fatal(err)
	}
	text, on := at.Format(time.RFC3339), "on"
	want := &status{Version: 1, Time: text, Packets: 1, Lost: 2, Undecoded: 4, NotUsed: map[string]uint64{"copies": 5}, Behind: 6, Links: []statusLink{{"eth0", 8, 9, text, text, "down", []statusRing{{3, 4}}}},
		Sides: []statusSides{{"eth0", 11, 12}}, Jumps: &jumps, Every: 7, MaxMemory: 14, Ring: 15, Rules: &statusRules{10, text}, Sandbox: &on, PID: 13}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
