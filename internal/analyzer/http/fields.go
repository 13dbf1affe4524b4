package http

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
		for _, s := range secrets {
			if eqFold(f.Name, s) {
				k.Value = hidden
			}
		}
		fields = append(fields, k)
	}
	return fields
}
