package doctor

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// status is what a running watch writes with --status, as far as the checks use it. Keys that are not known are passed
// over: an older or newer watch may have written it. What is a pointer here may be missing.
type status struct {
	Version   int               `json:"version"`
	Time      string            `json:"time"` // of the sensor; empty: no packet came yet
	Packets   uint64            `json:"packets"`
	Lost      uint64            `json:"lost"`
	Undecoded uint64            `json:"undecoded"`
	NotUsed   map[string]uint64 `json:"not_used"`
	Behind    int               `json:"rounds_behind"`
	Links     []statusLink      `json:"interfaces"`
	Sides     []statusSides     `json:"one_sided"`
	Jumps     *uint64           `json:"clock_jumps"`
	Every     float64           `json:"every"`
	MaxMemory int64             `json:"max_memory"`
	Ring      int64             `json:"ring"`
	Rules     *statusRules      `json:"rules"`
	Sandbox   *string           `json:"sandbox"`
	PID       int               `json:"pid"`
}

type statusLink struct {
	Name       string       `json:"name"`
	Packets    uint64       `json:"packets"`
	Lost       uint64       `json:"lost"`
	Last       string       `json:"last"`
	BlindSince string       `json:"blind_since"`
	Why        string       `json:"why"`
	Rings      []statusRing `json:"rings"`
}

// statusRing is one of the rings of an interface.
type statusRing struct {
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"`
}

// statusSides is how many TCP connections of a place of capture showed one direction only.
type statusSides struct {
	Place    string `json:"place"`
	TCP      uint64 `json:"tcp"`
	OneSided uint64 `json:"one_sided"`
}

type statusRules struct {
	Run    int    `json:"active"`
	Loaded string `json:"loaded"`
}

// parseStatus reads a status file. The text may be anything.
func parseStatus(b []byte) (*status, error) {
	s := &status{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("it is no status of a watch: %w", err)
	}
	if s.Version != 1 {
		return nil, fmt.Errorf("it has form %d, this program reads form 1", s.Version)
	}
	return s, nil
}

// when reads a time of the status; false: it is none, or stands in no form that is known.
func when(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil
}

// readStatus reads the file that a running watch writes.
func (r *run) readStatus() {
	name := r.o.StatusFile
	if name == "" {
		return
	}
	b, err := r.sys.ReadFile(name)
	if err == nil {
		r.status, err = parseStatus(b)
	}
	if f, serr := r.sys.Stat(name); serr == nil {
		r.statusOld = r.now.Sub(f.Modified)
	}
	if r.statusErr = err; err != nil {
		return
	}
	if len(r.o.Interfaces) == 0 { // what is watched is what is looked at
		for _, l := range r.status.Links {
			r.o.Interfaces = append(r.o.Interfaces, l.Name)
		}
	}
	if r.status.MaxMemory > 0 {
		r.o.MaxMemory = r.status.MaxMemory
	}
	if r.status.Ring > 0 {
		r.o.Ring = r.status.Ring
	}
}

// fresh reports that a watch runs: its status was written lately.
func (r *run) fresh() bool { return r.status != nil && r.statusOld <= r.staleAfter() }

// staleAfter is how old a status of a watch that runs may be: some times as old as it is written.
func (r *run) staleAfter() time.Duration {
	every := time.Minute // the most that the configuration allows
	if s := r.status; s != nil && s.Every > 0 && s.Every <= every.Seconds() {
		every = time.Duration(s.Every * float64(time.Second))
	}
	return 3*every + 10*time.Second
}

const watchWhy = "a sensor that does not run, or sees nothing, finds nothing, and its silence looks like peace"

