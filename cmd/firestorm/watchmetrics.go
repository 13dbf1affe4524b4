//go:build linux

package main

import (
	"fmt"
	"net"
	"strconv"
	"sync"

	"firestorm/internal/event"
	"firestorm/internal/output"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// ruleHitsKept bounds the rules that are counted one by one; others are counted together.
const ruleHitsKept = 1000

// meter is what Prometheus is shown: the last status of the run, and the matches of rules. It may be asked by any goroutine.
type meter struct {
	mu     sync.Mutex
	last   sensor.Status
	hits   map[string]uint64 // by gid:sid
	others uint64
	limit  int64
	counts func() []output.Count
	at     net.Addr // where they are shown
}

// Event counts matches of rules; it is a sink of the sensor.
func (m *meter) Event(e event.Event) error {
	a, ok := e.(*event.Alert)
	if !ok || a.Rule == nil {
		return nil
	}
	id := strconv.FormatUint(uint64(a.Rule.GID), 10) + ":" + strconv.FormatUint(uint64(a.Rule.SID), 10)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.hits[id]; !ok && len(m.hits) >= ruleHitsKept {
		m.others++
		return nil
	}
	m.hits[id]++
	return nil
}

func (m *meter) status(s *sensor.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = *s
}

// metrics are all numbers as of now. docs/operating.md names them.
func (m *meter) metrics() (all []output.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := func(name, help string, v uint64, labels ...[2]string) {
		all = append(all, output.Metric{Name: "firestorm_" + name + "_total", Help: help, Total: true, Labels: labels, Value: float64(v)})
	}
	now := func(name, help string, v float64, labels ...[2]string) {
		all = append(all, output.Metric{Name: "firestorm_" + name, Help: help, Labels: labels, Value: v})
	}
	seconds := func(t packet.Time) float64 { return float64(t) / 1e9 }
	s := &m.last
	now("build_info", "The version of the program, as a label.", 1, [2]string{"version", version})
	total("packets", "Packets that the sensor took.", s.Packets)
	total("bytes", "Bytes of these packets, as on the wire.", s.Bytes)
	total("packets_undecoded", "Packets that could not be read.", s.Undecoded)
	for _, n := range s.NotUsed {
		total("packets_unused", "Packets that were not used, by reason.", n.N, [2]string{"reason", n.What})
	}
	total("packets_lost", "Packets that the kernel dropped because they were not read in time.", s.Lost)
	total("packets_handed_over", "Packets that came through the ring of another shard, as those in tunnels do.", s.HandedOver)
	total("events", "Events that detectors saw.", s.Events)
	total("findings_muted", "Findings that mutes hid.", s.Muted)
	now("rounds_behind", "Rounds of 1024 packets that were read and are not done.", float64(s.Behind))
	now("rounds_limit", "Rounds that may be on their way; that many behind, packets are not read.", float64(s.Rounds))
	now("memory_limit_bytes", "The bound on tables and rules (--max-memory).", float64(m.limit))
	now("status_timestamp_seconds", "When these numbers were taken, in the sensor's time: when it stands still, the sensor does.", seconds(s.Now))
	if s.Last != 0 {
		now("last_packet_age_seconds", "How long ago the newest packet was taken.", seconds(max(0, s.Now-s.Last)))
	}
	for _, l := range s.Links {
		on := [2]string{"interface", l.Name}
		blind := 0.0
		if l.Blind != 0 {
			blind = 1
		}
		now("interface_blind", "1: nothing is seen there, the interface is down or gone.", blind, on)
		if l.Blind != 0 {
			now("interface_blind_since_seconds", "Since when nothing is seen there.", seconds(l.Blind), on)
		}
		total("interface_packets", "Packets of the interface.", l.Packets, on)
		total("interface_lost", "Packets of the interface that the kernel dropped.", l.Lost, on)
		for i, r := range l.Rings {
			if len(l.Rings) > 1 {
				ring := [2]string{"ring", strconv.Itoa(i)}
				total("ring_packets", "Packets that came through a ring of the interface.", r.Packets, on, ring)
				total("ring_lost", "Packets that the kernel dropped because the ring was full.", r.Lost, on, ring)
			}
		}
		total("interface_returns", "How often the interface came back.", uint64(l.Times), on)
		if l.Last != 0 {
			now("interface_last_packet_timestamp_seconds", "Time of the newest packet of the interface.", seconds(l.Last), on)
		}
	}
	for id, n := range m.hits {
		total("rule_hits", "Matches of a rule, by gid:sid.", n, [2]string{"rule", id})
	}
	if m.others > 0 {
		total("rule_hits", "Matches of a rule, by gid:sid.", m.others, [2]string{"rule", "others"})
	}
	if m.counts == nil {
		return all
	}
	names := map[string]int{}
	for _, c := range m.counts() {
		name := c.Name
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, names[name])
		}
		to, up := [2]string{"output", name}, 0.0
		if c.Health.Up {
			up = 1
		}
		now("output_up", "1: the last delivery worked, or none was needed yet.", up, to)
		now("output_queue_length", "Records that wait for the output.", float64(c.Queued), to)
		total("output_records", "Records that the output took.", c.Written, to)
		total("output_dropped", "Records that found the output's queue full.", c.Dropped, to)
		total("output_lost", "Records that the output gave up.", c.Failed+c.Health.Lost, to)
		total("output_retries", "Deliveries that were tried again.", c.Health.Retried, to)
	}
	return all
}
