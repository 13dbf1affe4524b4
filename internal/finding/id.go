package finding

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

var idAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// identity is short and stable: code, the first two subjects and the first frame decide it.
func identity(f *Finding) string {
	h := sha256.New()
	h.Write([]byte(f.Code.ID))
	for i, s := range f.Subjects {
		if i == 2 {
			break
		}
		h.Write([]byte{0})
		h.Write([]byte(s.Role))
		h.Write(s.Addr[:])
		h.Write(s.MAC[:])
		h.Write(binary.BigEndian.AppendUint16(nil, s.Port))
	}
	var b []byte
	b = binary.BigEndian.AppendUint16(b, f.First.Source)
	b = binary.BigEndian.AppendUint64(b, f.First.Frame)
	b = binary.BigEndian.AppendUint64(b, uint64(f.First.Time))
	h.Write(b)
	return "FS-" + strings.ToLower(idAlphabet.EncodeToString(h.Sum(nil)[:4]))[:6]
}
