package http

import "strings"

// Bounds of the fields that go into a record, in bytes and in number.
const (
	maxFieldName  = 256
	maxFieldValue = 4096
	maxFields     = 128
)

// secrets are fields whose values let their bearer in: they are kept nowhere.
var secrets = []string{"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"}

// hidden stands where the value of such a field was.
const hidden = "(hidden)"

// kept returns the fields of a head for a record.
func (m *Message) kept() (fields []HeaderField) {
	for i := range m.Fields[:min(len(m.Fields), maxFields)] {
		f := &m.Fields[i]
		k := HeaderField{string(f.Name[:min(len(f.Name), maxFieldName)]), string(f.Value[:min(len(f.Value), maxFieldValue)])}
		k.Value = Shown(k.Name, k.Value)
		fields = append(fields, k)
	}
	return fields
}

// Shown is the value of a field as records show it: those that prove who somebody is are hidden, and who asks in an authority.
func Shown(name, value string) string {
	if at := strings.LastIndexByte(value, '@'); at >= 0 && name == ":authority" {
		return hidden + value[at:]
	}
	for _, s := range secrets {
		if strings.EqualFold(name, s) {
			return hidden
		}
	}
	from, to := passwordIn([]byte(value)) // Referer and Location may have one
	return value[:from] + value[to:]
}
