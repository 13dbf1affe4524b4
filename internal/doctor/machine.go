package doctor

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// permission says whether this process may capture, and how it may.
func (r *run) permission() {
	c := Check{Name: "permission", Why: "without it there is nothing to look at"}
	exe := r.o.Program
	if exe == "" {
		exe = "/usr/bin/firestorm"
	}
	caps, capErr := r.sys.FileCapabilities(exe)
	err := r.sys.CanCapture()
	switch {
	case err == nil:
		c.What = "this user may capture"
		if capErr == nil && caps != "" {
			c.What += " (" + exe + " carries " + caps + ")"
		}
	case notPermitted(err):
		c.Level, c.NotPermitted = Problem, true
		c.What = "this user may not capture: CAP_NET_RAW is missing"
		if capErr == nil && caps != "" {
			c.What += " though " + exe + " carries " + caps + " (mounted nosuid? a container?)"
		}
		c.Fix = []string{"sudo firestorm doctor", "sudo setcap cap_net_raw=ep " + shell(exe) + "   # for everybody on this machine",
			"sudo groupadd -f firestorm && sudo usermod -aG firestorm " + shell(r.user()) + " && sudo chgrp firestorm " + shell(exe) + " && sudo chmod 0750 " + shell(exe) + " && sudo setcap cap_net_raw=ep " + shell(exe) + "   # for one group; then log in again"}
		if r.fresh() {
			c.Level = Warning
			c.What += "; the watch that runs has it"
		}
	default:
		c.Level, c.What, c.Fix = Problem, "no socket for capturing can be made: "+reason(err), []string{"sudo modprobe af_packet"}
	}
	r.add(c)
}

func (r *run) user() string {
	if r.o.User == "" {
		return "USER"
	}
	return r.o.User
}

// clockOff is from which error on times of two machines cannot be compared: a round trip on a slow line.
const clockOff = 200 * time.Millisecond

// earliest is a time that no clock can show: the program did not exist.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock says whether times can be believed.
func (r *run) clock() {
	c := Check{Name: "clock", Why: "times of findings are compared with logs of other machines; a step makes waits and time-outs wrong",
		Fix: []string{"sudo timedatectl set-ntp true", "chronyc tracking   # or: timedatectl timesync-status"}}
	k, err := r.sys.Clock()
	switch {
	case r.now.Before(earliest):
		c.Level, c.What, c.Weaker = Problem, "it shows "+r.now.UTC().Format(time.RFC3339)+", which is before this program was made", r.o.needing(gateClock)
		c.Fix = append([]string{"sudo date -s 'YYYY-MM-DD HH:MM:SS'"}, c.Fix...)
	case err != nil:
		c.Level, c.NotPermitted, c.What = Unknown, notPermitted(err), "the kernel does not say whether it is synchronised: "+reason(err)
	case !k.Synchronised:
		c.Level, c.What = Warning, "nothing keeps it right: the kernel does not count it as synchronised"
	case k.MaxError >= clockOff:
		c.Level, c.What = Warning, "synchronised, but it may be wrong by as much as "+span(k.MaxError)
	default:
		c.What = "synchronised, wrong by at most " + span(k.MaxError)
	}
	r.add(c)
	var jumps uint64
	known := false
	if r.fresh() && r.status.Jumps != nil {
		jumps, known = *r.status.Jumps, true
	}
	for _, h := range r.o.Heard {
		if h.Err == nil {
			jumps, known = jumps+h.Jumps, true
		}
	}
	s := Check{Name: "clock steps", Why: "times across a step cannot be compared: a wait of seconds may have been none"}
	switch {
	case !known:
		s.Level, s.What, s.Fix = Unknown, "whether the clock was set while packets came is not known: no running watch says it", []string{"journalctl -u chrony -u systemd-timesyncd | grep -i step"}
	case jumps > 0:
		s.Level, s.Weaker = Warning, r.o.needing(gateClock)
		s.What = fmt.Sprintf("the clock was set %s by a second or more while packets came", plural(int(min(jumps, 1<<30)), "time", "times"))
		s.Fix = []string{"sudo chronyc makestep 1 3   # steps at the start only", "sudo systemctl disable --now ntpdate.timer   # or what else sets it by force"}
	default:
		s.What = "it was not set while packets came"
	}
	r.add(s)
}

