// Package nfs looks for what makes an NFS server hard to put behind a firewall: services whose ports are chance.
package nfs

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/analyzer/rpc"
	"firestorm/internal/lint"
	"firestorm/internal/rpcfw"
)

// Plan judges where a server's services are.
func Plan(p rpcfw.Plan) []lint.Problem {
	var out []lint.Problem
	advice := map[string]rpcfw.Advice{}
	for _, a := range p.Advice() {
		advice[a.Name] = a
	}
	seen := map[string]bool{}
	for _, x := range p.Floating() {
		pr := lint.Problem{Level: lint.Warn, What: x.Text() + ": the port is chance, and another after the next start",
			Why: "a firewall that lets this number through today blocks the service tomorrow"}
		if a, ok := advice[x.Name]; ok && !seen[x.Name] {
			seen[x.Name] = true
			pr.Do = []string{"Debian  " + a.Debian, "RHEL    " + a.RedHat}
			if a.Ganesha != "" {
				pr.Do = append(pr.Do, "Ganesha "+a.Ganesha)
			}
		}
		if x.Want == 0 {
			pr.Do = []string{"give it a fixed port by its own option, or keep it behind the firewall: no rule can follow it"}
		}
		out = append(out, pr)
	}
	if p.Has(rpc.Mount) && p.Has(rpc.NFS) {
		v4 := false
		for _, x := range p.Places {
			for _, v := range x.Versions {
				v4 = v4 || x.Program == rpc.NFS && v == 4
			}
		}
		if v4 {
			out = append(out, lint.Problem{Level: lint.Note, What: "the server speaks NFS version 4: clients that use it need TCP port 2049 alone",
				Do: []string{"clients: mount -t nfs4; when all do, version 3 can go: in /etc/nfs.conf [nfsd] vers3=n, and mask rpcbind"}})
		}
	}
	if !p.Has(rpc.NFS) {
		out = append(out, lint.Problem{Level: lint.Note, What: "no NFS server is registered: what is listed belongs to a client, or to another service"})
	}
	return out
}

// maxFile bounds a configuration in bytes.
const maxFile = 1 << 20

// pinned are the settings that give a service its port, by section of nfs.conf, or as a variable of a shell file.
var settings = []struct {
	program  uint32
	section  string
	keys     []string
	variable []string
}{
	{rpc.Mount, "mountd", []string{"port"}, []string{"MOUNTD_PORT"}},
	{rpc.NSM, "statd", []string{"port"}, []string{"STATD_PORT"}},
	{rpc.NLM, "lockd", []string{"port", "udp-port"}, []string{"LOCKD_TCPPORT", "LOCKD_UDPPORT"}},
}

// IsConf reports whether a text is nfs.conf, or the RHEL 7 file with variables.
func IsConf(text []byte) bool {
	for _, s := range settings {
		if bytes.Contains(text, []byte("["+s.section+"]")) {
			return true
		}
		for _, v := range s.variable {
			if bytes.Contains(text, []byte(v)) {
				return true
			}
		}
	}
	return bytes.Contains(text, []byte("[nfsd]"))
}

// Conf judges nfs.conf, or /etc/sysconfig/nfs of RHEL 7: which services it leaves without a port. ports are those that it
// gives, by "section.key".
func Conf(name string, text []byte) (problems []lint.Problem, ports map[string]uint16, err error) {
	if len(text) > maxFile || bytes.IndexByte(text, 0) >= 0 {
		return nil, nil, fmt.Errorf("%s is no configuration", name)
	}
	ports = map[string]uint16{}
	lines := map[string]int{}
	section, v3, v3line := "", true, 0
	sc := bufio.NewScanner(bytes.NewReader(text))
	sc.Buffer(nil, maxFile+1)
	for n := 1; sc.Scan(); n++ {
		l := strings.TrimSpace(sc.Text())
		if l == "" || l[0] == '#' || l[0] == ';' {
			continue
		}
		if l[0] == '[' {
			section, _, _ = strings.Cut(strings.Trim(l, "[] \t"), " ") // [exportd "x"]
			section = strings.ToLower(section)
			continue
		}
		k, v, ok := strings.Cut(l, "=")
		if !ok {
			continue
		}
		k, v = strings.TrimSpace(k), strings.Trim(strings.TrimSpace(v), `"'`)
		key := setting(section, k)
		if section == "nfsd" && strings.EqualFold(k, "vers3") {
			v3, v3line = on(v), n
		}
		if key == "" {
			continue
		}
		p, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			problems = append(problems, lint.Problem{Level: lint.Wrong, File: name, Line: n, What: fmt.Sprintf("%s = %q is no port", k, v)})
			continue
		}
		if p > 0 {
			if other, at := taken(ports, key, uint16(p)); other != "" {
				problems = append(problems, lint.Problem{Level: lint.Wrong, File: name, Line: n, What: fmt.Sprintf("%s has port %d, as %s in line %d has: one of the two will not start", key, p, other, lines[at])})
			}
			ports[key], lines[key] = uint16(p), n
		}
		if p >= 32768 && p <= 60999 && p != 32803 && p != 32769 {
			problems = append(problems, lint.Problem{Level: lint.Warn, File: name, Line: n, What: fmt.Sprintf("%s has port %d, which Linux also gives to connections of its own: some day it is taken at the start", key, p),
				Do: []string{"sysctl -w net.ipv4.ip_local_reserved_ports=" + strconv.FormatUint(p, 10) + ", or another port below 32768"}})
		}
	}
	if err := sc.Err(); err != nil {
		return nil, nil, err
	}
	if !v3 {
		problems = append(problems, lint.Problem{Level: lint.Note, File: name, Line: v3line, What: "version 3 is off: port 2049 is all that clients need"})
		return problems, ports, nil
	}
	for _, s := range settings {
		for _, k := range s.keys {
			if ports[s.section+"."+k] == 0 {
				problems = append(problems, lint.Problem{Level: lint.Warn, File: name, What: fmt.Sprintf("[%s] gives no %s: %s has another port after each start", s.section, k, rpc.ProgramName(s.program)),
					Do: []string{fmt.Sprintf("in [%s]: %s=%d", s.section, k, usual(s.section, k))}})
			}
		}
	}
	return problems, ports, nil
}

// setting returns "section.key" for a line that gives a port, empty for another.
func setting(section, key string) string {
	for _, s := range settings {
		for i, k := range s.keys {
			if section == s.section && strings.EqualFold(key, k) {
				return s.section + "." + k
			}
			if i < len(s.variable) && key == s.variable[i] {
				return s.section + "." + k
			}
		}
	}
	return ""
}

func usual(section, key string) uint16 {
	switch section + "." + key {
	case "mountd.port":
		return 892
	case "statd.port":
		return 662
	case "lockd.port":
		return 32803
	}
	return 32769
}

// taken returns the setting that has the port already; lockd's two are of different protocols.
func taken(ports map[string]uint16, key string, p uint16) (name, at string) {
	for _, s := range settings {
		for _, k := range s.keys {
			if other := s.section + "." + k; other != key && ports[other] == p && !(s.section == "lockd" && strings.HasPrefix(key, "lockd.")) {
				return other, other
			}
		}
	}
	return "", ""
}

func on(v string) bool {
	switch strings.ToLower(v) {
	case "n", "no", "0", "false", "off", "f":
		return false
	}
	return true
}
