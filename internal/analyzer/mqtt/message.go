package mqtt

import (
	"encoding/binary"
	"strings"
)

// Type is the type of a control packet (MQTT 5.0 2.1.2).
type Type uint8

// Types of control packets. The first is not assigned.
const (
	Unassigned Type = iota
	Connect
	ConnAck
	Publish
	PubAck
	PubRec
	PubRel
	PubComp
	Subscribe
	SubAck
	Unsubscribe
	UnsubAck
	PingReq
	PingResp
	Disconnect
	Auth
)

var typeNames = [16]string{"unassigned", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe", "unsuback", "pingreq",
	"pingresp", "disconnect", "auth"}

// String is the type's name in lower case.
func (t Type) String() string { return typeNames[t&15] }

// Protocol versions as CONNECT has them (MQTT 3.1 3.1, 3.1.1 3.1.2.2, 5.0 3.1.2.2).
const (
	Version31  = 3
	Version311 = 4
	Version5   = 5
)

// Flags of CONNECT (MQTT 5.0 3.1.2.3).
const (
	FlagCleanSession = 0x02
	FlagWill         = 0x04
	FlagWillRetain   = 0x20
	FlagPassword     = 0x40
	FlagUsername     = 0x80
)

// header is the fixed header (MQTT 5.0 2.1): type and flags, and how long the rest is.
type header struct {
	first     byte
	size      int // of the header itself
	remaining int
}

// parseHeader reads a fixed header. More bytes are needed where ok holds and size is 0.
func parseHeader(b []byte) (h header, ok bool) {
	for i := 1; i < len(b); i++ {
		h.remaining |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i]&0x80 == 0 {
			h.first, h.size = b[0], i+1
			return h, true
		}
		if i == 4 { // a Variable Byte Integer has four at most (MQTT 5.0 1.5.5)
			return header{}, false
		}
	}
	return header{}, true
}

// Message is one control packet. Texts are as they came; all bytes lie in what was parsed until own copies them.
type Message struct {
	Type    Type
	Flags   uint8 // the four bits beside the type
	Skipped int   // of a message longer than what is read: its length with the header; nothing else of it is known

	ID        uint16 // Packet Identifier; valid with HasID
	HasID     bool
	Reason    uint8 // reason or return code; valid with HasReason
	HasReason bool

	SessionPresent bool // of CONNACK

	// Of CONNECT. What its flags do not announce is nil.
	Protocol               []byte
	Version, ConnectFlags  uint8
	ClientID               []byte
	WillTopic, WillMessage []byte
	Username, Password     []byte

	Topic   []byte  // of PUBLISH
	Payload []byte  // of PUBLISH
	Length  int     // of Payload as it was sent
	Topics  []Topic // of SUBSCRIBE and UNSUBSCRIBE
	Codes   []byte  // reason codes of SUBACK and UNSUBACK, one for each topic; nil: the version has none

	Properties, WillProperties []Property // MQTT 5.0 2.2.2
}

// Topic is what is subscribed to. The maximum QoS is 0 to 2, and 0 in UNSUBSCRIBE.
type Topic struct {
	Name []byte
	QoS  uint8
}

// Property is one of MQTT 5.0 2.2.2.2: a number, or a text, and a name before it where it is a User Property.
type Property struct {
	ID     uint8
	Number uint32
	Name   []byte
	Text   []byte
}

// QoS is the quality of service of the fixed header, 0 to 3; 3 is not allowed.
func (m *Message) QoS() uint8 { return m.Flags >> 1 & 3 }

// Retain is the RETAIN flag of the fixed header.
func (m *Message) Retain() bool { return m.Flags&1 != 0 }

// Dup is the DUP flag of the fixed header.
func (m *Message) Dup() bool { return m.Flags&8 != 0 }

const (
	maxTopics     = 1024 // of one message; what follows is not kept
	maxProperties = 64   // of one message; what follows is not kept
)

// cursor reads a message; bad: it was shorter than it said.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) byte() uint8 {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if v := c.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

// text is a string or binary data, both with two bytes of length (MQTT 5.0 1.5.4, 1.5.6).
func (c *cursor) text() []byte { return c.take(int(c.uint16())) }

// varint is a Variable Byte Integer (MQTT 5.0 1.5.5).
func (c *cursor) varint() int {
	h, ok := parseHeader(append([]byte{0}, c.b[:min(len(c.b), 4)]...))
	if !ok || h.size == 0 {
		c.bad = true
		return 0
	}
	c.take(h.size - 1)
	return h.remaining
}

// propertyKinds are the forms of properties, by number (MQTT 5.0 2.2.2.2): '1', '2' and '4' are bytes of a number, 'v' is one of
// variable length, 's' a text, 'p' a pair of them.
var propertyKinds = [43]byte{1: '1', 2: '4', 3: 's', 8: 's', 9: 's', 11: 'v', 17: '4', 18: 's', 19: '2', 21: 's', 22: 's', 23: '1', 24: '4', 25: '1', 26: 's', 28: 's',
	31: 's', 33: '2', 34: '2', 35: '2', 36: '1', 37: '1', 38: 'p', 39: '4', 40: '1', 41: '1', 42: '1'}

