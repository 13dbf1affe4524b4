package ikefaults_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/esp"
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/ikefaults"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// talk makes messages of one IKE SA by hand.
type talk struct {
	b       *detecttest.Bench
	spi     uint64
	a, z    string // initiator, responder
	flow    uint64
	port    uint16
	version uint8
}

func (k *talk) send(at float64, fromInit bool, exchange uint8, m ike.Message) *ike.Event {
	ref := k.b.Ref(0, at)
	h := event.Head{Kind: 40, FlowID: k.flow + uint64(k.port), Proto: packet.ProtoUDP, Seen: ref,
		Client: event.End{Addr: packet.MustAddr(k.a), Port: k.port}, Server: event.End{Addr: packet.MustAddr(k.z), Port: k.port}}
	m.Major, m.InitSPI, m.Exchange = k.version, k.spi, exchange
	dir := packet.ToServer
	if !fromInit {
		dir, m.RespSPI = packet.ToClient, 9
		if k.version == 2 {
			m.Flags |= 0x20
		}
	} else if k.version == 2 {
		m.Flags |= 0x08
	}
	e := ike.New(h, dir, m)
	e.Marked = k.port == ike.PortNATT
	k.b.Send(e)
	return e
}

// again sends a message once more.
func (k *talk) again(e *ike.Event, at float64) {
	x := *e
	ref := k.b.Ref(0, at)
	*x.Head() = *e.Head()
	x.Head().Seen = ref
	x.Before, x.First = e.Before+1, e.First
	*e = x
	k.b.Send(&x)
}

func begin(t *testing.T, version uint8) *talk {
	return &talk{b: detecttest.NewBench(t, nil, ikefaults.Def), spi: 77, a: "10.0.0.1", z: "10.0.0.2", flow: 1000, port: 500, version: version}
}

func offer(n uint32) []ike.Transform {
	return []ike.Transform{{Proposal: 1, Proto: 1, Type: ike.TypeEncr, ID: 12, KeyBits: 128}, {Proposal: 1, Proto: 1, Type: ike.TypeInteg, ID: 12},
		{Proposal: 1, Proto: 1, Type: ike.TypePRF, ID: 5}, {Proposal: 1, Proto: 1, Type: ike.TypeDH, ID: n}}
}

func notify(n uint16, value uint16) ike.Message {
	m := ike.Message{NNotify: 1}
	m.Notifies[0] = ike.Notify{Type: n, Value: value}
	m.Length = 38
	return m
}

// only expects one finding of the code, or none for "".
func only(t *testing.T, fs []*finding.Finding, code string, c finding.Confidence) *finding.Finding {
	t.Helper()
	if code == "" {
		for _, f := range fs {
			t.Errorf("unexpected: %s", detecttest.Text(f))
		}
		return nil
	}
	if len(fs) != 1 || fs[0].Code.ID != code || fs[0].Confidence != c {
		for _, f := range fs {
			t.Log(detecttest.Text(f))
		}
		t.Fatalf("%d findings, want %s %s", len(fs), code, c)
	}
	return fs[0]
}

func TestSecondTryIsNotSilence(t *testing.T) {
	k := begin(t, 2)
	e := k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(14)})
	k.again(e, 1)
	only(t, k.b.End(), "", 0)
	k = begin(t, 2)
	e = k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(14)})
	k.again(e, 1)
	k.again(e, 3)
	only(t, k.b.End(), ikefaults.NoAnswer, finding.Possible)
}

// TestLookingForGateways: who asks many addresses in vain scans; a gateway with a tunnel is none.
func TestLookingForGateways(t *testing.T) {
	for _, c := range []struct {
		addresses int
		tunnel    bool
		findings  int
	}{{6, false, 0}, {5, false, 5}, {8, true, 8}} {
		k := begin(t, 2)
		if c.tunnel {
			k.up(0)
		}
		for i := range c.addresses {
			k.spi, k.z, k.flow = uint64(100+i), fmt.Sprintf("192.0.2.%d", i+1), uint64(5000*i)
			at := float64(10 + 10*i)
			e := k.send(at, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(14)})
			k.again(e, at+1)
			k.again(e, at+3)
		}
		if fs := k.b.End(); len(fs) != c.findings {
			t.Errorf("%d silent addresses, tunnel %v: %d findings, want %d", c.addresses, c.tunnel, len(fs), c.findings)
		}
	}
}

