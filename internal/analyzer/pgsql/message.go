package pgsql

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Asked is what a client sends.
type Asked uint8

// Requests.
const (
	AskedNothing  Asked = iota // the server speaks by itself
	SSLRequest                 // may TLS begin?
	GSSENCRequest              // may encryption of GSSAPI begin?
	CancelRequest              // stop what another connection runs
	Startup
	Password     // clear or hashed: not kept
	SASLInitial  // SASLInitialResponse
	SASLResponse // of SCRAM
	Token        // of GSSAPI, SSPI and others: not kept
	Query        // simple query
	Extended     // Parse, Bind, Execute and others up to Sync
	CopyIn       // rows for COPY … FROM STDIN
	Terminate
)

// Codes in the place of a version (PostgreSQL's documentation, "Message Formats").
const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSSENC = 80877104
)

// Kinds of Authentication messages.
const (
	authOK        = 0
	authClear     = 3
	authMD5       = 5
	authSASL      = 10
	authSASLGoOn  = 11
	authSASLFinal = 12
)

// authNames are Suricata's words for kinds of Authentication messages.
var authNames = [13]string{0: "authentication_ok", 2: "authentication_kerberos_v5", 3: "authentication_cleartext_password", 6: "authentication_scm_credential",
	7: "authentication_gss", 8: "authentication_gss_continue", 9: "authentication_sspi", 10: "authentication_sasl", 11: "authentication_sasl_continue"}

// Param is a name with its value. Texts are as they came.
type Param struct{ Name, Value string }

// Request is what is kept of what a client asks. No password is among it.
type Request struct {
	What      Asked
	Version   uint32 // Startup: major<<16 | minor
	User      string // of the session
	Params    []Param
	Mechanism string // SASLInitial
	Text      string // Query: the statements; SASLInitial, SASLResponse: SCRAM's text
	PID, Key  uint32 // CancelRequest
	Messages  uint64 // CopyIn: CopyData messages
	Bytes     uint64 // and what is in them
	Cut       bool   // Text is the begin

	clear  bool // Password: it can be read
	secret bool // and is not empty
}

// Response is what is kept of all that a server answers to one request.
type Response struct {
	Some     bool // there was any
	SSL      byte // 'S' or 'N' to an SSLRequest; 0: no such answer
	Auth     string
	OK       bool // AuthenticationOk
	Salt     []byte
	Final    string // SCRAM's last text
	HasFinal bool
	Params   []Param // ParameterStatus
	PID, Key uint32  // BackendKeyData
	HasKey   bool
	Fields   uint16 // columns of the rows
	HasRows  bool   // RowDescription
	Rows     uint64 // DataRow
	Bytes    uint64 // in their values
	Done     string // CommandComplete
	Copy     byte   // 'G', 'H' or 'W': a copy begins; 0: none
	Columns  uint16 // of the copy
	CopyRows uint64 // CopyData
	CopySize uint64
	Error    []Param // of ErrorResponse, else of NoticeResponse; names as in noticeNames
	isError  bool
}

// Bounds of what is kept.
const (
	maxQuery  = 64 << 10 // bytes of a query
	maxText   = 1024     // of any other text
	maxParams = 64
)

// noticeNames are the fields of ErrorResponse and NoticeResponse that are kept, by their code.
func noticeName(code byte) string {
	switch code {
	case 'S':
		return "severity_localizable"
	case 'V':
		return "severity_non_localizable"
	case 'C':
		return "code"
	case 'M':
		return "message"
	case 'F':
		return "file"
	case 'L':
		return "line"
	case 'R':
		return "routine"
	}
	return ""
}

// cstring cuts the text off that ends with a zero byte. False: there is none, or it is cut off.
func cstring(b *[]byte) (s string, ok bool) {
	i := bytes.IndexByte(*b, 0)
	if i < 0 {
		return "", false
	}
	s = string((*b)[:min(i, maxText)])
	*b = (*b)[i+1:]
	return s, true
}

// startup reads a packet without a type, from behind its length. False: it is none.
func (q *Request) startup(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	q.Version = binary.BigEndian.Uint32(b)
	b = b[4:]
	switch q.Version {
	case codeSSL:
		q.What = SSLRequest
		return len(b) == 0
	case codeGSSENC:
		q.What = GSSENCRequest
		return len(b) == 0
	case codeCancel:
		q.What = CancelRequest
		if len(b) < 8 {
			return false
		}
		q.PID, q.Key = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		return true
	}
	if q.Version>>16 != 3 {
		return false
	}
	q.What = Startup
	for len(b) > 0 && b[0] != 0 {
		name, ok := cstring(&b)
		value, ok2 := cstring(&b)
		if !ok || !ok2 {
			return false
		}
		switch {
		case name == "user":
			q.User = value
		case len(q.Params) < maxParams:
			q.Params = append(q.Params, Param{snake(name), value})
		}
	}
	return len(b) == 1
}

// snake writes a parameter's name as EVE has it: DateStyle is date_style.
func snake(s string) string {
	if strings.ToLower(s) == s {
		return s
	}
	var out []byte
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 && s[i-1] >= 'a' && s[i-1] <= 'z' {
				out = append(out, '_')
			}
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}

// mechanismName is Suricata's word for a mechanism of SASL.
func mechanismName(s string) string {
	switch s {
	case "SCRAM-SHA-256":
		return "scram_SHA256"
	case "SCRAM-SHA-256-PLUS":
		return "scram_SHA256_plus"
	}
	return s
}

// sasl reads a SASLInitialResponse.
func (q *Request) sasl(b []byte) bool {
	m, ok := cstring(&b)
	if !ok || len(b) < 4 {
		return false
	}
	q.What, q.Mechanism = SASLInitial, mechanismName(m)
	if strings.HasPrefix(m, "SCRAM-") { // of others it is not known what it proves
		q.Text = string(b[4:][:min(len(b)-4, maxText)])
	}
	return true
}

// notice reads the fields of an error or a notice. An error's stand above a notice's.
func (r *Response) notice(b []byte, isError bool) bool {
	if r.Error != nil && (r.isError || !isError) {
		return true
	}
	r.Error, r.isError = nil, isError
	for len(b) > 0 && b[0] != 0 {
		code := b[0]
		b = b[1:]
		v, ok := cstring(&b)
		if !ok {
			return false
		}
		if n := noticeName(code); n != "" && len(r.Error) < 8 {
			r.Error = append(r.Error, Param{n, v})
		}
	}
	return true
}
