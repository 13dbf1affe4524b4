package event

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"firestorm/internal/packet"
)

func appendBase64(dst, b []byte) []byte { return base64.StdEncoding.AppendEncode(dst, b) }

// AppendPrintable appends bytes as a JSON string of ASCII: line ends stay, what cannot be printed becomes a dot.
func AppendPrintable(dst, b []byte) []byte {
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c >= 0x20 && c < 0x7f:
			dst = append(dst, c)
		default:
			dst = append(dst, '.')
		}
	}
	return append(dst, '"')
}

// AppendEVEPacket appends packet and packet_info.
func AppendEVEPacket(dst, frame []byte, link packet.LinkType) []byte {
	dst = append(dst, `,"packet":"`...)
	dst = appendBase64(dst, frame)
	dst = append(dst, `","packet_info":{"linktype":`...)
	dst = strconv.AppendUint(dst, uint64(link), 10)
	if n := link.DLT(); n != "" {
		dst = append(dst, `,"linktype_name":"`...)
		dst = append(dst, n...)
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

// appendTexts appends a list of strings.
func appendTexts(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSONString(dst, s)
	}
	return append(dst, ']')
}

// shared are the keys that records of any type may have: those of AppendEVEHead and AppendEVETail, and what an alert says
// itself.
var shared = map[string]bool{"timestamp": true, "flow_id": true, "in_iface": true, "pcap_cnt": true, "event_type": true, "vlan": true, "src_ip": true,
	"src_port": true, "dest_ip": true, "dest_port": true, "proto": true, "ip_v": true, "icmp_type": true, "icmp_code": true, "pkt_src": true, "ether": true,
	"tx_id": true, "community_id": true, "pcap_filename": true, "app_proto": true, "direction": true, "flow": true, "alert": true, "metadata": true}

// eachMember calls f for each member of the JSON object that record is, which one of this package's writers made: key
// without its quotes, value as it is written. What is no such object has none.
func eachMember(record []byte, f func(key, value []byte)) {
	i := 1
	for i < len(record) && record[i] == '"' {
		n := bytes.IndexByte(record[i+1:], '"')
		if n < 0 || i+n+2 >= len(record) || record[i+n+2] != ':' {
			return
		}
		key := record[i+1 : i+1+n]
		from := i + n + 3
		end := skipValue(record, from)
		f(key, record[from:end])
		i = end + 1 // the comma
	}
}

// skipValue returns where the JSON value that begins at i ends.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return min(i, len(b))
}

// appendOwn appends the members of a record that are of its own protocol.
func appendOwn(dst, record []byte) []byte {
	eachMember(record, func(key, value []byte) {
		if shared[string(key)] {
			return
		}
		dst = append(dst, ',', '"')
		dst = append(dst, key...)
		dst = append(dst, '"', ':')
		dst = append(dst, value...)
	})
	return dst
}

// appendTx appends the number of a record's transaction, if it has one: its own, or that of its object.
func appendTx(dst, record []byte, guessed bool) []byte {
	var tx []byte
	eachMember(record, func(key, value []byte) {
		switch {
		case string(key) == "tx_id":
			tx = value
		case tx == nil && !shared[string(key)] && len(value) > 0 && value[0] == '{':
			eachMember(value, func(key, value []byte) {
				if string(key) == "tx_id" {
					tx = value
				}
			})
		}
	})
	if tx == nil {
		return dst
	}
	dst = append(dst, `,"tx_id":`...)
	dst = append(dst, tx...)
	if guessed {
		dst = append(dst, `,"tx_guessed":true`...)
	}
	return dst
}