// TestGroup: INVALID_KE_PAYLOAD is how IKEv2 finds the group; it is a fault when the initiator does not take it.
func TestGroup(t *testing.T) {
	for _, c := range []struct {
		name, code string
		then       func(k *talk)
	}{
		{"taken", "", func(k *talk) {
			k.send(0.2, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 500}, KEGroup: 19, Transforms: offer(19)})
		}},
		{"taken in a new SA", "", func(k *talk) {
			k.spi++
			k.send(0.2, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 500}, KEGroup: 19, Transforms: offer(19)})
		}},
		{"not taken", ikefaults.ProposalMismatch, func(k *talk) {}},
		{"another one", ikefaults.ProposalMismatch, func(k *talk) {
			k.send(0.2, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 501}, KEGroup: 20, KELen: 96, Transforms: offer(20)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := begin(t, 2)
			k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, KEGroup: 14, Transforms: offer(14)})
			k.send(0.1, false, ike.SAInit, notify(ike.InvalidKEPayload, 19))
			c.then(k)
			if f := only(t, k.b.End(), c.code, finding.Certain); f != nil {
				detecttest.Says(t, f, "wants the Diffie-Hellman group ecp256", "ike=aes128-sha2_256;dh19")
			}
		})
	}
}

func TestVersion(t *testing.T) {
	k := begin(t, 2)
	k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(14)})
	k.send(0.1, false, ike.SAInit, notify(ike.InvalidMajorVersion, 0))
	f := only(t, k.b.End(), ikefaults.ProposalMismatch, finding.Certain)
	detecttest.Says(t, f, "does not speak the version of IKE", "run: swanctl.conf version = 1", "run: ipsec.conf ikev2=no")
}

// up brings a version 2 tunnel up.
func (k *talk) up(at float64) {
	k.send(at, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, KEGroup: 14, Transforms: offer(14)})
	k.send(at+.01, false, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, KEGroup: 14, Transforms: offer(14)})
	k.send(at+.02, true, ike.Auth, ike.Message{Encrypted: true, Header: ike.Header{MessageID: 1, Length: 256}})
	k.send(at+.03, false, ike.Auth, ike.Message{Encrypted: true, Header: ike.Header{MessageID: 1, Length: 224}})
}

// TestFallback: a gateway that tries one suite, is refused and gets through with the next is healthy.
func TestFallback(t *testing.T) {
	k := begin(t, 2)
	k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(14)})
	k.send(0.1, false, ike.SAInit, notify(ike.NoProposalChosen, 0))
	k.spi++
	k.up(1)
	only(t, k.b.End(), "", 0)
	// an hour later it is another story: what was accepted then stands beside what is offered now
	k = begin(t, 2)
	k.up(0)
	k.spi++
	k.send(3600, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(19)})
	k.send(3600.1, false, ike.SAInit, notify(ike.NoProposalChosen, 0))
	f := only(t, k.b.End(), ikefaults.ProposalMismatch, finding.Certain)
	detecttest.Says(t, f, "accepted between the two at 0.01 s (IKEv2): aes128-sha256-modp2048", "offered by 10.0.0.1 (IKEv2): aes128-sha256-ecp256")
}

