package mqtt

import (
	"slices"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one transaction: a message, and those that answer it. Its direction is the first message's.
type Event struct {
	head     event.Head
	Dir      packet.Dir
	Tx       uint64 // its number in the connection, from 0
	Version  uint8  // of the connection; 0: not known
	Messages []*Message

	limit int // bytes of a text in a record
	kept  int
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// AppendEVE writes an mqtt record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "mqtt", e.Dir, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject). Of two messages of one type it has the first.
func (e *Event) AppendAppObject(dst []byte) []byte {
	w := writer{b: append(dst, `"mqtt":{`...), limit: e.limit}
	for i, m := range e.Messages {
		if slices.ContainsFunc(e.Messages[:i], func(o *Message) bool { return o.Type == m.Type }) {
			continue
		}
		w.message(m)
	}
	return append(w.b, '}')
}

// writer writes the object.
type writer struct {
	b     []byte
	limit int
	some  bool // a comma is needed before the next key
}

func (w *writer) key(k string) {
	if w.some {
		w.b = append(w.b, ',')
	}
	w.b = event.AppendJSONString(w.b, k)
	w.b = append(w.b, ':')
	w.some = true
}

func (w *writer) open(k string) { w.key(k); w.b = append(w.b, '{'); w.some = false }
func (w *writer) close()        { w.b = append(w.b, '}'); w.some = true }

func (w *writer) bool(k string, v bool) { w.key(k); w.b = strconv.AppendBool(w.b, v) }

func (w *writer) number(k string, n uint64) { w.key(k); w.b = strconv.AppendUint(w.b, n, 10) }

func (w *writer) text(k string, b []byte) { w.key(k); w.value(b, len(b), w.limit) }

// value writes a text of n bytes of which b has the first, as far as limit allows.
func (w *writer) value(b []byte, n, limit int) {
	if n <= limit {
		w.b = event.AppendJSONString(w.b, string(b))
		return
	}
	s := string(b[:max(limit, 0)]) + "[truncated " + strconv.Itoa(n-max(limit, 0)) + " additional bytes]"
	w.b = event.AppendJSONString(w.b, s)
}

func (w *writer) message(m *Message) {
	w.open(m.Type.String())
	w.number("qos", uint64(m.QoS()))
	w.bool("retain", m.Retain())
	w.bool("dup", m.Dup())
	if m.Skipped > 0 {
		w.bool("truncated", true)
		w.number("skipped_length", uint64(m.Skipped))
		w.close()
		return
	}
	switch m.Type {
	case Connect:
		w.connect(m)
	case ConnAck:
		w.bool("session_present", m.SessionPresent)
		w.number("return_code", uint64(m.Reason))
	case Publish:
		w.text("topic", m.Topic)
		if m.HasID {
			w.number("message_id", uint64(m.ID))
		}
		w.key("message")
		w.value(m.Payload, m.Length, w.limit)
	default:
		if m.HasID {
			w.number("message_id", uint64(m.ID))
		}
		if m.HasReason {
			w.number("reason_code", uint64(m.Reason))
		}
		w.lists(m)
	}
	w.properties(m.Properties)
	w.close()
}

func (w *writer) connect(m *Message) {
	w.text("protocol_string", m.Protocol)
	w.number("protocol_version", uint64(m.Version))
	w.open("flags")
	w.bool("username", m.ConnectFlags&FlagUsername != 0)
	w.bool("password", m.ConnectFlags&FlagPassword != 0)
	w.bool("will_retain", m.ConnectFlags&FlagWillRetain != 0)
	w.bool("will", m.ConnectFlags&FlagWill != 0)
	w.bool("clean_session", m.ConnectFlags&FlagCleanSession != 0)
	w.close()
	w.text("client_id", m.ClientID)
	if m.ConnectFlags&FlagUsername != 0 {
		w.text("username", m.Username)
	}
	if m.ConnectFlags&FlagWill != 0 {
		w.open("will")
		w.text("topic", m.WillTopic)
		w.text("message", m.WillMessage)
		w.properties(m.WillProperties)
		w.close()
	}
}

// lists writes topics and codes. All topics of a message share the limit of a text.
func (w *writer) lists(m *Message) {
	if m.Type == Subscribe || m.Type == Unsubscribe {
		w.key("topics")
		w.b = append(w.b, '[')
		left := w.limit
		for i, t := range m.Topics {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			if m.Type == Subscribe {
				w.b = append(w.b, `{"topic":`...)
			}
			w.value(t.Name, len(t.Name), left)
			if m.Type == Subscribe {
				w.b = strconv.AppendUint(append(w.b, `,"qos":`...), uint64(t.QoS), 10)
				w.b = append(w.b, '}')
			}
			if left -= len(t.Name); left < 0 {
				break
			}
		}
		w.b = append(w.b, ']')
	}
	if m.Type == SubAck || m.Type == UnsubAck && m.Codes != nil {
		w.key("reason_codes")
		if m.Type == SubAck {
			w.b = append(w.b[:len(w.b)-len(`"reason_codes":`)], `"qos_granted":`...)
		}
		w.b = append(w.b, '[')
		for i, code := range m.Codes {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = strconv.AppendUint(w.b, uint64(code), 10)
		}
		w.b = append(w.b, ']')
	}
}

// propertyNames are EVE's names of properties, by number (MQTT 5.0 2.2.2.2).
var propertyNames = [len(propertyKinds)]string{1: "payload_format_indicator", 2: "message_expiry_interval", 3: "content_type", 8: "response_topic", 9: "correlation_data",
	11: "subscription_identifier", 17: "session_expiry_interval", 18: "assigned_client_identifier", 19: "server_keep_alive", 21: "authentication_method",
	propertyAuthentication: "authentication_data", 23: "request_problem_information", 24: "will_delay_interval", 25: "request_response_information", 26: "response_information",
	28: "server_reference", 31: "reason_string", 33: "receive_maximum", 34: "topic_alias_maximum", 35: "topic_alias", 36: "maximum_qos", 37: "retain_available",
	39: "maximum_packet_size", 40: "wildcard_subscription_available", 41: "subscription_identifiers_available", 42: "shared_subscription_available"}

const (
	propertyAuthentication = 22
	propertyUser           = 38
)

// properties writes a list of properties as an object. A name that comes again is written once.
func (w *writer) properties(list []Property) {
	if len(list) == 0 {
		return
	}
	w.open("properties")
	seen := map[string]bool{}
	for i := range list {
		p := &list[i]
		name := propertyNames[p.ID]
		if p.ID == propertyUser {
			name = string(p.Name[:min(len(p.Name), w.limit)])
		}
		if seen[name] || p.ID == propertyAuthentication {
			continue
		}
		seen[name] = true
		switch propertyKinds[p.ID] {
		case 's', 'p':
			w.text(name, p.Text)
		default:
			w.number(name, uint64(p.Number))
		}
	}
	w.close()
}

// parts is what rules see of a transaction (event.Parts, event.AppObject).
type parts struct{ *Event }

// mostTopics is how many topics of a transaction rules are shown, as in Suricata.
const mostTopics = 100

// EachBuffer gives the parts of all messages.
func (v *parts) EachBuffer(f func(name string, b []byte)) {
	text := func(name string, b []byte) {
		if len(b) > 0 {
			f(name, b)
		}
	}
	if v.Version != 0 {
		f("mqtt.protocol_version", []byte{v.Version})
	}
	var topics [16]int
	for _, m := range v.Messages {
		f("mqtt.type", []byte{byte(m.Type)})
		f("mqtt.flags", []byte{m.Flags})
		f("mqtt.qos", []byte{m.QoS()})
		if m.HasReason {
			f("mqtt.reason_code", []byte{m.Reason})
		}
		for i := range m.Codes {
			f("mqtt.reason_code", m.Codes[i:i+1])
		}
		switch {
		case m.Skipped > 0:
		case m.Type == ConnAck:
			present := byte(0)
			if m.SessionPresent {
				present = 1
			}
			f("mqtt.connack.session_present", []byte{present})
		case m.Type == Connect:
			f("mqtt.connect.flags", []byte{m.ConnectFlags})
			text("mqtt.connect.protocol_string", m.Protocol)
			text("mqtt.connect.clientid", m.ClientID)
			text("mqtt.connect.username", m.Username)
			text("mqtt.connect.password", m.Password)
			text("mqtt.connect.willtopic", m.WillTopic)
			text("mqtt.connect.willmessage", m.WillMessage)
		case m.Type == Publish:
			text("mqtt.publish.topic", m.Topic)
			text("mqtt.publish.message", m.Payload)
		case m.Type == Subscribe || m.Type == Unsubscribe:
			for _, t := range m.Topics {
				if topics[m.Type]++; topics[m.Type] <= mostTopics {
					f("mqtt."+m.Type.String()+".topic", t.Name)
				}
			}
		}
	}
}
