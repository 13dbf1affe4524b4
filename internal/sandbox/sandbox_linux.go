// Package sandbox takes rights from this process that it will not need: Landlock bounds the files it reaches and the ports
// it connects to, seccomp the system calls it makes. What is given up never comes back.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Policy is what a process keeps.
type Policy struct {
	Read    []string // files and folders with all below them that it reads; what is not there is left out
	Write   []string // folders in which it makes, writes, renames and removes files; they must be there
	Connect []uint16 // TCP ports that it connects to
	Listen  []uint16 // TCP ports that it listens on
	// Network: it makes sockets of IP. Without, Connect and Listen are of no use.
	Network bool
}

// State is what holds now.
type State struct {
	// Landlock is the version of Landlock that the kernel has; 0: none, files are kept apart by permissions alone. Versions
	// before 4 do not bound ports.
	Landlock int
	Seccomp  bool // system calls are bounded
}

// String says it for a log.
func (s State) String() string {
	var have, lack []string
	if s.Landlock > 0 {
		have = append(have, fmt.Sprintf("Landlock %d", s.Landlock))
		if s.Landlock < 4 {
			lack = append(lack, "this Landlock does not bound what is connected to")
		}
	} else {
		lack = append(lack, "the kernel has no Landlock: files are kept apart by permissions alone")
	}
	if s.Seccomp {
		have = append(have, "seccomp")
	} else {
		lack = append(lack, "the kernel has no seccomp filters: system calls are not bounded")
	}
	if len(have) == 0 {
		return strings.Join(lack, "; ")
	}
	return strings.Join(append([]string{"on (" + strings.Join(have, ", ") + ")"}, lack...), "; ")
}

// systemFiles are read by the runtime and the library: names of hosts and services, certificates, times.
var systemFiles = []string{"/etc/localtime", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom", "/proc/self/status", "/proc/sys/net/core/somaxconn"}

// networkFiles are read by who speaks to others.
var networkFiles = []string{"/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/gai.conf",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/local/share/certs"}

// newest is the newest Landlock that this was tried with. Later ones bound more, such as UDP, and nobody has tried what
// breaks.
var newest = landlock.V7

// Available says what this kernel has.
func Available() State {
	v, err := ll.LandlockGetABIVersion()
	if err != nil {
		v = 0
	}
	return State{Landlock: v, Seccomp: seccompThere()}
}

// Enter takes all rights but those of p from this process, all its threads. What the kernel does not have is left out and told
// by the State; an error says that something it has could not be put in force: the process should end then.
func Enter(p Policy) (State, error) {
	s := Available()
	if s.Landlock > 0 {
		if err := p.landlock(); err != nil {
			return State{}, fmt.Errorf("Landlock: %w", err)
		}
	}
	if s.Seccomp {
		if err := p.seccomp(); err != nil {
			return State{}, fmt.Errorf("seccomp: %w", err)
		}
	}
	return s, nil
}

func (p *Policy) landlock() error {
	read := slices.Concat(p.Read, systemFiles)
	if p.Network {
		read = slices.Concat(read, networkFiles)
	}
	var rules []landlock.Rule
	for _, name := range read {
		info, err := os.Stat(name)
		switch {
		case err != nil:
		case info.IsDir():
			rules = append(rules, landlock.RODirs(name))
		default:
			rules = append(rules, landlock.ROFiles(name))
		}
	}
	rules = append(rules, landlock.RWFiles("/dev/null"))
	for _, name := range p.Write {
		if info, err := os.Stat(name); err != nil {
			return err
		} else if !info.IsDir() {
			return errors.New(name + " is no folder")
		}
		rules = append(rules, landlock.RWDirs(name).WithRefer())
	}
	for _, port := range p.Connect {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	for _, port := range p.Listen {
		rules = append(rules, landlock.BindTCP(port))
	}
	return newest.BestEffort().Restrict(rules...)
}