// properties reads a list of properties.
func (c *cursor) properties() (list []Property) {
	in := cursor{b: c.take(c.varint())}
	for len(in.b) > 0 && !c.bad && !in.bad {
		p := Property{ID: in.byte()}
		kind := byte(0)
		if int(p.ID) < len(propertyKinds) {
			kind = propertyKinds[p.ID]
		}
		switch kind {
		case '1':
			p.Number = uint32(in.byte())
		case '2':
			p.Number = uint32(in.uint16())
		case '4':
			if v := in.take(4); v != nil {
				p.Number = binary.BigEndian.Uint32(v)
			}
		case 'v':
			p.Number = uint32(in.varint())
		case 'p':
			p.Name = in.text()
			p.Text = in.text()
		case 's':
			p.Text = in.text()
		default:
			in.bad = true
		}
		if len(list) < maxProperties {
			list = append(list, p)
		}
	}
	c.bad = c.bad || in.bad
	return list
}

// Parse reads the control packet that fills b behind its fixed header, as the version of the connection has it; 0: it is not
// known. False: it is not what its type has to be. The bytes of b are lent to m.
func (m *Message) Parse(first byte, version uint8, b []byte) bool {
	*m = Message{Type: Type(first >> 4), Flags: first & 15}
	c := cursor{b: b}
	v5 := version >= Version5
	props := func() {
		if v5 && !c.bad {
			m.Properties = c.properties()
		}
	}
	id := func() { m.ID, m.HasID = c.uint16(), true }
	switch m.Type {
	case Connect:
		m.connect(&c)
	case ConnAck:
		m.SessionPresent = c.byte()&1 != 0
		m.Reason, m.HasReason = c.byte(), true
		props()
	case Publish:
		m.Topic = c.text()
		if m.QoS() > 0 {
			id()
		}
		props()
		m.Payload, m.Length = c.b, len(c.b)
	case PubAck, PubRec, PubRel, PubComp:
		id()
		if v5 { // without a code it is 0 (MQTT 5.0 3.4.2.1)
			m.HasReason = true
			if len(c.b) > 0 {
				m.Reason = c.byte()
			}
			if len(c.b) > 0 {
				props()
			}
		}
	case Subscribe, Unsubscribe:
		id()
		props()
		for len(c.b) > 0 && !c.bad {
			t := Topic{Name: c.text()}
			if m.Type == Subscribe {
				t.QoS = c.byte() & 3
			}
			if len(m.Topics) < maxTopics {
				m.Topics = append(m.Topics, t)
			}
		}
	case SubAck:
		id()
		props()
		m.Codes = c.b
	case UnsubAck:
		id()
		if v5 {
			props()
			m.Codes = c.b
		}
	case Disconnect, Auth:
		if v5 || m.Type == Auth {
			m.HasReason = true
			if len(c.b) > 0 {
				m.Reason = c.byte()
			}
			if len(c.b) > 0 && !c.bad {
				m.Properties = c.properties()
			}
		}
	}
	return !c.bad
}

// connect reads CONNECT (MQTT 5.0 3.1).
func (m *Message) connect(c *cursor) {
	m.Protocol = c.text()
	m.Version, m.ConnectFlags = c.byte(), c.byte()
	c.uint16() // Keep Alive
	if m.Version >= Version5 && !c.bad {
		m.Properties = c.properties()
	}
	m.ClientID = c.text()
	if m.ConnectFlags&FlagWill != 0 {
		if m.Version >= Version5 && !c.bad {
			m.WillProperties = c.properties()
		}
		m.WillTopic, m.WillMessage = c.text(), c.text()
	}
	if m.ConnectFlags&FlagUsername != 0 {
		m.Username = c.text()
	}
	if m.ConnectFlags&FlagPassword != 0 {
		m.Password = c.text()
	}
}

// each calls f for every text of the message.
func (m *Message) each(f func(b *[]byte)) {
	for _, b := range []*[]byte{&m.Protocol, &m.ClientID, &m.WillTopic, &m.WillMessage, &m.Username, &m.Password, &m.Topic, &m.Payload, &m.Codes} {
		f(b)
	}
	for i := range m.Topics {
		f(&m.Topics[i].Name)
	}
	for _, list := range [][]Property{m.Properties, m.WillProperties} {
		for i := range list {
			f(&list[i].Name)
			f(&list[i].Text)
		}
	}
}

// own gives the message bytes of its own, of its payload the first most.
func (m *Message) own(most int) {
	m.Payload = m.Payload[:min(len(m.Payload), most)]
	n := 0
	m.each(func(b *[]byte) { n += len(*b) })
	all := make([]byte, 0, n)
	m.each(func(b *[]byte) {
		if *b != nil {
			from := len(all)
			all = append(all, *b...)
			*b = all[from:len(all):len(all)]
		}
	})
}

// weight is about how many bytes the message keeps.
func (m *Message) weight() int {
	n := 256 + 32*len(m.Topics) + 64*(len(m.Properties)+len(m.WillProperties))
	m.each(func(b *[]byte) { n += len(*b) })
	return n
}

// protocolNames are what CONNECT begins with behind its fixed header (MQTT 3.1 3.1, 5.0 3.1.2.1).
var protocolNames = []string{"\x00\x04MQTT", "\x00\x06MQIsdp"}

// probeName looks for the name of the protocol at the begin of a CONNECT.
func probeName(b []byte) (found, more bool) {
	for _, name := range protocolNames {
		n := min(len(b), len(name))
		if strings.HasPrefix(name, string(b[:n])) {
			return n == len(name), n < len(name)
		}
	}
	return false, false
}
