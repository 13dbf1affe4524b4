package packet

import "firestorm/internal/header"

func (d *decoder) radiotap(off, wend int) {
	h, ok := header.ParseRadiotap(d.b[off:])
	if !ok {
		d.p.AddAnomaly(BadRadiotapHeaderTooSmall)
		return
	}
	if d.layer(LayerRadiotap, off) {
		d.ieee80211(off+len(h), wend, h.Flags())
	}
}

// prism passes the header of old wlan drivers: 144 bytes, its length in the third word in host order. Some write
// the AVS header instead, whose first word says so and whose second is its length.
func (d *decoder) prism(wend int) {
	b := d.b
	if len(b) < 8 {
		d.short(0, 8, wend, BadRadiotapHeaderTooSmall)
		return
	}
	n := 144
	if be32(b, 0)&0xfffff000 == 0x80211000 {
		n = int(be32(b, 4) & 0xffff)
	}
	d.layer(LayerPrism, 0)
	if n < 8 || n > len(b) {
		d.short(0, n, wend, BadRadiotapHeaderTooSmall)
		return
	}
	d.ieee80211(n, wend, 0)
}

// ieee80211 decodes a data frame down to the LLC header. Management and control frames only leave their layer.
func (d *decoder) ieee80211(off, wend int, flags uint8) {
	p, b := d.p, d.b
	if flags&header.RadiotapFCS != 0 {
		wend = max(wend-4, off)
	}
	h, ok := header.ParseIEEE80211(b[min(off, len(b)):max(d.cut(wend), min(off, len(b)))])
	if !ok {
		d.short(off, 24, wend, BadIEEE80211PktTooSmall)
		return
	}
	if !d.layer(LayerIEEE80211, off) || !h.IsData() {
		return
	}
	p.SrcMAC, p.DstMAC = MAC(h.Src()), MAC(h.Dst())
	switch {
	case !h.HasBody():
	case h.Protected():
		p.AddAnomaly(BadIEEE80211Encrypted)
	case h.AMSDU():
		p.AddAnomaly(BadIEEE80211AMSDU)
	case h.Fragment() != 0: // the middle of a frame has no LLC header
	default:
		n := len(h)
		if flags&header.RadiotapPad != 0 {
			n = (n + 3) &^ 3
		}
		d.llc(off+n, wend)
	}
}