// watch says whether a watch runs, and whether it sees anything.
func (r *run) watch() {
	c := Check{Name: "watch", Subject: r.o.StatusFile, Why: watchWhy}
	start := "firestorm watch IFACE --status " + shell(r.o.StatusFile)
	if len(r.o.Interfaces) > 0 {
		start = "firestorm watch " + shell(r.o.Interfaces[0]) + " --status " + shell(r.o.StatusFile)
	}
	switch {
	case r.o.StatusFile == "":
		c.Level, c.What = Unknown, "no status file was named: whether a watch runs, what it loses and what it sees is not known"
		c.Fix = []string{"firestorm doctor --status FILE   # the file of watch --status, or of service: status: in the configuration"}
		r.add(c)
		return
	case r.statusErr != nil && notPermitted(r.statusErr):
		c.Level, c.NotPermitted, c.What = Unknown, true, "the status cannot be read: "+reason(r.statusErr)
		c.Fix = []string{"sudo firestorm doctor --status " + shell(r.o.StatusFile)}
		r.add(c)
		return
	case r.statusErr != nil:
		c.Level, c.What, c.Fix = Problem, "the status cannot be read ("+reason(r.statusErr)+"): no watch writes it", []string{start, "systemctl status firestorm"}
		r.add(c)
		return
	case r.statusOld < -time.Minute:
		c.Level, c.What = Warning, "the status was written "+span(-r.statusOld)+" from now: the clock was set back, and whether the watch still runs cannot be told"
		c.Fix = []string{"run firestorm doctor again in a minute: the file's time must have moved"}
		r.add(c)
		return
	case !r.fresh():
		c.Level, c.What = Problem, "the status was last written "+span(r.statusOld)+" ago: "
		c.Fix = []string{"systemctl restart firestorm", start, "journalctl -u firestorm -n 50"}
		switch p := r.process(); {
		case p != nil:
			c.What += fmt.Sprintf("the watch (process %d) is there, but hangs", r.status.PID)
			c.Fix = append([]string{fmt.Sprintf("sudo kill -QUIT %d; journalctl -u firestorm -n 200   # where it stands: please report it", r.status.PID)}, c.Fix...)
		case r.status.PID > 0:
			c.What += fmt.Sprintf("the watch has ended (process %d is gone)", r.status.PID)
		default:
			c.What += "the watch has ended, or hangs"
		}
		r.add(c)
		return
	}
	c.What = fmt.Sprintf("it runs: status %s old, %d packets", span(max(r.statusOld, 0)), r.status.Packets)
	r.add(c)
	for i := range r.status.Links {
		r.watchedLink(&r.status.Links[i])
	}
	r.behind()
	r.sandbox()
}

// Ages of the newest packet from which on an interface is looked at askance. A quiet wire has a packet a minute: ARP,
// spanning tree, neighbour discovery.
const (
	quietFor = time.Minute
	deadFor  = 10 * time.Minute
)

// watchedLink says whether a running watch sees packets of an interface.
func (r *run) watchedLink(l *statusLink) {
	c := Check{Name: "blind", Subject: l.Name, Why: watchWhy}
	mirror := "tcpdump -c 10 -ni " + shell(l.Name) + "   # nothing: look at the mirror port or tap, and its cable"
	last, seen := when(l.Last)
	age := r.now.Sub(last)
	switch {
	case l.BlindSince != "":
		c.Level, c.What = Problem, "blind since "+l.BlindSince+": the interface is "+l.Why
		c.Fix = []string{"ip link set dev " + shell(l.Name) + " up", "ip -s link show dev " + shell(l.Name) + "   # NO-CARRIER: cable or switch port"}
	case !seen && l.Packets == 0:
		c.Level, c.What, c.Fix = Warning, "the watch has not seen a single packet here", []string{mirror}
	case !seen:
		c.Level, c.What, c.Fix = Unknown, "the status does not say when the last packet came", []string{mirror}
	case age < -time.Minute:
		c.Level, c.What, c.Fix = Warning, "the last packet came "+span(-age)+" from now: the clock was set back", []string{"timedatectl status"}
	case age >= deadFor:
		c.Level, c.What, c.Fix = Problem, "no packet for "+span(age)+" (last at "+l.Last+")", []string{mirror}
	case age >= quietFor:
		c.Level, c.What, c.Fix = Warning, "no packet for "+span(age)+": a very quiet wire, or a mirror that is off", []string{mirror}
	default:
		c.What = fmt.Sprintf("the watch sees it: %d packets, the last %s ago", l.Packets, span(max(age, 0)))
	}
	r.add(c)
}

// manyBehind is how many rounds may wait: more are never on their way.
const manyBehind = 5

