package event

import (
	"strconv"

	"firestorm/internal/packet"
)

// AppendEVEHead opens an EVE record of type name with the keys that all records share: up to proto, without a final
// comma. dir is the way the record's packet travelled: src is the client for ToServer. The caller appends its own
// object and ends with AppendEVETail.
//
// flow_id is the low 53 bits of the flow's id: what every reader of JSON can hold exactly.
func AppendEVEHead(dst []byte, h *Head, name string, dir packet.Dir, c *EVE) []byte {
	dst = append(dst, `{"timestamp":`...)
	dst = AppendEVETime(dst, h.Seen.Time)
	if h.FlowID != 0 {
		dst = append(dst, `,"flow_id":`...)
		dst = strconv.AppendUint(dst, max(h.FlowID&(1<<53-1), 1), 10)
	}
	if c.Iface != nil {
		if n := c.Iface(h.Seen.Source); n != "" {
			dst = append(dst, `,"in_iface":`...)
			dst = AppendJSONString(dst, n)
		}
	}
	if h.Seen.Frame != 0 && c.Iface == nil && name != "flow" { // a flow record is of no single packet
		dst = append(dst, `,"pcap_cnt":`...)
		dst = strconv.AppendUint(dst, c.frame(h), 10)
	}
	dst = append(dst, `,"event_type":"`...)
	dst = append(dst, name...) // a word of ours, as is the protocol's below
	dst = append(dst, '"')
	if n := min(int(h.NVLAN), len(h.VLANs)); n > 0 {
		dst = append(dst, `,"vlan":[`...)
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(h.VLANs[i]), 10)
		}
		dst = append(dst, ']')
	}
	if h.Client.Addr.IsZero() && h.Server.Addr.IsZero() {
		return dst // no IP: ARP and the like say who in their own object
	}
	src, dest := h.Client, h.Server
	if dir == packet.ToClient {
		src, dest = dest, src
	}
	ports := hasPorts(h.Proto) || h.Proto == 0 && src.Port|dest.Port != 0
	dst = append(dst, `,"src_ip":`...)
	dst = c.appendAddr(dst, src.Addr)
	if ports {
		dst = append(dst, `,"src_port":`...)
		dst = strconv.AppendUint(dst, uint64(src.Port), 10)
	}
	dst = append(dst, `,"dest_ip":`...)
	dst = c.appendAddr(dst, dest.Addr)
	if ports {
		dst = append(dst, `,"dest_port":`...)
		dst = strconv.AppendUint(dst, uint64(dest.Port), 10)
	}
	if h.Proto != 0 {
		dst = append(dst, `,"proto":"`...)
		dst = append(dst, packet.ProtoName(h.Proto)...)
		dst = append(dst, '"')
	}
	if !c.before8() {
		if dst = append(dst, `,"ip_v":6`...); src.Addr.Is4() {
			dst[len(dst)-1] = '4'
		}
	}
	if isICMP(h.Proto) && h.ICMPKnown {
		dst = append(dst, `,"icmp_type":`...)
		dst = strconv.AppendUint(dst, uint64(h.ICMPType), 10)
		dst = append(dst, `,"icmp_code":`...)
		dst = strconv.AppendUint(dst, uint64(h.ICMPCode), 10)
	}
	if name == "flow" {
		return dst
	}
	dst = append(dst, `,"pkt_src":"`...)
	dst = append(dst, h.Via.String()...)
	dst = append(dst, '"')
	if c.Ethernet && (h.SrcMAC != packet.MAC{} || h.DstMAC != packet.MAC{}) {
		dst = append(dst, `,"ether":{"src_mac":`...)
		dst = AppendJSONMAC(dst, h.SrcMAC)
		dst = append(dst, `,"dest_mac":`...)
		dst = AppendJSONMAC(dst, h.DstMAC)
		dst = append(dst, '}')
	}
	return dst
}

// frame is the packet that a record names. TCP data is read once it is acknowledged, and Suricata names the packet at hand then
// unless it stands between the two sides.
func (c *EVE) frame(h *Head) uint64 {
	if h.Released.Frame != 0 && !c.Inline {
		return h.Released.Frame
	}
	return h.Seen.Frame
}

// AppendEVETail closes the record that AppendEVEHead opened.
func AppendEVETail(dst []byte, h *Head, c *EVE) []byte {
	if !h.Client.Addr.IsZero() && !h.Server.Addr.IsZero() && h.Proto != 0 && (h.ICMPKnown || !isICMP(h.Proto)) {
		sport, dport := h.Client.Port, h.Server.Port
		if isICMP(h.Proto) {
			sport, dport = uint16(h.ICMPType), uint16(h.ICMPCode)
		}
		dst = append(dst, `,"community_id":"`...)
		dst = c.appendCommunityID(dst, &ends{h.Client.Addr, h.Server.Addr, sport, dport, h.Proto})
		dst = append(dst, '"')
	}
	if c.File != nil {
		const key = `,"pcap_filename":`
		out, named := c.appendFile(append(dst, key...), h.Seen.Source)
		if !named {
			out = out[:len(dst)]
		}
		dst = out
	}
	return append(dst, '}')
}

