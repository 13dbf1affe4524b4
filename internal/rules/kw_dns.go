package rules

var ofDNS = []string{"dns", "http2"} // RFC 8484

// dnsBuffers are the names of a message.
var dnsBuffers = buffersOf(ofDNS, named{"dns.query dns_query", toServer}, named{"dns.queries.rrname", eitherWay}, named{"dns.answers.rrname", eitherWay},
	named{"dns.response.rrname", toClient}, named{"dns.authorities.rrname", eitherWay}, named{"dns.additionals.rrname", eitherWay},
	named{"mdns.queries.rrname", eitherWay}, named{"mdns.answers.rrname", eitherWay}, named{"mdns.response.rrname", eitherWay},
	named{"mdns.authorities.rrname", eitherWay}, named{"mdns.additionals.rrname", eitherWay})

func dnsPart(name string) buffer { return buffer{"dns." + name, ofDNS, eitherWay} }

// dnsKeywords compare the numbers of a message.
var dnsKeywords = []keyword{
	numberOf("dns.opcode", dnsPart("opcode"), 8, nil), numberOf("dns.rcode", dnsPart("rcode"), 16, dnsRCodes), numberOf("dns.rrtype", dnsPart("rrtype"), 16, dnsTypes),
}

// dnsRCodes are the response codes by name, in lower case (RFC 6895 2.3).
var dnsRCodes = map[string]uint64{"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5, "yxdomain": 6, "yxrrset": 7, "nxrrset": 8,
	"notauth": 9, "notzone": 10, "badvers": 16, "badsig": 16, "badkey": 17, "badtime": 18, "badmode": 19, "badname": 20, "badalg": 21, "badtrunc": 22}

// dnsTypes are the types of records by name, in lower case.
var dnsTypes = map[string]uint64{"a": 1, "ns": 2, "md": 3, "mf": 4, "cname": 5, "soa": 6, "mb": 7, "mg": 8, "mr": 9, "null": 10, "wks": 11, "ptr": 12, "hinfo": 13,
	"minfo": 14, "mx": 15, "txt": 16, "rp": 17, "afsdb": 18, "x25": 19, "isdn": 20, "rt": 21, "nsap": 22, "sig": 24, "key": 25, "px": 26, "gpos": 27, "aaaa": 28,
	"loc": 29, "nxt": 30, "srv": 33, "atma": 34, "naptr": 35, "kx": 36, "cert": 37, "a6": 38, "dname": 39, "opt": 41, "apl": 42, "ds": 43, "sshfp": 44,
	"ipseckey": 45, "rrsig": 46, "nsec": 47, "dnskey": 48, "dhcid": 49, "nsec3": 50, "nsec3param": 51, "tlsa": 52, "hip": 55, "cds": 59, "cdnskey": 60,
	"svcb": 64, "https": 65, "spf": 99, "tkey": 249, "tsig": 250, "ixfr": 251, "axfr": 252, "maila": 254, "any": 255, "uri": 256}
