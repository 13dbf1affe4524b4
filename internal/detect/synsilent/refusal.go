package synsilent

import (
	"fmt"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// saidFor is how long a firewall's word about two ends is remembered: a request is repeated for some two minutes.
const saidFor = 4 * time.Minute

// hear takes what a firewall's log says of a request, whether it is of the same capture or of a log watched beside it.
func (d *detector) hear(v *event.Verdict) {
	h := v.Head()
	if v.Verdict != packet.FirewallBlock || v.Dir != packet.ToServer || h.Proto != packet.ProtoTCP {
		return
	}
	if a := d.open[h.FlowID]; a != nil {
		a.refusal = v
	}
	k := event.Ends{Client: h.Client, Server: h.Server}
	if _, ok := d.refusals[k]; !ok && len(d.refusals) >= d.scope.Limits.Entries {
		d.scope.Forgot("synsilent", "words of the firewall", h.Client.Addr, h.Server.Addr)
		return
	}
	d.refusals[k] = v
}

// heard is what the firewall said of the request of f; nil: nothing.
func (d *detector) heard(f *event.Flow) *event.Verdict {
	h := f.Head()
	v := d.refusals[event.Ends{Client: h.Client, Server: h.Server}]
	if v == nil || v.Head().Seen.Time < f.Start.Time.Add(-time.Second) {
		return nil
	}
	return v
}

// ageRefusals forgets words of which no request can be any more.
func (d *detector) ageRefusals(now packet.Time) {
	for k, v := range d.refusals {
		if now.Sub(v.Head().Seen.Time) > saidFor {
			delete(d.refusals, k)
		}
	}
}

// once leaves out attempts that only a firewall's log shows where another place of capture has the same ones.
func once(silent []*attempt) []*attempt {
	seen := map[event.Ends][]*attempt{}
	for _, a := range silent {
		if !a.logged() {
			k := ends(a.flow)
			seen[k] = append(seen[k], a)
		}
	}
	out := silent[:0]
	for _, a := range silent {
		twice := false
		if a.logged() {
			for _, o := range seen[ends(a.flow)] {
				twice = twice || max(o.flow.Start.Time.Sub(a.flow.Start.Time), a.flow.Start.Time.Sub(o.flow.Start.Time)) < time.Second
			}
		}
		if !twice {
			out = append(out, a)
		}
	}
	return out
}

// logged reports that the attempt is known from the firewall's log itself.
func (a *attempt) logged() bool {
	return a.refusal != nil && a.refusal.Head().FlowID == a.flow.Head().FlowID
}

func ends(f *event.Flow) event.Ends {
	h := f.Head()
	return event.Ends{Client: h.Client, Server: h.Server}
}

// refusal is what the firewall said of the attempts, where it said of every one that it refuses it; nil else.
func refusalOf(silent []*attempt) *event.Verdict {
	for _, a := range silent {
		if a.refusal == nil {
			return nil
		}
	}
	return silent[0].refusal
}

// says writes what stands in the firewall's log.
func says(s *detect.Scope, v *event.Verdict) string {
	var b strings.Builder
	if v.Sure {
		fmt.Fprintf(&b, "rule %d of the packet filter blocked it", v.Rule)
		if v.Device != "" {
			fmt.Fprintf(&b, " on %s", v.Device)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "%q", strings.TrimSpace(v.Words))
	var where []string
	if v.Hook != "" {
		where = append(where, "hook "+v.Hook)
	}
	if v.In != 0 {
		where = append(where, "in by "+s.Device(v.In))
	}
	if v.Out != 0 {
		where = append(where, "out by "+s.Device(v.Out))
	}
	if v.Mark != 0 {
		where = append(where, fmt.Sprintf("mark %#x", v.Mark))
	}
	if len(where) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(where, ", "))
	}
	return b.String()
}

// find is how the rule of the words is found.
func findRule(b *finding.Builder, v *event.Verdict) {
	step := b.Remedy(finding.AtFirewall, "find the rule that logged the request, and see whether it is meant to refuse it")
	if v.Sure {
		step.Run("pf", "pfctl -vv -s rules | grep -A 1 '^@%d '", v.Rule)
		return
	}
	if words := strings.TrimSpace(v.Words); words != "" && strings.Trim(words, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _:.,[]()-=/+") == "" {
		step.Run("nftables", "nft -a list ruleset | grep -n -F -e '%s'", words)
		return
	}
	step.Run("nftables", "nft -a list ruleset | grep -n -w log")
}