// AppendEVEDirection appends `,"direction":"to_server"` (or to_client).
func AppendEVEDirection(dst []byte, dir packet.Dir) []byte {
	dst = append(dst, `,"direction":"`...)
	dst = append(dst, dir.String()...)
	return append(dst, '"')
}

func hasPorts(proto uint8) bool {
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoUDPLite, protoDCCP:
		return true
	}
	return false
}

const protoDCCP = 33

func isICMP(proto uint8) bool { return proto == packet.ProtoICMP || proto == packet.ProtoICMPv6 }

// AppendEVE writes the flow record when the flow has ended, nothing before.
func (f *Flow) AppendEVE(dst []byte, c *EVE) []byte {
	if f.What != Ended {
		return dst
	}
	h := &f.head
	dst = AppendEVEHead(dst, h, "flow", packet.ToServer, c)
	if f.AnswerKnown {
		dst = append(dst, `,"response_icmp_type":`...)
		dst = strconv.AppendUint(dst, uint64(f.AnswerType), 10)
		dst = append(dst, `,"response_icmp_code":`...)
		dst = strconv.AppendUint(dst, uint64(f.AnswerCode), 10)
	}
	if c.Ethernet {
		dst = f.appendMACs(dst)
	}
	if f.AppProto != "" {
		dst = append(dst, `,"app_proto":`...)
		dst = AppendJSONString(dst, f.AppProto)
	}
	for d, key := range [...]string{`,"app_proto_ts":`, `,"app_proto_tc":`} {
		if a := f.AppSides[d]; a != "" {
			dst = AppendJSONString(append(dst, key...), a)
		}
	}
	if f.AppBefore != "" {
		dst = append(dst, `,"app_proto_orig":`...)
		dst = AppendJSONString(dst, f.AppBefore)
	}
	s, t := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	dst = append(dst, `,"flow":{"pkts_toserver":`...)
	dst = strconv.AppendUint(dst, s.Packets, 10)
	dst = append(dst, `,"pkts_toclient":`...)
	dst = strconv.AppendUint(dst, t.Packets, 10)
	dst = append(dst, `,"bytes_toserver":`...)
	dst = strconv.AppendUint(dst, s.Bytes, 10)
	dst = append(dst, `,"bytes_toclient":`...)
	dst = strconv.AppendUint(dst, t.Bytes, 10)
	dst = append(dst, `,"start":`...)
	dst = AppendEVETime(dst, f.Start.Time)
	dst = append(dst, `,"end":`...)
	dst = AppendEVETime(dst, f.Last.Time)
	dst = append(dst, `,"age":`...)
	dst = strconv.AppendInt(dst, age(f.Start.Time, f.Last.Time), 10)
	dst = append(dst, `,"state":"`...)
	dst = append(dst, f.eveState()...)
	dst = append(dst, `","reason":"`...)
	dst = append(dst, f.End.eve()...)
	dst = append(dst, `","alerted":`...)
	dst = strconv.AppendBool(dst, f.Alerted)
	if f.Passed {
		dst = append(dst, `,"action":"pass"`...)
	}
	dst = append(dst, '}')
	if h.Proto == packet.ProtoTCP {
		dst = f.appendTCP(dst)
	}
	if f.Vars != nil && !c.Alert.NoVars {
		dst = f.Vars.append(dst)
	}
	return AppendEVETail(dst, h, c)
}

