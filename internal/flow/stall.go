package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

type stallPart struct{ _ uint32 }
type lossPart struct{ truncated uint32 }

func (t *Table) fillStall(r *rec, x *stallPart, v *event.Stall)                            {}
func (t *Table) fillLoss(r *rec, x *lossPart, v *event.Side)                               { v.Truncated = x.truncated }
func (t *Table) ageStalls(seen packet.Ref, ord uint64)                                     {}
func (t *Table) stallReset(i uint32, r *rec, p *packet.Packet, d packet.Dir, b packet.Ref) {}
func (t *Table) silenceOver(r *rec, p *packet.Packet, d packet.Dir, before packet.Ref)     {}