// Ages of rules.
const (
	rulesOld     = 7 * 24 * time.Hour
	rulesAncient = 30 * 24 * time.Hour
)

// rules says how old the rules are, and whether the watch has those that are on disk.
func (r *run) rules() {
	const why = "rules name attacks that are known: old ones know none of this month"
	if len(r.o.Rules) == 0 {
		r.add(Check{Name: "rules", What: "no rules are configured: the detectors of the program work without any", Why: why})
		return
	}
	var newest time.Time
	for _, name := range r.o.Rules {
		c := Check{Name: "rules", Subject: name, Why: why}
		checked, changed, from, err := r.ruleAge(name)
		if err != nil {
			c.Level, c.NotPermitted, c.What = Problem, notPermitted(err), "they cannot be read: "+reason(err)
			c.Fix = []string{"firestorm rules update " + shell(name) + " --source et/open", "ls -la " + shell(name)}
			r.add(c)
			continue
		}
		if changed.After(newest) {
			newest = changed
		}
		age, what := r.now.Sub(changed), "last changed "+span(r.now.Sub(changed))+" ago"
		if !checked.IsZero() {
			age, what = r.now.Sub(checked), "last updated "+span(r.now.Sub(checked))+" ago, last changed "+span(r.now.Sub(changed))+" ago"
		}
		c.What = what
		switch {
		case changed.IsZero() && checked.IsZero():
			c.Level, c.What = Problem, "there is no rule file in it"
		case age < -time.Hour:
			c.Level, c.What = Warning, "they are from the future ("+span(-age)+"): the clock was wrong then, or is now"
		case age >= rulesAncient:
			c.Level = Problem
		case age >= rulesOld:
			c.Level = Warning
		}
		c.Fix = []string{"sudo firestorm rules update " + shell(name) + " --source " + shell(from), "# daily from a timer: rules update keeps the old set when the new one is worse"}
		r.add(c)
	}
	if !r.fresh() || r.status.Rules == nil {
		return
	}
	c := Check{Name: "rules in use", Why: "a set on disk finds nothing before the watch has read it", What: fmt.Sprintf("the watch runs %d rules, read at %s", r.status.Rules.Run, r.status.Rules.Loaded)}
	loaded, ok := when(r.status.Rules.Loaded)
	switch {
	case !ok:
		c.Level, c.What, c.Fix = Unknown, "the status does not say when the watch read its rules", []string{"journalctl -u firestorm | grep -i rules"}
	case r.status.Rules.Run == 0:
		c.Level, c.What, c.Fix = Problem, "rules are configured, and the watch runs none", []string{"firestorm rules check " + shell(r.o.Rules[0])}
	case newest.Sub(loaded) > time.Minute:
		c.Level, c.What = Warning, fmt.Sprintf("the rules on disk are newer than those of the watch, which read them at %s", r.status.Rules.Loaded)
		c.Fix = []string{"sudo systemctl reload firestorm"}
	}
	r.add(c)
}

// maxRuleFiles bounds how many files of a folder are looked at.
const maxRuleFiles = 4096

// ruleAge says when a set was last updated (zero: not by rules update) and changed, and from where it comes.
func (r *run) ruleAge(name string) (checked, changed time.Time, from string, err error) {
	from = "et/open"
	f, err := r.sys.Stat(name)
	if err != nil {
		return checked, changed, from, err
	}
	if !f.Mode.IsDir() {
		return checked, f.Modified, from, nil
	}
	if b, err := r.sys.ReadFile(filepath.Join(name, "update.json")); err == nil { // written by rules update
		var s struct {
			Checked, Changed time.Time
			Sources          []struct{ Name string }
		}
		if json.Unmarshal(b, &s) == nil {
			checked, changed = s.Checked, s.Changed
			if len(s.Sources) > 0 && s.Sources[0].Name != "" {
				from = s.Sources[0].Name
			}
		}
	}
	names, err := r.sys.ReadDir(name)
	if err != nil {
		return checked, changed, from, err
	}
	for _, n := range names[:min(len(names), maxRuleFiles)] {
		if !strings.HasSuffix(n, ".rules") {
			continue
		}
		if f, err := r.sys.Stat(filepath.Join(name, n)); err == nil && f.Modified.After(changed) {
			changed = f.Modified
		}
	}
	return checked, changed, from, nil
}