// TestCollision: both sides rekey at once; one of the requests is refused, the other taken.
func TestCollision(t *testing.T) {
	k := begin(t, 2)
	k.up(0)
	child := func(at float64, fromInit, response bool, id, length uint32) {
		m := ike.Message{Encrypted: true, Header: ike.Header{MessageID: id, Length: length}}
		e := k.send(at, fromInit, ike.CreateChildSA, m)
		if !response {
			e.Flags &^= 0x20
		}
	}
	// send marks what the responder sends as a response: requests of its own are made by hand
	req := func(at float64, fromInit bool, id uint32) {
		ref := k.b.Ref(0, at)
		h := event.Head{Kind: 40, FlowID: 1500, Proto: packet.ProtoUDP, Seen: ref, Client: event.End{Addr: packet.MustAddr(k.a), Port: 500}, Server: event.End{Addr: packet.MustAddr(k.z), Port: 500}}
		dir := packet.ToServer
		if !fromInit {
			dir = packet.ToClient
		}
		k.b.Send(ike.New(h, dir, ike.Message{Encrypted: true, Header: ike.Header{Major: 2, InitSPI: k.spi, RespSPI: 9, Exchange: ike.CreateChildSA, MessageID: id, Length: 480}}))
	}
	req(60, true, 2)
	req(60.01, false, 0)
	child(60.02, false, true, 2, 80)
	ref := k.b.Ref(0, 60.03)
	h := event.Head{Kind: 40, FlowID: 1500, Proto: packet.ProtoUDP, Seen: ref, Client: event.End{Addr: packet.MustAddr(k.a), Port: 500}, Server: event.End{Addr: packet.MustAddr(k.z), Port: 500}}
	k.b.Send(ike.New(h, packet.ToServer, ike.Message{Encrypted: true, Header: ike.Header{Major: 2, InitSPI: k.spi, RespSPI: 9, Exchange: ike.CreateChildSA, MessageID: 0, Flags: 0x28, Length: 480}}))
	only(t, k.b.End(), "", 0)
}

// TestVersion1Silence: the fifth message without an answer, on port 500 and after the move.
func TestVersion1Silence(t *testing.T) {
	for _, c := range []struct {
		port uint16
		code string
		conf finding.Confidence
	}{{500, ikefaults.PSKMismatch, finding.Likely}, {4500, ikefaults.NATTBlocked, finding.Possible}} {
		k := begin(t, 1)
		psk := []ike.Transform{{Proposal: 1, Num: 1, Type: ike.TypeEncr, ID: 7, KeyBits: 128}, {Proposal: 1, Num: 1, Type: ike.TypeAuth, ID: 1}, {Proposal: 1, Num: 1, Type: ike.TypeDH, ID: 14}}
		k.send(0, true, ike.MainMode, ike.Message{Header: ike.Header{Length: 180}, Transforms: psk})
		k.send(0.01, false, ike.MainMode, ike.Message{Header: ike.Header{Length: 160}, Transforms: psk})
		k.send(0.02, true, ike.MainMode, ike.Message{Header: ike.Header{Length: 396, RespSPI: 9}})
		k.send(0.03, false, ike.MainMode, ike.Message{Header: ike.Header{Length: 396}})
		k.port = c.port
		e := k.send(0.04, true, ike.MainMode, ike.Message{Encrypted: true, Header: ike.Header{Length: 108, RespSPI: 9}})
		k.again(e, 1)
		k.again(e, 3)
		f := only(t, k.b.End(), c.code, c.conf)
		if c.code == ikefaults.PSKMismatch {
			detecttest.Says(t, f, "10.0.0.2 says nothing to the proof of 10.0.0.1", "the two agreed on a pre-shared key as method")
		}
	}
}

// TestQuickModeSilence: no answer to quick mode may be a refusal, and may be a responder that fails inside.
func TestQuickModeSilence(t *testing.T) {
	for _, told := range []bool{false, true} {
		k := begin(t, 1)
		psk := []ike.Transform{{Proposal: 1, Num: 1, Type: ike.TypeEncr, ID: 7, KeyBits: 128}, {Proposal: 1, Num: 1, Type: ike.TypeAuth, ID: 1}, {Proposal: 1, Num: 1, Type: ike.TypeDH, ID: 14}}
		k.send(0, true, ike.MainMode, ike.Message{Header: ike.Header{Length: 180}, Transforms: psk})
		k.send(0.01, false, ike.MainMode, ike.Message{Header: ike.Header{Length: 160}, Transforms: psk})
		k.send(0.04, true, ike.MainMode, ike.Message{Encrypted: true, Header: ike.Header{Length: 108, RespSPI: 9}})
		k.send(0.05, false, ike.MainMode, ike.Message{Encrypted: true, Header: ike.Header{Length: 92, RespSPI: 9}})
		e := k.send(0.06, true, ike.QuickMode, ike.Message{Encrypted: true, Header: ike.Header{MessageID: 5, Length: 460, RespSPI: 9}})
		c := finding.Possible
		if told {
			k.send(0.07, false, ike.Informational1, ike.Message{Encrypted: true, Header: ike.Header{MessageID: 6, Length: 92, RespSPI: 9}})
			c = finding.Likely
		}
		k.again(e, 1)
		k.again(e, 3)
		f := only(t, k.b.End(), ikefaults.Phase2Refused, c)
		detecttest.Says(t, f, "it is long enough to carry a key exchange", "the first message of quick mode (460 bytes) sent 3 times")
	}
}