func (r *run) behind() {
	if r.status.Behind >= manyBehind {
		r.add(Check{Name: "keeping up", Level: Warning, What: fmt.Sprintf("%d rounds of packets wait to be analysed: the engine is slower than the traffic at this moment", r.status.Behind),
			Why: "what waits too long is lost in the kernel's ring", Fix: []string{"firestorm rules profile RULES CAPTURE --top 10   # which rules are dear", "firestorm watch … -f 'not (host A and host B)'   # leave bulk traffic out"}})
	}
}

// process is what the kernel tells of a process.
type process struct {
	user       string // number
	seccomp    bool   // its system calls are filtered
	noNewPrivs bool
	caps       uint64 // effective capabilities
	memory     uint64 // bytes that are in memory
}

// process asks for the watch that writes the status; nil: it is gone, or another program has its number, or it runs where
// numbers are others.
func (r *run) process() *process {
	if r.status == nil || r.status.PID <= 0 {
		return nil
	}
	b, err := r.sys.ReadFile("/proc/" + itoa(r.status.PID) + "/status")
	if err != nil {
		return nil
	}
	p := &process{}
	ours := false
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "Name:":
			ours = strings.HasPrefix(f[1], "firestorm")
		case "State:":
			ours = ours && f[1] != "Z"
		case "Uid:":
			p.user = f[min(2, len(f)-1)]
		case "Seccomp:":
			p.seccomp = f[1] == "2"
		case "NoNewPrivs:":
			p.noNewPrivs = f[1] == "1"
		case "CapEff:":
			p.caps, _ = strconv.ParseUint(f[1], 16, 64)
		case "VmRSS:":
			n, _ := strconv.ParseUint(f[1], 10, 53)
			p.memory = n << 10
		}
	}
	if !ours {
		return nil
	}
	return p
}

// sandbox says whether the process that reads packets is confined: as the status says, or else as the kernel does.
func (r *run) sandbox() {
	c := Check{Name: "sandbox", Why: "a fault in reading hostile packets must not reach the machine", Fix: []string{"start the watch without --no-sandbox, as the systemd unit does"}}
	p := r.process()
	switch s := r.status.Sandbox; {
	case s != nil && (*s == "" || strings.HasPrefix(*s, "off") || strings.HasPrefix(*s, "none")):
		c.Level, c.What = Warning, "the watch is not confined"
		if *s != "" {
			c.What += ": " + *s
		}
	case s != nil:
		c.What = "the watch is confined: " + *s
	case p == nil:
		c.Level, c.What = Unknown, "neither the status nor the kernel says whether the watch is confined"
		c.Fix = []string{`grep -E 'Seccomp|NoNewPrivs|CapEff' /proc/$(pgrep -o firestorm)/status   # Seccomp 2, NoNewPrivs 1: confined`}
	case !p.seccomp:
		c.Level, c.What = Warning, fmt.Sprintf("the watch (process %d) is not confined: user %s, no filter of system calls%s", r.status.PID, p.user, p.rights())
	default:
		c.What = fmt.Sprintf("the watch (process %d) is confined: user %s, system calls filtered%s", r.status.PID, p.user, p.rights())
		if p.user == "0" && p.caps != 0 || !p.noNewPrivs {
			c.Level = Warning
		}
	}
	r.add(c)
}

// rights says what a process may do or become.
func (p *process) rights() (s string) {
	if p.caps == 0 {
		s += ", no capabilities"
	} else {
		s += fmt.Sprintf(", capabilities %x", p.caps)
	}
	if !p.noNewPrivs {
		s += ", may gain more"
	}
	return s
}

// undecoded says how much the watch could not read.
func (r *run) undecoded() {
	const why = "what is not decoded is not looked at: nothing in it is ever found"
	if !r.fresh() {
		told := false
		for _, name := range r.o.Interfaces {
			h, ok := r.o.Heard[name]
			if !ok || h.Err != nil {
				continue
			}
			told = true
			r.undecodedOf(Check{Name: "undecoded", Subject: name, Why: why}, h.Packets, h.Undecoded, nil)
		}
		if !told {
			r.add(Check{Name: "undecoded", Level: Unknown, Why: why, What: "which share of the packets cannot be read is not known: no running watch says it, and nobody listened", Fix: []string{"sudo firestorm doctor IFACE --listen 10s"}})
		}
		return
	}
	r.undecodedOf(Check{Name: "undecoded", Why: why}, r.status.Packets, r.status.Undecoded, r.status.NotUsed)
}

