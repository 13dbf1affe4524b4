package packet

func (d *decoder) ipTunnel(proto uint8, off, wend int) {
	d.payload(off, wend)
}

func (d *decoder) udpTunnel(off, wend int) {}
