package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// isNone reports that there is nothing to look at.
func isNone(err error) bool { return errors.Is(err, ErrNoSuch) || errors.Is(err, fs.ErrNotExist) }

const lossWhy = "a packet that the sensor lost looks like one that the network lost"

// drops says what was lost before the analysis: by the kernel's ring, by the card, by the machine.
func (r *run) drops() {
	if r.fresh() {
		for i := range r.status.Links {
			r.ringDrops(&r.status.Links[i])
		}
	}
	for _, name := range r.o.Interfaces {
		if h, ok := r.o.Heard[name]; ok && h.Err == nil && h.Lost > 0 {
			r.ringDrops(&statusLink{Name: name, Packets: h.Packets, Lost: h.Lost})
		}
		if r.linksErr == nil && r.link(name) == nil {
			continue // said already
		}
		r.cardDrops(name)
		r.listeners(name)
	}
	r.backlog()
}

// muchLost is the share of packets lost from which on the gate of the findings fails.
const muchLost = 0.01

// ringDrops judges what the kernel dropped because nobody read its ring in time.
func (r *run) ringDrops(l *statusLink) {
	c := Check{Name: "drops", Subject: l.Name, Why: lossWhy, What: "the kernel dropped none of " + strconv.FormatUint(l.Packets, 10) + " packets"}
	if l.Lost > 0 {
		all := l.Packets + l.Lost
		c.Level, c.What = Warning, fmt.Sprintf("the kernel dropped %d of %d packets (%s): its ring was full", l.Lost, all, percent(l.Lost, all))
		if float64(l.Lost) > muchLost*float64(all) {
			c.Level, c.Weaker = Problem, r.o.needing(gateLoss)
		}
		c.What += ringsLost(l.Rings)
		ring := max(r.o.Ring*4, 256<<20)
		c.Fix = []string{fmt.Sprintf("firestorm watch %s --ring %dM   # or in the configuration: capture: ring: %dM", shell(l.Name), ring>>20, ring>>20),
			"firestorm rules profile RULES CAPTURE --top 10   # rules that cost much", "firestorm watch " + shell(l.Name) + " -f 'not port 873'   # leave out bulk traffic such as backups"}
	}
	r.add(c)
}

// ringsLost says which of several rings lost packets: one alone is one busy pair of hosts, which one processor has to follow.
func ringsLost(rings []statusRing) string {
	var parts []string
	for i, x := range rings {
		if x.Lost > 0 {
			parts = append(parts, fmt.Sprintf("ring %d of %d lost %d of %d", i, len(rings), x.Lost, x.Packets+x.Lost))
		}
	}
	if len(rings) < 2 || len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// counter reads a number of the kernel; false: it cannot be read.
func (r *run) counter(name string) (uint64, bool) {
	b, err := r.sys.ReadFile(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

// cardDrops judges what the card had no room for, since the machine's start.
func (r *run) cardDrops(name string) {
	c := Check{Name: "card drops", Subject: name, Why: lossWhy}
	l := r.link(name)
	if l == nil || l.Counters == nil {
		c.Level, c.NotPermitted, c.What, c.Fix = Unknown, r.linksErr != nil && notPermitted(r.linksErr), "the kernel does not tell its counters", []string{"ip -s -s link show dev " + shell(name)}
		r.add(c)
		return
	}
	n := l.Counters
	packets, lost := n.Received, max(n.Missed, n.FIFO, n.Over) // many drivers count one loss under several names
	var words []string
	for _, k := range []struct {
		word string
		n    uint64
	}{{"missed", n.Missed}, {"fifo", n.FIFO}, {"overrun", n.Over}, {"damaged (crc)", n.CRC}} {
		if k.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", k.n, k.word))
		}
	}
	c.What = fmt.Sprintf("the card lost none of %d packets", packets)
	if len(words) > 0 {
		c.Level, c.What = Warning, fmt.Sprintf("of %d packets since the interface is there, not all came through: %s", packets, strings.Join(words, ", "))
		if float64(lost) > muchLost*float64(packets+lost) {
			c.Level, c.Weaker = Problem, r.o.needing(gateLoss)
		}
		if now, most, err := r.sys.CardRing(name); err == nil && now < most {
			c.Fix = append(c.Fix, fmt.Sprintf("sudo ethtool -G %s rx %d   # now %d", shell(name), most, now))
		}
		c.Fix = append(c.Fix, "ethtool -S "+shell(name)+" | grep -iE 'drop|miss|err|no_buf'   # which queue; crc errors are the cable's")
	}
	r.add(c)
}

// listeners says who captures on an interface: a watch that runs must be among them.
func (r *run) listeners(name string) {
	if !r.fresh() {
		return
	}
	l := r.link(name)
	b, err := r.sys.ReadFile("/proc/net/packet")
	watched := false
	for i := range r.status.Links {
		watched = watched || r.status.Links[i].Name == name
	}
	if l == nil || err != nil || !watched {
		return
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) >= 9 && f[3] == "0003" && (f[4] == strconv.Itoa(l.Index) || f[4] == "0") { // ETH_P_ALL, here or everywhere
			n++
		}
	}
	c := Check{Name: "listening", Subject: name, Why: watchWhy, What: plural(n, "socket sees", "sockets see") + " packets of it"}
	if n == 0 {
		c.Level, c.What = Problem, "no socket captures here, though the status says that a watch does"
		c.Fix = []string{"systemctl restart firestorm", "sudo nsenter -t PID -n firestorm doctor   # in the network namespace of the watch"}
	}
	r.add(c)
}

// backlog judges what the machine itself threw away before anybody saw it: columns 2 and 3 of softnet_stat.
func (r *run) backlog() {
	b, err := r.sys.ReadFile("/proc/net/softnet_stat")
	c := Check{Name: "backlog", Why: lossWhy}
	if err != nil {
		if isNone(err) {
			return
		}
		c.Level, c.NotPermitted, c.What, c.Fix = Unknown, notPermitted(err), "what the machine threw away is not known: "+reason(err), []string{"cat /proc/net/softnet_stat"}
		r.add(c)
		return
	}
	var seen, dropped, squeezed uint64
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		for i, at := range []*uint64{&seen, &dropped, &squeezed} {
			n, _ := strconv.ParseUint(f[i], 16, 64)
			*at += n
		}
	}
	c.What = fmt.Sprintf("the processors took all %d packets that cards gave them", seen)
	if dropped > 0 {
		c.Level, c.What = Warning, fmt.Sprintf("the processors threw away %d of %d packets since the machine's start: their queue was full", dropped, seen+dropped)
		if float64(dropped) > muchLost*float64(seen+dropped) {
			c.Level, c.Weaker = Problem, r.o.needing(gateLoss)
		}
		c.Fix = []string{"sudo sysctl -w net.core.netdev_max_backlog=10000", "sudo sysctl -w net.core.netdev_budget=600 net.core.netdev_budget_usecs=8000"}
	}
	r.add(c)
}
