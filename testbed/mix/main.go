// Command mix writes a generated capture for measurements: many live connections of HTTP-like, TLS-like and DNS-like
// traffic, some over IPv6, in VLANs and tunnels, with losses on either side of the sensor. The same parameters and seed
// give the same bytes. It is synthetic: good for speed and memory, not for truth about networks.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

func main() {
	var o options
	out := flag.String("o", "-", "file to write; - is standard output")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the generator")
	flag.Int64Var(&o.size, "bytes", 1<<30, "stop when the file is this large")
	flag.IntVar(&o.live, "live", 5000, "connections open at one time")
	flag.IntVar(&o.hold, "hold", 0, "connections to open first and leave open, idle")
	flag.IntVar(&o.closed, "closed", 0, "connections to open and close after that")
	flag.Float64Var(&o.loss, "loss", 0.003, "share of data segments lost, half of them before the sensor")
	flag.Float64Var(&o.v6, "v6", 0.10, "share of connections over IPv6")
	flag.Float64Var(&o.vlan, "vlan", 0.10, "share of connections in a VLAN")
	flag.Float64Var(&o.tunnel, "tunnel", 0.05, "share of connections in a GRE or VXLAN tunnel")
	flag.Parse()
	if err := run(&o, *out); err != nil {
		fmt.Fprintln(os.Stderr, "mix:", err)
		os.Exit(1)
	}
}

type options struct {
	seed                   uint64
	size                   int64
	live, hold, closed     int
	loss, v6, vlan, tunnel float64
}

// generator writes packets one by one with a clock of its own.
type generator struct {
	o      *options
	r      *rand.Rand
	w      io.Writer
	n      int64
	frames uint64
	now    uint64 // microseconds
	flows  []*conn
	born   uint32
	text   []byte // what payloads are cut from
	noise  []byte
	ipid   uint16
	err    error
}

func run(o *options, name string) error {
	f := os.Stdout
	if name != "-" {
		var err error
		if f, err = os.Create(name); err != nil {
			return err
		}
		defer f.Close()
	}
	h := sha256.New()
	bw := bufio.NewWriterSize(f, 1<<20)
	g := &generator{o: o, r: rand.New(rand.NewPCG(o.seed, 0x6d6978)), w: io.MultiWriter(bw, h), now: 1_700_000_000_000_000}
	g.payloads()
	g.fileHeader()
	for i := 0; i < o.hold; i++ {
		c := g.open(true)
		for c.step < stepOpen {
			g.advance(c, 3)
		}
	}
	for i := 0; i < o.closed; i++ {
		c := g.open(true)
		c.left = 0
		for !c.done {
			g.advance(c, 3)
		}
	}
	if o.hold == 0 && o.closed == 0 {
		for i := 0; i < o.live; i++ {
			g.flows = append(g.flows, g.open(false))
		}
		for g.n < o.size && g.err == nil {
			i := g.r.IntN(len(g.flows))
			g.advance(g.flows[i], 10)
			if g.flows[i].done {
				g.flows[i] = g.open(false)
			}
		}
	}
	if g.err != nil {
		return g.err
	}
	if err := bw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d packets, %d bytes, %d connections, seed %d, sha256 %x\n", g.frames, g.n, g.born, o.seed, h.Sum(nil)[:8])
	return nil
}

func (g *generator) payloads() {
	words := []string{"GET /", "Host: ", "news", "index", ".html", "Accept: text/", "Cookie: id=", "the ", "of ", "<div class=\"", "</p>\r\n", "Content-Length: ", "1", "42", "\r\n", "POST ", "json", "{\"a\":", "}, "}
	for len(g.text) < 1<<16 {
		g.text = append(g.text, words[g.r.IntN(len(words))]...)
	}
	g.noise = make([]byte, 1<<16)
	for i := 0; i+8 <= len(g.noise); i += 8 {
		binary.LittleEndian.PutUint64(g.noise[i:], g.r.Uint64())
	}
}

func (g *generator) fileHeader() {
	var h [24]byte
	binary.LittleEndian.PutUint32(h[0:], 0xa1b2c3d4)
	binary.LittleEndian.PutUint16(h[4:], 2)
	binary.LittleEndian.PutUint16(h[6:], 4)
	binary.LittleEndian.PutUint32(h[16:], 262144)
	binary.LittleEndian.PutUint32(h[20:], 1)
	g.write(h[:])
}

func (g *generator) write(b []byte) {
	if g.err != nil {
		return
	}
	n, err := g.w.Write(b)
	g.n += int64(n)
	g.err = err
}

func (g *generator) frame(b []byte, step uint64) {
	var h [16]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(g.now/1_000_000))
	binary.LittleEndian.PutUint32(h[4:], uint32(g.now%1_000_000))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(b)))
	binary.LittleEndian.PutUint32(h[12:], uint32(len(b)))
	g.write(h[:])
	g.write(b)
	g.frames++
	g.now += 1 + g.r.Uint64N(2*step)
}
