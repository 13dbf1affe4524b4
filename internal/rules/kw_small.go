package rules

import (
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

var ofSNMP, ofKRB5, ofDHCP, ofNFS = []string{"snmp"}, []string{"krb5"}, []string{"dhcp"}, []string{"nfs"}

// smallBuffers are the parts of protocols that have few.
var smallBuffers = together(
	buffersOf(ofSNMP, named{"snmp.community", eitherWay}, named{"snmp.usm", eitherWay}),
	buffersOf(ofKRB5, named{"krb5.cname krb5_cname", eitherWay}, named{"krb5.sname krb5_sname", eitherWay}))

func snmpPart(name string) buffer { return buffer{"snmp." + name, ofSNMP, eitherWay} }
func krb5Part(name string) buffer { return buffer{"krb5." + name, ofKRB5, eitherWay} }
func nfsPart(name string) buffer  { return buffer{"nfs." + name, ofNFS, toServer} }
func dhcpPart(name string) buffer { return buffer{"dhcp." + name, ofDHCP, eitherWay} }

// smallKeywords compare their numbers.
var smallKeywords = []keyword{
	numberOf("snmp.version", snmpPart("version"), 32, nil),
	numberOf("snmp.pdu_type", snmpPart("pdu_type"), 32, map[string]uint64{"get_request": 0, "get_next_request": 1, "response": 2, "set_request": 3, "trap_v1": 4, "get_bulk_request": 5,
		"inform_request": 6, "trap_v2": 7, "report": 8}),
	numberOf("krb5_msg_type", krb5Part("msg_type"), 32, krb5Types), numberOf("krb5.msg_type", krb5Part("msg_type"), 32, krb5Types),
	numberOf("krb5_err_code", krb5Part("err_code"), 32, nil), numberOf("krb5.err_code", krb5Part("err_code"), 32, nil),
	{"krb5.weak_encryption", func(c *compiler, o *lang.Option) error {
		return c.ask(krb5Part("weak_encryption"), o.Negated, func(b []byte) bool { return value(b) == 1 })
	}},
	{"krb5.ticket_encryption", func(c *compiler, o *lang.Option) error {
		if text := strings.ToLower(strings.TrimSpace(o.Value)); text == "weak" {
			return c.ask(krb5Part("ticket_encryption"), o.Negated, func(b []byte) bool { return weakEncryption(int32(value(b))) })
		}
		var list []int32
		for f := range strings.SplitSeq(o.Value, ",") {
			f = strings.TrimSpace(f)
			n, ok := krb5Encryptions[strings.ToLower(f)]
			if !ok {
				if _, err := fmt.Sscanf(f, "%d", &n); err != nil {
					return fmt.Errorf("%q is no algorithm of Kerberos", f)
				}
			}
			list = append(list, n)
		}
		return c.ask(krb5Part("ticket_encryption"), o.Negated, func(b []byte) bool {
			for _, n := range list {
				if int32(value(b)) == n {
					return true
				}
			}
			return false
		})
	}},
	numberOf("dhcp.leasetime", dhcpPart("leasetime"), 64, nil), numberOf("dhcp.rebinding_time", dhcpPart("rebinding_time"), 64, nil),
	numberOf("dhcp.renewal_time", dhcpPart("renewal_time"), 64, nil),
	numberOf("nfs_version", nfsPart("version"), 32, nil), numberOf("nfs.version", nfsPart("version"), 32, nil), numberOf("nfs_procedure", nfsPart("procedure"), 32, nil),
}

var krb5Types = map[string]uint64{"as_req": 10, "as_rep": 11, "tgs_req": 12, "tgs_rep": 13, "ap_req": 14, "ap_rep": 15, "error": 30}

// krb5Encryptions are the algorithms by name, in lower case (RFC 3961 8).
var krb5Encryptions = map[string]int32{"des-cbc-crc": 1, "des-cbc-md4": 2, "des-cbc-md5": 3, "des3-cbc-md5": 5, "des3-cbc-sha1": 7, "des3-cbc-sha1-kd": 16, "aes128-cts-hmac-sha1-96": 17,
	"aes256-cts-hmac-sha1-96": 18, "aes128-cts-hmac-sha256-128": 19, "aes256-cts-hmac-sha384-192": 20, "rc4-hmac": 23, "rc4-hmac-exp": 24, "camellia128-cts-cmac": 25, "camellia256-cts-cmac": 26}

// weakEncryption reports an algorithm that is not one of AES or Camellia (RFC 8429).
func weakEncryption(e int32) bool { return !(e >= 17 && e <= 20 || e == 25 || e == 26) }