// appendMACs appends the cards that each side's packets came from.
func (f *Flow) appendMACs(dst []byte) []byte {
	if len(f.MACs[0])+len(f.MACs[1]) == 0 {
		return dst
	}
	dst = append(dst, `,"ether":{`...)
	for d, key := range [...]string{`"src_macs":[`, `,"dest_macs":[`} {
		dst = append(dst, key...)
		for i, m := range f.MACs[d] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSONMAC(dst, m)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// append appends the metadata of a record.
func (v *FlowVars) append(dst []byte) []byte {
	if len(v.Bits)+len(v.Texts) == 0 {
		return dst
	}
	dst = append(dst, `,"metadata":{`...)
	if len(v.Bits) > 0 {
		dst = append(dst, `"flowbits":`...)
		dst = appendTexts(dst, v.Bits)
	}
	for i, t := range v.Texts {
		switch {
		case i > 0:
			dst = append(dst, ',')
		case len(v.Bits) > 0:
			dst = append(dst, `,"flowvars":[`...)
		default:
			dst = append(dst, `"flowvars":[`...)
		}
		dst = AppendJSONString(append(dst, '{'), t[0])
		dst = append(AppendJSONString(append(dst, ':'), t[1]), '}')
	}
	if len(v.Texts) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// age is the difference of whole seconds, as Suricata counts it; a clock that ran backwards gives 0.
func age(from, to packet.Time) int64 {
	a, _ := floorDiv(int64(from))
	b, _ := floorDiv(int64(to))
	return max(b-a, 0)
}

// eveState is Suricata's flow.state: new until both sides spoke, closed from the last FIN on.
func (f *Flow) eveState() string {
	if f.head.Proto == packet.ProtoTCP {
		switch f.State {
		case StateNone, StateSYNSent, StateSYNRecv:
			return "new"
		case StateLastACK, StateTimeWait, StateClosed:
			return "closed"
		}
		return "established"
	}
	if f.Sides[0].Packets > 0 && f.Sides[1].Packets > 0 {
		return "established"
	}
	return "new"
}

// eve is Suricata's flow.reason. A closed flow leaves its table there when its last timer runs out.
func (r EndReason) eve() string {
	switch r {
	case EndTimeout, EndClosed:
		return "timeout"
	case EndReused, EndEvicted, EndInput:
		return r.String()
	}
	return "unknown"
}

var flagKeys = [...]struct {
	bit uint16
	key string
}{
	{packet.SYN, `,"syn":true`}, {packet.FIN, `,"fin":true`}, {packet.RST, `,"rst":true`}, {packet.PSH, `,"psh":true`},
	{packet.ACK, `,"ack":true`}, {packet.URG, `,"urg":true`}, {packet.ECE, `,"ecn":true`}, {packet.CWR, `,"cwr":true`},
}

func (f *Flow) appendTCP(dst []byte) []byte {
	s, t := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	all := s.Flags | t.Flags
	dst = append(dst, `,"tcp":{"tcp_flags":"`...)
	dst = appendHexByte(dst, all)
	dst = append(dst, `","tcp_flags_ts":"`...)
	dst = appendHexByte(dst, s.Flags)
	dst = append(dst, `","tcp_flags_tc":"`...)
	dst = appendHexByte(dst, t.Flags)
	dst = append(dst, '"')
	for _, k := range flagKeys {
		if all&k.bit != 0 {
			dst = append(dst, k.key...)
		}
	}
	dst = append(dst, `,"state":"`...)
	state := f.State
	if state == StateTimeWait && !f.Marks[MarkClientFINACK].IsZero() && !f.Marks[MarkServerFINACK].IsZero() {
		state = StateClosed // Suricata is through once both FINs are acknowledged, whoever came first
	}
	dst = append(dst, state.String()...)
	dst = append(dst, '"')
	if s.Gaps > 0 {
		dst = append(dst, `,"ts_gap":true`...)
	}
	if t.Gaps > 0 {
		dst = append(dst, `,"tc_gap":true`...)
	}
	return append(dst, '}')
}

func appendHexByte(dst []byte, v uint16) []byte {
	return append(dst, hexLower[v>>4&15], hexLower[v&15])
}

// AppendEVE writes an anomaly record.
func (x *Anomaly) AppendEVE(dst []byte, c *EVE) []byte {
	dst = AppendEVEHead(dst, &x.head, "anomaly", x.Dir, c)
	dst = append(dst, `,"anomaly":{"type":"`...) // words of our own list, which need no escapes
	dst = append(dst, x.Code.Type()...)
	dst = append(dst, `","event":"`...)
	dst = append(dst, x.Code.String()...)
	dst = append(dst, `"}`...)
	if x.Frame != nil {
		dst = AppendEVEPacket(dst, x.Frame, x.Link)
	}
	return AppendEVETail(dst, &x.head, c)
}

// AppendEVE writes nothing: Suricata has no record for an ICMP error; the flow it quotes tells the story.
func (x *ICMPError) AppendEVE(dst []byte, _ *EVE) []byte { return dst }

// AppendEVE writes an arp record.
func (x *ARP) AppendEVE(dst []byte, c *EVE) []byte {
	h := x.head
	h.Client, h.Server = End{}, End{} // an ARP packet has no IP header: its addresses stand in its own object
	dst = AppendEVEHead(dst, &h, "arp", packet.ToServer, c)
	dst = append(dst, `,"arp":{"hw_type":"ethernet","proto_type":"ipv4","opcode":`...)
	switch x.Op {
	case 1:
		dst = append(dst, `"request"`...)
	case 2:
		dst = append(dst, `"reply"`...)
	default:
		dst = append(dst, '"')
		dst = strconv.AppendUint(dst, uint64(x.Op), 10)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"src_mac":`...)
	dst = AppendJSONMAC(dst, x.SenderMAC)
	dst = append(dst, `,"src_ip":`...)
	dst = AppendJSONAddr(dst, x.SenderIP)
	dst = append(dst, `,"dest_mac":`...)
	dst = AppendJSONMAC(dst, x.TargetMAC)
	dst = append(dst, `,"dest_ip":`...)
	dst = AppendJSONAddr(dst, x.TargetIP)
	dst = append(dst, '}')
	return AppendEVETail(dst, &h, c)
}
