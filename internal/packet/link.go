package packet

import "encoding/binary"

const ethernetLen = 14

// ethernet decodes an Ethernet II or 802.3 frame. wend is where the frame ends on the wire.
func (d *decoder) ethernet(off, wend int) {
	if d.cut(wend)-off < ethernetLen {
		d.short(off, ethernetLen, wend, BadEthernetPktTooSmall)
		return
	}
	p := d.p
	h := (*[ethernetLen]byte)(d.b[off:])
	if !d.layer(LayerEthernet, off) {
		return
	}
	p.DstMAC = MAC(h[0:6])
	p.SrcMAC = MAC(h[6:12])
	et := binary.BigEndian.Uint16(h[12:])
	p.EtherType = et
	if et == EtherIPv4 {
		d.ipv4(off+ethernetLen, wend)
		return
	}
	d.ether(et, off+ethernetLen, wend, 0)
}

// ether dispatches on an EtherType whose content starts at off. tags counts the VLAN tags passed so far.
func (d *decoder) ether(et uint16, off, wend, tags int) {
	p := d.p
	for {
		p.EtherType = et
		switch et {
		case EtherIPv4:
			d.ipv4(off, wend)
			return
		case EtherIPv6:
			d.ipv6(off, wend)
			return
		case EtherVLAN, EtherQinQ, EtherQinQOld, EtherQinQOld2:
			if d.cut(wend)-off < 4 {
				d.short(off, 4, wend, BadVLANHeaderTooSmall)
				return
			}
			k := LayerVLAN
			if et != EtherVLAN {
				k = LayerQinQ
			}
			if !d.layer(k, off) {
				return
			}
			if tags++; tags > maxVLANTags {
				p.AddAnomaly(BadVLANTooManyLayers)
				return
			}
			if int(p.NVLAN) < len(p.VLANs) {
				p.VLANs[p.NVLAN] = be16(d.b, off) & 0x0fff
				p.NVLAN++
			}
			et = be16(d.b, off+2)
			off += 4
		case EtherARP, EtherRARP:
			d.arp(off, wend)
			return
		default:
			if et < 0x0600 {
				// 802.3: the field is the length of the LLC data; what follows is padding.
				if e := off + int(et); e < wend {
					wend = e
				}
				p.EtherType = 0
				d.llc(off, wend)
				return
			}
			d.etherRare(et, off, wend, tags)
			return
		}
	}
}

// maxVLANTags is how many VLAN tags in a row are believed.
const maxVLANTags = 3
