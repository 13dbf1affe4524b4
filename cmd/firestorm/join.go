package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/twin"
)

// joining is the outcome of comparing two captures before they are analysed.
type joining struct {
	join *twin.Join // nil: they share nothing
	note string     // what to tell the user
	// vantages of the captures' interfaces, by Packet.Source.
	vantages []uint16
}

// clockNote is the clock difference from which the times of the second capture are put right.
const clockNote = 5 * time.Millisecond

// compare makes a first pass over two captures and finds what they have in common. Nil when there are not two files
// that can be read twice.
func (a *app) compare(ctx context.Context, o *readOptions) (*joining, error) {
	if len(o.Files)-tapped(o) != 2 || slices.Contains(o.Files, "-") || o.Follow || o.FormatIn != "pcap" {
		return nil, nil
	}
	in, err := a.openInput(o, 0)
	if err != nil {
		return nil, nil // reported when it is opened for the analysis
	}
	defer in.Close()
	pass := twin.NewPass(twin.Options{MaxPackets: int(o.MaxMemory / 8 / 96)})
	var b packet.Batch
	for ctx.Err() == nil {
		err := in.Next(&b)
		for i := range b.Packets {
			p := &b.Packets[i]
			packet.Decode(p, nil)
			if p.Vantage > 1 {
				return nil, nil // more than two wires: each stands for itself
			}
			pass.Add(int(p.Vantage), p)
		}
		b.Release()
		if err != nil && !errors.Is(err, capture.ErrIdle) {
			if dmg := new(capture.Damaged); !errors.Is(err, io.EOF) && !errors.As(err, &dmg) {
				return nil, err
			}
			break
		}
	}
	names := vantageNames(in)
	if len(names) != 2 {
		return nil, nil
	}
	j, ok := pass.Solve()
	if !ok {
		return &joining{note: fmt.Sprintf("%s and %s have no packets in common: they are read as two unrelated captures", names[0], names[1])}, nil
	}
	r := &joining{join: j, vantages: vantagesOf(in), note: fmt.Sprintf("%s and %s show the same traffic: %d packets were found in both", names[0], names[1], j.Matched)}
	if j.Offset > clockNote || j.Offset < -clockNote {
		ahead, d := "ahead of", j.Offset
		if d < 0 {
			ahead, d = "behind", -d
		}
		r.note += fmt.Sprintf("; the clock of %s is %s %s that of %s, which is put right", names[1], d.Round(time.Microsecond), ahead, names[0])
	}
	return r, nil
}

func vantagesOf(in *input) []uint16 {
	var v []uint16
	for _, i := range in.Interfaces() {
		v = append(v, i.Vantage)
	}
	return v
}

// shift is what the times of the second capture are moved by.
func (j *joining) shift() time.Duration {
	if j == nil || j.join == nil || j.join.Offset <= clockNote && j.join.Offset >= -clockNote {
		return 0
	}
	return -j.join.Offset
}

// tapped counts the files that share a vantage with an earlier one.
func tapped(o *readOptions) int {
	n := 0
	for _, t := range o.Taps {
		n += len(t) - 1
	}
	return n
}

// openCompared opens the input of o, after the first pass that two captures of one traffic take. The caller closes it.
func (a *app) openCompared(ctx context.Context, o *readOptions) (*input, *joining, error) {
	twins, err := a.compare(ctx, o)
	if err != nil {
		return nil, nil, &failure{code: exitEngine, what: "the captures cannot be compared", why: err.Error(), err: err}
	}
	in, err := a.openInput(o, twins.shift())
	return in, twins, err
}