// TestHostileIdentity: a name from a packet reaches no line to paste.
func TestHostileIdentity(t *testing.T) {
	k := begin(t, 1)
	id := "x; rm -rf /\x1b[2J"
	k.send(0, true, ike.AggressiveMode, ike.Message{Header: ike.Header{Length: 400}, ID: ike.Identity{Type: 2, Text: ike.Span{Len: uint16(len(id))}}, Text: []byte(id)})
	m := notify(ike.InvalidIDInformation, 0)
	k.send(0.1, false, ike.Informational1, m)
	f := only(t, k.b.End(), ikefaults.IDMismatch, finding.Certain)
	detecttest.SaysNot(t, f, "\x1b")
	for _, s := range f.Remedy {
		for _, c := range s.Run {
			if c.Line != "id = NAME" && c.Line != "rightid=@NAME" && c.Line != "leftid=@NAME" && c.Line != "firestorm lint ipsec /etc" && c.On != "SonicWall" {
				t.Errorf("line to paste: %q", c.Line)
			}
		}
	}
}

// TestManySteps: an SA that lives for years keeps its begin and its latest messages.
func TestManySteps(t *testing.T) {
	k := begin(t, 2)
	k.up(0)
	for i := range 500 {
		k.send(float64(10+i), true, ike.Informational2, ike.Message{Encrypted: true, Header: ike.Header{MessageID: uint32(i + 2), Length: 80}})
	}
	only(t, k.b.End(), "", 0)
}

// TestBeginUnseen: an exchange that began before the capture is not judged.
func TestBeginUnseen(t *testing.T) {
	k := begin(t, 2)
	k.send(0, true, ike.Auth, ike.Message{Encrypted: true, Header: ike.Header{RespSPI: 9, MessageID: 1, Length: 256}})
	k.send(.1, false, ike.Auth, ike.Message{Encrypted: true, Header: ike.Header{MessageID: 1, Length: 80}})
	only(t, k.b.End(), "", 0)
}

// TestShortAndYetUp: whatever the length says, ESP that follows says that the tunnel came up.
func TestShortAndYetUp(t *testing.T) {
	for _, up := range []bool{false, true} {
		k := begin(t, 2)
		k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, KEGroup: 14, Transforms: offer(14)})
		k.send(.1, false, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, KEGroup: 14, Transforms: offer(14)})
		k.send(.2, true, ike.Auth, ike.Message{Encrypted: true, Header: ike.Header{RespSPI: 9, MessageID: 1, Length: 256}})
		k.send(.3, false, ike.Auth, ike.Message{Encrypted: true, Header: ike.Header{MessageID: 1, Length: 128}})
		if !up {
			only(t, k.b.End(), ikefaults.Phase2Refused, finding.Likely)
			continue
		}
		ref := k.b.Ref(0, .4)
		f := esp.Facts{SPI: 7, From: packet.MustAddr(k.a), To: packet.MustAddr(k.z), Packets: 1, First: ref, Last: ref}
		k.b.Send(esp.New(event.Head{Kind: 41, Proto: packet.ProtoESP, Seen: ref, Client: event.End{Addr: f.From}, Server: event.End{Addr: f.To}}, esp.Started, f))
		only(t, k.b.End(), "", 0)
	}
}

// TestStrangerWithTheSPI: who sends with another's SPI from elsewhere answers nothing and refuses nothing.
func TestStrangerWithTheSPI(t *testing.T) {
	k := begin(t, 2)
	e := k.send(0, true, ike.SAInit, ike.Message{Header: ike.Header{Length: 400}, Transforms: offer(14)})
	x := *k
	x.z, x.flow = "203.0.113.5", 9000
	x.send(0.5, false, ike.SAInit, notify(ike.NoProposalChosen, 0))
	k.again(e, 1)
	k.again(e, 3)
	only(t, k.b.End(), ikefaults.NoAnswer, finding.Possible)
}
