package rules

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// snortKeywords are options of Snort 2 that Suricata does not have, or has under other names.
var snortKeywords = []keyword{
	{"ftpbounce", func(c *compiler, o *lang.Option) error {
		if o.Given {
			return errors.New("ftpbounce takes no value")
		}
		command, data := buffer{"ftp.command", ofFTP, toServer}, buffer{"ftp.command_data", ofFTP, toServer}
		if err := c.ask(command, false, func(b []byte) bool { return bytes.EqualFold(b, []byte("PORT")) }); err != nil {
			return err
		}
		n, err := c.part(data)
		if err != nil {
			return err
		}
		c.s.parts[n].checks = append(c.s.parts[n].checks, check{kind: isTest, from: bounces})
		return nil
	}},
	{"sip_method", func(c *compiler, o *lang.Option) error {
		words := strings.Split(o.Value, ",")
		neg := o.Negated
		for i, w := range words {
			w = strings.TrimSpace(w)
			if rest, ok := strings.CutPrefix(w, "!"); ok && len(words) == 1 {
				w, neg = rest, !neg
			}
			if w == "" || strings.ContainsAny(w, "! ") {
				return fmt.Errorf("%q is no method", w)
			}
			words[i] = w
		}
		return c.ask(sipBuffers["sip.method"], neg, func(b []byte) bool {
			for _, w := range words {
				if strings.EqualFold(w, string(b)) {
					return true
				}
			}
			return false
		})
	}},
	{"sip_stat_code", func(c *compiler, o *lang.Option) error {
		var codes []string // of one digit: all that begin with it
		for w := range strings.SplitSeq(o.Value, ",") {
			w = strings.TrimSpace(w)
			if n, err := strconv.Atoi(w); err != nil || n < 1 || n > 9 && n < 100 || n > 999 {
				return fmt.Errorf("%q is neither a code of three digits nor the first of one", w)
			}
			codes = append(codes, w)
		}
		return c.ask(sipBuffers["sip.stat_code"], o.Negated, func(b []byte) bool {
			for _, w := range codes {
				if len(b) == 3 && bytes.HasPrefix(b, []byte(w)) {
					return true
				}
			}
			return false
		})
	}},
}

// bounces reports whether what follows PORT names another host than the one that says it: h1,h2,h3,h4,p1,p2 (RFC 959 4.1.2).
func bounces(b []byte, src packet.Addr) bool {
	f := strings.Split(strings.TrimSpace(string(b[:min(len(b), 64)])), ",")
	if len(f) < 4 || !src.Is4() {
		return false
	}
	var host [4]byte
	for i := range host {
		n, err := strconv.ParseUint(f[i], 10, 8)
		if err != nil {
			return false
		}
		host[i] = byte(n)
	}
	return packet.Addr4(host[:]) != src
}