// memory says whether what the sensor may take is there.
func (r *run) memory() {
	c := Check{Name: "memory", Why: "a sensor that the kernel kills for lack of memory is blind until it is started again"}
	total, avail, err := r.meminfo()
	n := int64(max(len(r.o.Interfaces), 1))
	want := uint64(r.o.MaxMemory + n*r.o.Ring)
	limit, limited := r.cgroup()
	c.What = fmt.Sprintf("the sensor may take %s (engine %s, %s of %s); the machine has %s, %s of it free", size(want), size(r.o.MaxMemory),
		plural(int(n), "ring", "rings"), size(r.o.Ring), size(total), size(avail))
	if p := r.process(); p != nil && p.memory > 0 {
		c.What += fmt.Sprintf("; the watch has %s now, rings beside it", size(p.memory))
	}
	room := total
	if limited && limit < total {
		room = limit
		c.What += "; this process may use " + size(limit)
	}
	low := max(int64(room/2)-n*r.o.Ring, 32<<20) >> 20
	c.Fix = []string{fmt.Sprintf("firestorm watch … --max-memory %dM --ring 16M   # or analysis: max-memory and capture: ring in the configuration", low)}
	switch {
	case err != nil:
		c.Level, c.NotPermitted, c.What = Unknown, notPermitted(err), "the machine does not say how much memory it has: "+reason(err)
		c.Fix = []string{"cat /proc/meminfo"}
	case want > room:
		c.Level = Problem
	case want > room/10*8, !r.fresh() && want > avail:
		c.Level = Warning
	}
	r.add(c)
	for _, name := range r.o.Interfaces {
		r.ring(name)
	}
}

// meminfo reads what the machine has, and what of it could be had now.
func (r *run) meminfo() (total, avail uint64, err error) {
	b, err := r.sys.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseUint(f[1], 10, 53)
		switch f[0] {
		case "MemTotal:":
			total = n << 10
		case "MemAvailable:":
			avail = n << 10
		}
	}
	if total == 0 {
		return 0, 0, fmt.Errorf("/proc/meminfo has no MemTotal")
	}
	return total, avail, nil
}

// cgroup is what this process may use at most, where it is bounded: in a container the machine's memory is not its own.
func (r *run) cgroup() (uint64, bool) {
	b, err := r.sys.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil && n > 0
}

// ringShort is how long a ring must last at the line's full rate: a worker may be held up so long by the collector, or by
// another process.
const ringShort = 50 * time.Millisecond

// ring says how long the ring of an interface lasts when nobody reads it.
func (r *run) ring(name string) {
	mbit, ok := r.counter("/sys/class/net/" + name + "/speed")
	if !ok || mbit == 0 || mbit > 1_000_000 || r.o.Ring <= 0 {
		return // virtual ones have no speed
	}
	c := Check{Name: "ring", Subject: name, Why: "it bridges the moments in which nobody reads: what does not fit is lost"}
	lasts := time.Duration(float64(r.o.Ring) * 8 / (float64(mbit) * 1e6) * float64(time.Second))
	c.What = fmt.Sprintf("%s last %s at the line's %d Mbit/s", size(r.o.Ring), span(lasts), mbit)
	if lasts < ringShort {
		c.Level = Warning
		need := int64(float64(mbit)*1e6/8*0.2) >> 20
		c.Fix = []string{fmt.Sprintf("firestorm watch %s --ring %dM   # 0.2 s; or in the configuration: capture: ring: %dM", shell(name), need, need)}
	}
	r.add(c)
}
