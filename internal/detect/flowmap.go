package detect

// flowMap finds the attempts of live flows by the flow's id: open addressing, one cache line for a look-up. Ids are
// hashes already.
type flowMap struct {
	slots []flowSlot // a power of two, at most three quarters of it used
	used  int
}

type flowSlot struct {
	id uint64
	a  *Attempt // nil: free
}

func newFlowMap() flowMap { return flowMap{slots: make([]flowSlot, 64)} }

func (m *flowMap) get(id uint64) *Attempt {
	mask := uint64(len(m.slots) - 1)
	for i := home(id) & mask; m.slots[i].a != nil; i = (i + 1) & mask {
		if m.slots[i].id == id {
			return m.slots[i].a
		}
	}
	return nil
}

// put adds a flow that is not in the map.
func (m *flowMap) put(id uint64, a *Attempt) {
	if 4*(m.used+1) > 3*len(m.slots) {
		old := m.slots
		m.slots = make([]flowSlot, 2*len(old))
		for _, s := range old {
			if s.a != nil {
				m.place(s)
			}
		}
	}
	m.place(flowSlot{id, a})
	m.used++
}

func (m *flowMap) place(s flowSlot) {
	mask := uint64(len(m.slots) - 1)
	i := home(s.id) & mask
	for m.slots[i].a != nil {
		i = (i + 1) & mask
	}
	m.slots[i] = s
}

// drop removes a flow. Those behind it that would no longer be found move up.
func (m *flowMap) drop(id uint64) {
	mask := uint64(len(m.slots) - 1)
	i := home(id) & mask
	for m.slots[i].id != id || m.slots[i].a == nil {
		if m.slots[i].a == nil {
			return
		}
		i = (i + 1) & mask
	}
	m.used--
	for j := (i + 1) & mask; m.slots[j].a != nil; j = (j + 1) & mask {
		if h := home(m.slots[j].id) & mask; (j-h)&mask >= (j-i)&mask {
			m.slots[i] = m.slots[j]
			i = j
		}
	}
	m.slots[i] = flowSlot{}
}

// home spreads ids that are small numbers, as tests have them.
func home(id uint64) uint64 { return fold(id^0x9e3779b97f4a7c15, 0xa0761d6478bd642f) }
