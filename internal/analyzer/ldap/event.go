package ldap

import (
	"encoding/binary"
	"strconv"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one exchange: a request with its responses. Either may be missing: a server speaks unasked, a client leaves without
// a word, a capture begins late.
type Event struct {
	head       event.Head
	Tx         uint64 // its number in the flow, from 0
	Request    Message
	HasRequest bool
	Responses  []Message // the first ones, and the last
	Count      uint32    // how many there were

	begun     packet.Ref
	bytes     int
	abandoned bool
}

// id is the message ID of the exchange.
func (e *Event) id() uint32 {
	if !e.HasRequest && len(e.Responses) > 0 {
		return e.Responses[0].ID
	}
	return e.Request.ID
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Login tells of a bind with a name and a password that anybody between could read, if it was accepted (event.LoginTeller).
func (e *Event) Login() (l event.Login, ok bool) {
	q := &e.Request
	if !e.HasRequest || q.Op != BindRequest || !q.Simple || !q.Secret || q.DN == "" || len(e.Responses) == 0 {
		return l, false
	}
	if r := &e.Responses[len(e.Responses)-1]; r.Op != BindResponse || r.Code != 0 {
		return l, false
	}
	return event.Login{User: q.DN[:min(len(q.DN), event.MaxName)], Method: "simple bind", Secret: e.begun, Clear: true, Outcome: event.LoginAccepted}, true
}

// emit tells of the exchange.
func (e *Event) emit(c *analyzer.Context, k event.Kind) {
	if c.Wanted(k) {
		e.head = c.Head(k)
		c.Emit(e)
	}
}

// show lets rules look at one side of the exchange.
func (e *Event) show(c *analyzer.Context, k event.Kind, d packet.Dir, done bool, odd []string) {
	if c.Inspected(k) {
		c.Inspect(k, event.Inspection{Dir: d, Tx: e.Tx, Done: done, Parts: &sight{e, d}, Events: odd})
	}
}

// AppendEVE writes an ldap record in Suricata's shape, without what proves who somebody is.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "ldap", packet.ToServer, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.appendObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// object writes the members of a JSON object.
type object struct{ event.Object }

func (e *Event) appendObject(dst []byte) []byte {
	o := object{event.Object{Dst: append(dst, `"ldap":{`...)}}
	if e.HasRequest {
		o.Open("request", '{')
		o.Number("message_id", uint64(e.Request.ID))
		o.Text("operation", e.Request.Op.String())
		e.Request.appendRequest(&o)
		o.Close('}')
	}
	if len(e.Responses) > 0 {
		o.Open("responses", '[')
		for i := range e.Responses {
			r := &e.Responses[i]
			o.Item('{')
			o.Text("operation", r.Op.String())
			if !e.HasRequest {
				o.Number("message_id", uint64(r.ID))
			}
			r.appendResponse(&o)
			o.Close('}')
		}
		o.Close(']')
	}
	o.Close('}')
	return o.Dst
}

// appendRequest writes what a request asks for.
func (m *Message) appendRequest(o *object) {
	if m.Op == UnbindRequest {
		return
	}
	o.Open(m.Op.String(), '{')
	switch m.Op {
	case BindRequest:
		o.Number("version", uint64(m.Version))
		o.Text("name", m.DN)
		if m.Mechanism != "" {
			o.Open("sasl", '{')
			o.Text("mechanism", m.Mechanism)
			o.Close('}')
		}
	case SearchRequest:
		o.Text("base_object", m.DN)
		o.Number("scope", uint64(m.Scope))
		o.Number("deref_alias", uint64(m.Deref))
		o.Number("size_limit", uint64(m.SizeLimit))
		o.Number("time_limit", uint64(m.TimeLimit))
		o.Bool("types_only", m.TypesOnly)
		if len(m.Attributes) > 0 {
			o.Open("attributes", '[')
			for i := range m.Attributes {
				o.Item(0)
				o.Dst = event.AppendJSONString(o.Dst, m.Attributes[i].Type)
			}
			o.Close(']')
		}
	case ModifyRequest:
		o.Text("object", m.DN)
		o.list("changes", m.Attributes, func(a *Attribute) {
			o.Text("operation", changeName(a.Change))
			o.Open("modification", '{')
			o.Text("attribute_type", a.Type)
			o.Texts("attribute_values", a.Values)
			o.Close('}')
		})
	case AddRequest:
		o.Text("entry", m.DN)
		o.list("attributes", m.Attributes, func(a *Attribute) {
			o.Text("name", a.Type)
			o.Texts("values", a.Values)
		})
	case DelRequest:
		o.Text("dn", m.DN)
	case ModDNRequest:
		o.Text("entry", m.DN)
		o.Text("new_rdn", m.NewRDN)
		o.Bool("delete_old_rdn", m.DeleteOld)
		if m.HasSuperior {
			o.Text("new_superior", m.NewSuperior)
		}
	case CompareRequest:
		o.Text("entry", m.DN)
		for i := range m.Attributes {
			a := &m.Attributes[i]
			o.Open("attribute_value_assertion", '{')
			o.Text("description", a.Type)
			if len(a.Values) > 0 {
				o.Text("value", a.Values[0])
			}
			o.Close('}')
		}
	case AbandonRequest:
		o.Number("message_id", uint64(m.Abandoned))
	case ExtendedRequest:
		m.appendExtension(o)
	}
	o.Close('}')
}

func (o *object) list(k string, list []Attribute, each func(*Attribute)) {
	if len(list) == 0 {
		return
	}
	o.Open(k, '[')
	for i := range list {
		o.Item('{')
		each(&list[i])
		o.Close('}')
	}
	o.Close(']')
}

func (m *Message) appendExtension(o *object) {
	if m.HasName {
		o.Text("name", m.Name)
	}
	if m.HasValue {
		o.Text("value", m.Value)
	}
}

func changeName(n uint8) string {
	if names := [...]string{"add", "delete", "replace", "increment"}; int(n) < len(names) {
		return names[n]
	}
	return strconv.Itoa(int(n))
}

// appendResponse writes what a response says.
func (m *Message) appendResponse(o *object) {
	if m.Op == SearchResultRef {
		return
	}
	o.Open(m.Op.String(), '{')
	switch {
	case m.Op == SearchResultEntry:
		o.Text("base_object", m.DN)
		o.list("attributes", m.Attributes, func(a *Attribute) {
			o.Text("type", a.Type)
			o.Texts("values", a.Values)
		})
	case m.Op == IntermediateResponse:
		m.appendExtension(o)
	default:
		o.Text("result_code", CodeName(m.Code))
		o.Text("matched_dn", m.DN)
		o.Text("message", m.Text)
		m.appendExtension(o)
	}
	o.Close('}')
}

// sight is what rules see of one side of an exchange (event.Parts).
type sight struct {
	e *Event
	d packet.Dir
}

// EachBuffer gives the parts of one side.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	e := v.e
	if v.d == packet.ToServer {
		if !e.HasRequest {
			return
		}
		m := &e.Request
		f("ldap.request.operation", []byte{byte(m.Op)})
		switch m.Op {
		case UnbindRequest, AbandonRequest, ExtendedRequest:
		default:
			f("ldap.request.dn", []byte(m.DN))
		}
		for i := range m.Attributes {
			f("ldap.request.attribute_type", []byte(m.Attributes[i].Type))
		}
		return
	}
	f("ldap.responses.count", binary.BigEndian.AppendUint32(nil, e.Count))
	var ops, codes []byte
	for i := range e.Responses {
		m := &e.Responses[i]
		ops = append(ops, 0, 0, 0, byte(m.Op))
		code := m.Code
		if !m.Op.hasResult() {
			code = 0xffffffff // none; it keeps the others at their places
		}
		codes = binary.BigEndian.AppendUint32(codes, code)
		f("ldap.responses.dn", []byte(m.DN))
		f("ldap.responses.message", []byte(m.Text))
		for k := range m.Attributes {
			f("ldap.responses.attribute_type", []byte(m.Attributes[k].Type))
		}
	}
	f("ldap.responses.operation", ops)
	f("ldap.responses.result_code", codes)
}

// AppendAppObject writes what an alert says of the exchange (event.AppObject).
func (v *sight) AppendAppObject(dst []byte) []byte { return v.e.appendObject(dst) }
