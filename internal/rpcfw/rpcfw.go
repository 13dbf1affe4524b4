// Package rpcfw makes a firewall's rules for services that move: it learns from rpcinfo, a portmapper or a capture which
// ONC RPC programs a server has and where, says which of them have no port of their own and how to give them one, and
// writes the nftables rules that let exactly those through.
package rpcfw

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"firestorm/internal/analyzer/rpc"
)

// maxServices bounds a list: a portmapper with more is none.
const maxServices = 4096

// Service is one line of a portmapper's list.
type Service struct {
	Program uint32
	Version uint32
	Proto   string // "tcp" or "udp"
	Port    uint16
}

// Name is what rpcinfo calls the program; "program 300019" for one without a name.
func (s Service) Name() string {
	if n := rpc.ProgramName(s.Program); n != "" {
		return n
	}
	return "program " + strconv.FormatUint(uint64(s.Program), 10)
}

// ErrNone is what Parse returns for a text without any service.
var ErrNone = errors.New("no line of it is one of rpcinfo -p: program, version, protocol, port")

// Parse reads what "rpcinfo -p" or "rpcinfo" prints. skipped counts the lines that are neither (its heading, blank ones
// and transports other than TCP and UDP are none of them).
func Parse(r io.Reader) (list []Service, skipped int, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 4096)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) == 0 || f[0] == "program" {
			continue
		}
		s, ok, known := parseLine(f)
		switch {
		case !known:
			skipped++
		case ok && len(list) >= maxServices:
			return nil, skipped, fmt.Errorf("more than %d services", maxServices)
		case ok:
			list = append(list, s)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, skipped, err
	}
	if len(list) == 0 {
		return nil, skipped, ErrNone
	}
	return tidy(list), skipped, nil
}

// parseLine reads "100005 3 tcp 20048 mountd", or rpcbind's "100005 3 tcp 0.0.0.0.78.80 mountd superuser". known: it is
// such a line; ok: of TCP or UDP, with a port.
func parseLine(f []string) (s Service, ok, known bool) {
	if len(f) < 4 {
		return s, false, false
	}
	prog, err := strconv.ParseUint(f[0], 10, 32)
	vers, err2 := strconv.ParseUint(f[1], 10, 32)
	if err != nil || err2 != nil || prog == 0 {
		return s, false, false
	}
	s.Program, s.Version, s.Proto = uint32(prog), uint32(vers), strings.TrimSuffix(f[2], "6")
	if s.Proto != "tcp" && s.Proto != "udp" {
		return s, false, f[2] == "local" || f[2] == "ticlts" || f[2] == "ticots" || f[2] == "ticotsord"
	}
	if port, err := strconv.ParseUint(f[3], 10, 16); err == nil {
		s.Port = uint16(port)
	} else if s.Port, ok = universal(f[3]); !ok {
		return s, false, false
	}
	return s, s.Port != 0, true
}

// universal takes the port out of a universal address (RFC 5665 5.2.3.3): its last two numbers.
func universal(a string) (uint16, bool) {
	f := strings.Split(a, ".")
	if len(f) < 3 {
		return 0, false
	}
	hi, err := strconv.ParseUint(f[len(f)-2], 10, 8)
	lo, err2 := strconv.ParseUint(f[len(f)-1], 10, 8)
	return uint16(hi<<8 | lo), err == nil && err2 == nil
}

// tidy sorts a list and drops doubles.
func tidy(list []Service) []Service {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(a.Program, b.Program), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Version, b.Version)) < 0
	})
	return slices.Compact(list)
}
