package pgsql

import (
	"strconv"
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one exchange: what a client asks, and all that the server answers to it.
type Event struct {
	head     event.Head
	Tx       uint64 // its number in the connection, from 0
	Request  Request
	Response Response

	begun  packet.Ref
	kept   int
	synced bool // Extended: its Sync was sent
	shown  bool // rules saw it
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Login tells of a password that anybody between could read, if it was accepted (event.LoginTeller).
func (e *Event) Login() (l event.Login, ok bool) {
	q := &e.Request
	if q.What != Password || !q.clear || !q.secret || q.User == "" || !e.Response.OK {
		return l, false
	}
	return event.Login{User: q.User[:min(len(q.User), event.MaxName)], Method: "cleartext password", Secret: e.begun, Clear: true, Outcome: event.LoginAccepted}, true
}

// size is about how many bytes e takes; it is counted once, at its begin, and again as answers come.
func (e *Event) size() int {
	n := 600 + len(e.Request.Text) + len(e.Request.Mechanism) + len(e.Response.Final) + len(e.Response.Done)
	for _, list := range [...][]Param{e.Request.Params, e.Response.Params, e.Response.Error} {
		for i := range list {
			n += 32 + len(list[i].Name) + len(list[i].Value)
		}
	}
	if e.kept == 0 {
		e.kept = n
	}
	return n
}

// emit tells of the exchange.
func (e *Event) emit(c *analyzer.Context, k event.Kind) {
	if c.Wanted(k) {
		e.head = c.Head(k)
		c.Emit(e)
	}
}

// show lets rules look at one side of the exchange.
func (e *Event) show(c *analyzer.Context, k event.Kind, d packet.Dir, odd []string) {
	if c.Inspected(k) {
		c.Inspect(k, event.Inspection{Dir: d, Tx: e.Tx, Done: true, Parts: &sight{e, d}, Events: odd})
	}
}

// AppendEVE writes a pgsql record in Suricata's shape, without passwords.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "pgsql", packet.ToServer, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.appendObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// object writes the members of a JSON object.
type object struct{ event.Object }

// list writes parameters, each an object of its own.
func (o *object) list(k string, list []Param) {
	if len(list) == 0 {
		return
	}
	o.Key(k)
	for i := range list {
		if i == 0 {
			o.Dst = append(o.Dst, '[', '{')
		} else {
			o.Dst = append(o.Dst, ',', '{')
		}
		o.KeyText(list[i].Name)
		o.Dst = event.AppendJSONString(o.Dst, list[i].Value)
		o.Close('}')
	}
	o.Dst = append(o.Dst, ']')
}

func (e *Event) appendObject(dst []byte) []byte {
	o := object{event.Object{Dst: append(dst, `"pgsql":{`...)}}
	o.Number("tx_id", e.Tx+1)
	if e.Request.What != AskedNothing {
		o.Open("request", '{')
		e.Request.append(&o)
		o.Close('}')
	}
	if e.Response.Some {
		o.Open("response", '{')
		e.Response.append(&o, e.Request.What == SSLRequest)
		o.Close('}')
	}
	o.Close('}')
	return o.Dst
}

func (q *Request) append(o *object) {
	switch q.What {
	case SSLRequest:
		o.Text("message", "SSL Request")
	case GSSENCRequest:
		o.Text("message", "GSSENC Request")
	case CancelRequest:
		o.Text("message", "cancel_request")
		o.Number("process_id", uint64(q.PID))
		o.Number("secret_key", uint64(q.Key))
	case Startup:
		o.Text("protocol_version", strconv.Itoa(int(q.Version>>16))+"."+strconv.Itoa(int(q.Version&0xffff)))
		o.Open("startup_parameters", '{')
		o.Text("user", q.User)
		o.list("optional_parameters", q.Params)
		o.Close('}')
	case Password, Token:
		o.Bool("password_redacted", true)
	case SASLInitial:
		o.Text("sasl_authentication_mechanism", q.Mechanism)
		if q.Text != "" {
			o.Text("sasl_param", q.Text)
		}
	case SASLResponse:
		o.Text("sasl_response", unproven(q.Text))
	case Query:
		o.Text("simple_query", redact(q.Text))
	case CopyIn:
		o.Open("copy_data_in", '{')
		o.Number("msg_count", q.Messages)
		o.Number("data_size", q.Bytes)
		o.Close('}')
	case Terminate:
		o.Text("message", "termination_message")
	}
}

func (r *Response) append(o *object, ssl bool) {
	if ssl && r.SSL != 0 {
		o.Bool("ssl_accepted", r.SSL == 'S')
	} else if r.SSL != 0 {
		o.Text("message", map[bool]string{true: "GSSENC accepted", false: "GSSENC refused"}[r.SSL == 'G'])
	}
	if r.HasFinal {
		o.Text("authentication_sasl_final", unproven(r.Final))
	}
	if r.Auth != "" && r.Error == nil {
		o.Text("message", r.Auth)
	}
	if r.Salt != nil {
		o.Text("authentication_md5_password", string(r.Salt))
	}
	o.list("parameter_status", r.Params)
	if r.HasKey {
		o.Number("process_id", uint64(r.PID))
		o.Number("secret_key", uint64(r.Key))
	}
	if r.HasRows {
		o.Number("field_count", uint64(r.Fields))
	}
	if r.Rows > 0 {
		o.Number("data_rows", r.Rows)
		o.Number("data_size", r.Bytes)
	}
	switch r.Copy {
	case 'G':
		o.Open("copy_in_response", '{')
		o.Number("columns", uint64(r.Columns))
		o.Close('}')
	case 'H':
		o.Open("copy_out_response", '{')
		o.Number("columns", uint64(r.Columns))
		o.Close('}')
	}
	if r.CopyRows > 0 {
		o.Open("copy_data_out", '{')
		o.Number("row_count", r.CopyRows)
		o.Number("data_size", r.CopySize)
		o.Close('}')
	}
	for _, p := range r.Error {
		o.Text(p.Name, p.Value)
	}
	if r.Done != "" {
		o.Text("command_completed", r.Done)
	}
}

// sight is what rules see of one side of an exchange (event.Parts).
type sight struct {
	e *Event
	d packet.Dir
}

// EachBuffer gives the parts of one side.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	if q := &v.e.Request; v.d == packet.ToServer && q.What == Query {
		f("pgsql.query", []byte(q.Text))
	}
}

// AppendAppObject writes what an alert says of the exchange (event.AppObject).
func (v *sight) AppendAppObject(dst []byte) []byte { return v.e.appendObject(dst) }

// unproven is a text of SCRAM without its proof or signature (RFC 5802 7): the server tells its salt to whoever asks, and with that
// passwords can be tried against them.
func unproven(text string) string {
	for _, name := range []string{"p=", "v="} {
		if i := strings.Index(","+text, ","+name); i >= 0 {
			return text[:i+len(name)] + "(hidden)"
		}
	}
	return text
}