// Shares of packets that cannot be read from which on it is said.
const (
	someUndecoded = 0.01
	muchUndecoded = 0.20
)

func (r *run) undecodedOf(c Check, packets, undecoded uint64, notUsed map[string]uint64) {
	share := float64(undecoded) / float64(max(packets, 1))
	c.What = fmt.Sprintf("%d of %d packets could not be read (%s)", undecoded, packets, percent(undecoded, packets))
	switch {
	case packets == 0:
		c.Level, c.What, c.Fix = Unknown, "no packet came yet", []string{"firestorm doctor IFACE --listen 10s"}
	case share >= muchUndecoded:
		c.Level = Problem
	case share >= someUndecoded:
		c.Level = Warning
	}
	if c.Level >= Warning {
		what, most := "", uint64(0)
		for k, n := range notUsed {
			if strings.HasSuffix(k, "is not decoded") && (n > most || n == most && k < what) {
				what, most = k, n
			}
		}
		if what != "" {
			c.What += fmt.Sprintf("; most often: %s (%d)", what, most)
		}
		c.Fix = []string{"tcpdump -c 200 -w unread.pcap -i IFACE && firestorm read -v unread.pcap   # what they are; a mirror that wraps frames in a tunnel can often be told not to"}
	}
	r.add(c)
}

// Shares of TCP connections that show one direction: from manySides on, the gate of the findings fails.
const (
	someSides = 0.25
	manySides = 0.90
	fewTCP    = 10
)

// oneSided says whether both directions are seen.
func (r *run) oneSided() {
	const why = "where one direction is missing, silence proves nothing: whether a server answered cannot be told"
	told := false
	judge := func(place, from string, tcp, one uint64) {
		told = true
		c := Check{Name: "both directions", Subject: place, Why: why}
		share := float64(one) / float64(max(tcp, 1))
		c.What = fmt.Sprintf("%d of %d TCP connections show one direction only (%s; %s)", one, tcp, percent(one, tcp), from)
		c.Fix = []string{"mirror both directions (Cisco: monitor session 1 source interface IF both; Linux tc: mirror ingress and egress)",
			"firestorm watch --tap IF0+IF1   # a tap with an interface for each direction", "a route that comes back another way: put the sensor where both ways pass, or capture at both places"}
		switch {
		case tcp < fewTCP:
			c.Level = Unknown
			c.What = fmt.Sprintf("%s ended (%s): too few to judge", plural(int(tcp), "TCP connection", "TCP connections"), from)
			c.Fix = []string{"firestorm doctor " + shell(place) + " --listen 60s"}
		case share > manySides:
			c.Level, c.Off = Problem, r.o.needing(gateTwoWay)
		case share > someSides:
			c.Level, c.Weaker = Warning, r.o.needing(gateTwoWay)
		}
		r.add(c)
	}
	if r.fresh() {
		for _, s := range r.status.Sides {
			judge(s.Place, "since the watch began", s.TCP, s.OneSided)
		}
	}
	for _, name := range r.o.Interfaces {
		h, ok := r.o.Heard[name]
		switch {
		case !ok:
		case h.Err != nil:
			told = true
			r.add(Check{Name: "both directions", Subject: name, Level: Unknown, NotPermitted: h.NotPermitted, Why: why, What: "it could not be listened to: " + h.Err.Error(), Fix: []string{"sudo firestorm doctor " + shell(name) + " --listen 5s"}})
		default:
			judge(name, "listened for "+span(h.For), h.TCP, h.OneSided)
		}
	}
	if !told {
		r.add(Check{Name: "both directions", Level: Unknown, Why: why, What: "whether both directions are seen is not known: no running watch says it, and nobody listened", Fix: []string{"sudo firestorm doctor IFACE --listen 10s"}})
	}
}
